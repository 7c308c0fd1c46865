"""Files of dialogues through the whole data room: dataset_info.json, tools, splits, the stored form."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from weitiao.config import Recipe, Source
from weitiao.data import dataset_hash, load, prepare, save
from weitiao.data.fit import make_fitter
from weitiao.errors import DataError
from weitiao.types import Dataset, Example

TOOL = {"name": "search", "parameters": {"type": "object"}}


def write(path: Path, value: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")
    return path


def make(root: Path, fitter: Any = None, **data: Any) -> Dataset:
    return prepare(Recipe.model_validate({"data": data}), root=root, fitter=fitter)


def dialogues(num: int) -> list[dict[str, Any]]:
    """Dialogues with two replies, a search and a text."""
    return [
        {
            "id": k,
            "dialogue": [
                {"role": "user", "content": f"hotel {k}?"},
                {"role": "search", "arguments": {"k": k}},
                {"role": "return", "records": [k]},
                {"role": "assistant", "content": f"take {k}"},
            ],
        }
        for k in range(num)
    ]


ALPACA = [{"q": f"q{k}", "in": "", "a": f"a{k}", "id": k} for k in range(4)]
SHAREGPT = [{"turns": [{"who": "U", "says": f"q{k}"}, {"who": "A", "says": f"a{k}"}]} for k in range(4)]
INFO = {
    "mine": {
        "file_name": "alpaca.json",
        "columns": {"prompt": "q", "query": "in", "response": "a", "history": None},
    },
    "talk": {
        "file_name": "talk.json",
        "formatting": "sharegpt",
        "columns": {"messages": "turns"},
        "tags": {"role_tag": "who", "content_tag": "says", "user_tag": "U", "assistant_tag": "A"},
    },
    "far": {"hf_hub_url": "somebody/something"},
    "pairs": {"file_name": "alpaca.json", "ranking": True, "columns": {"chosen": "a"}},
}


@pytest.mark.parametrize("name", ["mine", "talk"])
def test_a_data_set_of_a_dataset_info_file(tmp_path: Path, name: str) -> None:
    write(tmp_path / "d" / "alpaca.json", ALPACA)
    write(tmp_path / "d" / "talk.json", SHAREGPT)
    write(tmp_path / "d" / "dataset_info.json", INFO)
    for place in ("d", "d/dataset_info.json"):
        dataset = make(tmp_path, train=[{"dataset_info": place, "dataset": name}])
        assert [[m.content for m in e.messages] for e in dataset.train] == [
            [f"q{k}", f"a{k}"] for k in range(4)
        ]
    entry = dataset.card["sources"][0]
    assert entry["file"] == f"d/{INFO[name]['file_name']}"
    assert entry["shape"] == ("sharegpt" if name == "talk" else "alpaca")
    # The same description is found where it lies beside the file (only one entry may name the file).
    write(tmp_path / "d" / "dataset_info.json", {name: INFO[name]})
    assert make(tmp_path, train=[{"file": entry["file"]}]).train == dataset.train


def test_what_a_recipe_says_counts_more_than_a_file_beside_it(tmp_path: Path) -> None:
    write(tmp_path / "alpaca.json", ALPACA)
    write(tmp_path / "dataset_info.json", {"mine": INFO["mine"]})
    (first, *_) = make(tmp_path, train=[{"file": "alpaca.json"}], prompt="a", response="q").train
    assert [m.content for m in first.messages] == ["a0", "q0"]


def test_data_sets_that_cannot_be_read_say_why(tmp_path: Path) -> None:
    write(tmp_path / "dataset_info.json", INFO)

    def problem(name: str, **more: str) -> str:
        with pytest.raises(DataError) as caught:
            make(tmp_path, train=[{"dataset_info": ".", "dataset": name, **more}])
        return str(caught.value)

    assert 'no data set "mien"; did you mean "mine"?' in problem("mien")
    assert "hf_hub_url is not supported; no file_name: only local files" in problem("far")
    assert "preference data (ranking)" in problem("pairs")
    assert "alpaca.json: no such file" in problem("mine")
    write(tmp_path / "alpaca.json", ALPACA)
    assert "data.shape is messages, dataset_info.json says alpaca" in problem("mine", shape="messages")
    (tmp_path / "dataset_info.json").write_text("{", encoding="utf-8")
    assert "dataset_info.json: not JSON" in problem("mine")


def test_a_source_is_a_file_or_a_data_set() -> None:
    for fields in ({}, {"file": "x", "dataset": "y"}, {"dataset_info": "x"}):
        with pytest.raises(ValueError, match="give"):
            Source.model_validate(fields)


def test_rounds_of_a_dialogue_stay_in_one_part_and_tools_come_along(tmp_path: Path) -> None:
    write(tmp_path / "x.json", dialogues(60))
    write(tmp_path / "tools.json", [TOOL])
    dataset = make(
        tmp_path, sources=[{"file": "x.json"}], tools="tools.json", split={"dev": 0.2, "test": 0.2}
    )
    parts = [{e.meta["id"] for e in part} for part in (dataset.train, dataset.dev, dataset.test)]
    assert all(parts)
    assert sum(map(len, parts)) == 60
    everything = [*dataset.train, *dataset.dev, *dataset.test]
    assert len(everything) == 120
    assert all(e.tools == ({"type": "function", "function": TOOL},) for e in everything)
    card = dataset.card
    assert card["sources"][0]["shape"] == "hotel_dialogue"
    assert (card["steps"][1]["in"], card["steps"][1]["out"]) == (60, 120)
    assert "unused" not in card["steps"][1]
    assert card["conflicts"]["count"] == 0
    whole = make(tmp_path, sources=[{"file": "x.json"}], dialogues="whole", split={"dev": 0.2, "test": 0.2})
    assert len([*whole.train, *whole.dev, *whole.test]) == 60


def test_calls_count_as_what_a_reply_says(tmp_path: Path) -> None:
    rows = dialogues(2)
    for row in rows:
        row["dialogue"][0]["content"] = "hotel?"
    write(tmp_path / "x.json", rows)
    card = make(tmp_path, train=[{"file": "x.json"}]).card
    assert card["conflicts"]["count"] == 1
    assert '"arguments": {"k": 0}' in card["conflicts"]["examples"][0]["responses"][0]["response"]


def test_calls_and_tools_are_stored_and_hashed(tmp_path: Path) -> None:
    write(tmp_path / "x.json", dialogues(3))
    write(tmp_path / "tools.json", [TOOL])
    dataset = make(tmp_path, train=[{"file": "x.json"}], tools="tools.json")
    save(dataset, tmp_path / "out")
    assert load(tmp_path / "out") == dataset
    rows = dialogues(3)
    rows[0]["dialogue"][1]["arguments"] = {"k": 9}
    write(tmp_path / "x.json", rows)
    other = make(tmp_path, train=[{"file": "x.json"}], tools="tools.json")
    assert dataset_hash(other) != dataset_hash(dataset)


def test_a_cut_leaves_calls_and_tools_alone(tmp_path: Path) -> None:
    rows = dialogues(1)
    rows[0]["dialogue"].append({"role": "user", "content": "long " * 20})
    rows[0]["dialogue"].append({"role": "assistant", "content": "ok"})
    write(tmp_path / "x.json", rows)
    write(tmp_path / "tools.json", [TOOL])

    def count(example: Example) -> int:
        return sum(len(m.content) for m in example.messages)

    data = {"train": [{"file": "x.json"}], "tools": "tools.json", "dialogues": "whole"}
    (whole,) = make(tmp_path, **data).train
    (cut,) = make(tmp_path, make_fitter(count, 50, "left"), **data).train
    assert count(cut) == 50
    assert cut.tools == whole.tools
    assert [m.tool_calls for m in cut.messages] == [m.tool_calls for m in whole.messages]


def test_a_missing_or_broken_tools_file(tmp_path: Path) -> None:
    write(tmp_path / "x.json", dialogues(1))
    with pytest.raises(DataError, match=r"data\.tools: t\.json cannot be read"):
        make(tmp_path, train=[{"file": "x.json"}], tools="t.json")
    write(tmp_path / "t.json", {"name": "search"})
    with pytest.raises(DataError, match=r"data\.tools, t\.json is an object, expected a list"):
        make(tmp_path, train=[{"file": "x.json"}], tools="t.json")
