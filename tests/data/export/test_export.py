"""Exports: what is written is read back by our own reader to the same messages; nothing is lost unseen."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from weitiao.config import DataConfig, Recipe
from weitiao.data import prepare
from weitiao.data.export import FORMATS, export, merged, rounds
from weitiao.data.export.dialogues import dialogues
from weitiao.errors import DataError
from weitiao.types import Dataset, Example, Message, ToolCall, content_id

text = st.text(st.sampled_from('ab甲乙 "\\{}\n\r,，\t'), min_size=1, max_size=8).filter(str.strip)
values = st.dictionaries(
    st.sampled_from(["city", "价格"]),
    st.none() | st.integers(0, 9) | text | st.lists(text, max_size=2),
    max_size=2,
)
tool = st.fixed_dictionaries(
    {
        "type": st.just("function"),
        "function": st.fixed_dictionaries({"name": st.just("search"), "parameters": values}),
    }
)


def example(messages: list[Message], tools: tuple = (), **meta: Any) -> Example:
    turns = tuple(messages)
    return Example(content_id(turns, tools), turns, meta=meta, tools=tools)


@st.composite
def plain(draw, *, system: bool = True, history: bool = True):
    """Question and answer in turn, the last answer learnt and perhaps the others."""
    turns = [Message("system", draw(text))] if system and draw(st.booleans()) else []
    whole = draw(st.booleans())
    for _ in range(draw(st.integers(0, 2)) if history else 0):
        turns += [Message("user", draw(text)), Message("assistant", draw(text), train=whole)]
    return example([*turns, Message("user", draw(text)), Message("assistant", draw(text), train=True)])


@st.composite
def with_calls(draw, *, beside: bool = True, several: bool = True):
    """A dialogue with function calls; ``beside``: text may stand beside a call."""
    turns = [Message("user", draw(text))]
    for _ in range(draw(st.integers(1, 2))):
        calls = draw(
            st.lists(st.builds(ToolCall, st.just("search"), values), min_size=1, max_size=2 if several else 1)
        )
        said = draw(text) if beside and draw(st.booleans()) else ""
        turns += [Message("assistant", said, draw(st.booleans()), tuple(calls))]
        turns += [Message("tool", draw(text)) for _ in calls]
    return example([*turns, Message("assistant", draw(text), True)], tuple(draw(st.lists(tool, max_size=2))))


HOLDS = {
    "alpaca": plain(),
    "sharegpt": plain() | with_calls(beside=False),
    "messages": plain() | with_calls(),
    "chatglm2": plain(system=False),
    "chatglm3": plain() | with_calls(several=False),
    "iflytek": plain(system=False, history=False),
    "iflytek-csv": plain(system=False, history=False),
    "llama-factory": plain() | with_calls(beside=False, several=False),
    "huggingface": plain() | with_calls(),
}


def read_back(folder: Path) -> Dataset:
    section = json.loads((folder / "export.json").read_text("utf-8"))["data"]
    recipe = Recipe(base={"path": "none"}, data=DataConfig.model_validate(section))
    return prepare(recipe, root=folder)


def said(messages: tuple[Message, ...]) -> list:
    return [(m.role, m.content, tuple(json.dumps(c.as_dict()) for c in m.tool_calls)) for m in messages]


def learnt(examples, *, only_last: bool = False) -> Counter:
    """Every reply that is learnt, with all that stands before it."""
    found: Counter = Counter()
    for e in examples:
        places = [k for k, m in enumerate(e.messages) if m.train]
        for k in places[-1:] if only_last else places:
            found[json.dumps([said(e.messages[: k + 1]), list(e.tools)], sort_keys=True)] += 1
    return found


@pytest.mark.parametrize("to", HOLDS)
@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_our_reader_reads_every_export_back(to: str, data) -> None:
    assert set(HOLDS) == set(FORMATS)
    parts = [tuple(data.draw(st.lists(HOLDS[to], min_size=1, max_size=3))) for _ in range(3)]
    dataset = Dataset(*parts, card={})
    with TemporaryDirectory() as temporary:
        folder = Path(temporary) / "out"
        done = export(dataset, to, folder)
        back = read_back(folder)
    for name in ("train", "dev", "test"):
        given_, read_ = getattr(dataset, name), getattr(back, name)
        account = done.report["parts"][name]
        if FORMATS[to].learns == "marked":
            assert [(e.messages, e.tools) for e in read_] == [(e.messages, e.tools) for e in given_]
            continue
        if FORMATS[to].learns == "all":
            rows = merged(given_)
            assert [said(e.messages) for e in read_] == [said(r.messages) for r in rows]
            assert [e.tools for e in read_] == [r.tools for r in rows]
            more = learnt(read_) - learnt(given_)
            assert more.total() == account["also_learnt"]
            assert not (FORMATS[to].marks and more)
        else:
            assert [said(e.messages) for e in read_] == [said(r.messages) for r in rounds(given_)]
        assert not learnt(given_) - learnt(read_)


def dialogue(*replies: str) -> list[Message]:
    turns = []
    for number, reply in enumerate(replies):
        turns += [Message("user", f"q{number}"), Message("assistant", reply)]
    return turns


def as_rounds(turns: list[Message]) -> list[Example]:
    made = []
    for end, message in enumerate(turns):
        if message.role == "assistant":
            last = Message("assistant", message.content, train=True)
            made.append(example([*turns[:end], last]))
    return made


def test_rounds_of_a_dialogue_become_one_row() -> None:
    examples = as_rounds(dialogue("a", "b", "c")) + as_rounds(dialogue("x", "y"))
    rows = merged(examples)
    assert [len(row.messages) for row in rows] == [6, 4]
    assert [row.samples for row in rows] == [3, 2]
    assert all(m.train for row in rows for m in row.messages if m.role == "assistant")
    assert [row.unlearnt for row in rows] == [0, 0]


@settings(deadline=None, max_examples=50)
@given(st.lists(st.lists(st.sampled_from("ab"), min_size=1, max_size=3), min_size=1, max_size=4))
def test_merging_learns_each_reply_as_often_as_before(dialogues: list[list[str]]) -> None:
    examples = [e for replies in dialogues for e in as_rounds(dialogue(*replies))]
    rows = [example(list(row.messages), row.tools) for row in merged(examples)]
    assert learnt(rows) == learnt(examples)


@settings(deadline=None, max_examples=50)
@given(st.lists(plain() | with_calls(), max_size=6))
def test_rows_of_a_stream_are_those_of_the_whole(examples: list[Example]) -> None:
    assert list(dialogues(examples)) == merged(examples)
    single = [e for e in examples if not any(m.role == "assistant" for m in e.messages[:-1])]
    assert isinstance(dialogues(single), Iterator)  # and so nothing is held
    assert list(dialogues(single)) == merged(single)


def test_parquet_in_several_groups_and_progress_on_the_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("weitiao.data.export.folders._GROUP", 700)
    rows = tuple(example([Message("user", f"q{k}"), Message("assistant", "a", True)]) for k in range(2500))
    told: list[tuple[str, int]] = []
    export(
        Dataset(rows, (), (), {}), "huggingface", tmp_path / "out", progress=lambda *said: told.append(said)
    )
    assert told == [("train", 1000), ("train", 2000)]
    assert [e.messages for e in read_back(tmp_path / "out").train] == [e.messages for e in rows]


def test_what_a_format_cannot_hold_is_refused_with_all_rows_or_left_out_and_counted(tmp_path: Path) -> None:
    call = Message("assistant", "", True, (ToolCall("search", {}),))
    calls = example([Message("user", "q"), call, Message("tool", "r"), Message("assistant", "a", True)])
    fine = example([Message("user", "q"), Message("assistant", "a", True)])
    system = example([Message("system", "s"), Message("user", "q"), Message("assistant", "a", True)])
    dataset = Dataset((calls, fine, calls, system), (), (), {})
    with pytest.raises(DataError, match="5 rows cannot be written as iflytek"):
        export(dataset, "iflytek", tmp_path / "out")
    with pytest.raises(DataError, match="5 rows cannot be written as iflytek"):
        export(dataset, "iflytek", tmp_path / "deep" / "er" / "out")
    assert list(tmp_path.iterdir()) == []
    done = export(dataset, "iflytek", tmp_path / "out", skip=True)
    part = done.report["parts"]["train"]
    assert (part["rows"], sum(item["count"] for item in part["left_out"])) == (1, 5)
    done = export(dataset, "iflytek", tmp_path / "out", skip=True, system_in_prompt=True)
    assert [e.prompt[0].content for e in read_back(tmp_path / "out").train] == ["q", "s\n\nq"]


def test_folders(tmp_path: Path) -> None:
    dataset = Dataset((example([Message("user", "q"), Message("assistant", "a", True)]),), (), (), {})
    taken = tmp_path / "taken"
    taken.mkdir()
    (taken / "mine.txt").write_text("mine")
    with pytest.raises(DataError, match="no earlier export"):
        export(dataset, "alpaca", taken)
    with pytest.raises(DataError, match='did you mean "alpaca"'):
        export(dataset, "alpacca", tmp_path / "new")
    export(dataset, "alpaca", tmp_path / "new")
    export(dataset, "messages", tmp_path / "new")
    names = sorted(p.name for p in (tmp_path / "new").iterdir())
    assert names == ["card.html", "export.json", "read_back.yaml", "train.jsonl"]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["new", "taken"]


def test_the_files_are_those_of_the_tools(tmp_path: Path) -> None:
    pair = [Message("user", "q"), Message("assistant", "a", True)]
    dataset = Dataset((example([Message("system", "s"), *pair]),), (example(pair),), (), {})

    def written(to: str, file: str, **options: Any) -> Any:
        export(dataset, to, tmp_path / to, **options)
        content = (tmp_path / to / file).read_text("utf-8")
        return json.loads(content) if file.endswith(".json") and content[0] == "[" else content

    assert written("alpaca", "train.json") == [
        {"instruction": "q", "input": "", "output": "a", "system": "s"}
    ]
    turns = [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}]
    assert written("sharegpt", "train.json") == [{"conversations": turns, "system": "s"}]
    assert written("iflytek-csv", "dev.csv", system_in_prompt=True) == "input,target\nq,a\n"
    rows = written("chatglm2", "dev.json", system_in_prompt=True)
    assert rows == [{"prompt": "q", "response": "a", "history": []}]
    info = json.loads(written("llama-factory", "dataset_info.json", name="mine"))
    assert set(info) == {"mine_train", "mine_dev"}
    assert info["mine_train"]["file_name"] == "train.json"


@settings(deadline=None, max_examples=40)
@given(plain() | with_calls(several=False))
def test_chatglm3_script_learns_what_is_learnt_here(dialogue: Example) -> None:
    """By the rule of the official script: system and user never, other turns unless ``loss`` is false."""
    with TemporaryDirectory() as temporary:
        export(Dataset((dialogue,), (), (), {}), "chatglm3", Path(temporary) / "out")
        row = json.loads((Path(temporary) / "out" / "train.jsonl").read_text("utf-8"))
    learnt_there = [
        turn.get("content", turn.get("parameters"))
        for turn in row["conversations"]
        if turn["role"] not in ("system", "user") and turn.get("loss", True)
    ]
    expected: list[Any] = []
    for message in dialogue.messages:
        if message.train and (message.content or not message.tool_calls):
            expected.append(message.content)
        if message.train:
            expected += [dict(call.arguments) for call in message.tool_calls]
    assert learnt_there == expected


@settings(deadline=None, max_examples=40)
@given(st.data())
def test_llama_factory_finds_every_column_that_the_registry_names(data) -> None:
    parts = [tuple(data.draw(st.lists(HOLDS["llama-factory"], min_size=1, max_size=3))) for _ in range(3)]
    with TemporaryDirectory() as temporary:
        folder = Path(temporary) / "out"
        export(Dataset(*parts, card={}), "llama-factory", folder)
        info = json.loads((folder / "dataset_info.json").read_text("utf-8"))
        for entry in info.values():
            rows = json.loads((folder / entry["file_name"]).read_text("utf-8"))
            there = {key for row in rows for key in row}
            assert set(entry["columns"].values()) <= there  # LLaMA-Factory: row[column] of its loaded table
            assert {"system", "history", "tools"} & there <= set(entry["columns"].values())


def test_csv_for_excel_reads_back_and_other_formats_refuse_it(tmp_path: Path) -> None:
    pair = [Message("user", '问"题",\r\n第二行'), Message("assistant", "=1+1", True)]
    dataset = Dataset((example(pair),), (), (), {"warnings": ["w"]})
    done = export(dataset, "iflytek-csv", tmp_path / "out", bom=True)
    assert (tmp_path / "out" / "train.csv").read_bytes().startswith(b"\xef\xbb\xbfinput,target\r\n")
    assert [e.messages for e in read_back(tmp_path / "out").train] == [tuple(pair)]
    assert done.report["card"] == {"warnings": ["w"]}
    with pytest.raises(DataError, match="no csv files"):
        export(dataset, "iflytek", tmp_path / "new", bom=True)


def test_hugging_face_reads_the_folder(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    pair = [Message("user", "q"), Message("assistant", "a", True)]
    schema = ({"type": "function", "function": {"name": "f", "parameters": {}}},)
    dataset = Dataset((example(pair, schema, id="7"),), (example(pair),), (), {})
    export(dataset, "huggingface", tmp_path / "hf")
    loaded = datasets.load_dataset(str(tmp_path / "hf"), cache_dir=str(tmp_path / "cache"))
    assert {name: len(part) for name, part in loaded.items()} == {"train": 1, "validation": 1}
    row = loaded["train"][0]
    assert (row["id"], row["messages"][1]["content"]) == ("7", "a")


@pytest.mark.parametrize("to", ["sharegpt", "messages", "chatglm3", "llama-factory"])
def test_real_dialogues(shared: Path, tmp_path: Path, to: str) -> None:
    source = {"file": str(shared / "data" / "hotel_dialogues" / "dev_dialogues.jsonl")}
    recipe = Recipe(base={"path": "none"}, data=DataConfig.model_validate({"train": [source]}))
    dataset = prepare(recipe, root=tmp_path)
    done = export(dataset, to, tmp_path / "out", skip=True)
    account = done.report["parts"]["train"]
    back = read_back(tmp_path / "out").train
    lost = sum(item["count"] for item in account["left_out"])
    assert lost <= 0.05 * account["rows"]
    assert not learnt(back) - learnt(dataset.train)
    if not lost:
        assert learnt(back) == learnt(dataset.train)
