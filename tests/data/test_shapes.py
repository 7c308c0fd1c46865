"""Files of dialogues: each shape, and the samples that are made of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weitiao.config import DataConfig, Source
from weitiao.data.build import build, build_source
from weitiao.data.shapes import SHAPES, find_shape, samples_of
from weitiao.data.shapes.dialogue import Dialogue
from weitiao.errors import DataError
from weitiao.types import Example, Message, Origin, Record, ToolCall, content_id

SOURCE = Source(file="x.jsonl")
TOOL = {"name": "weather", "description": "Looks up.", "parameters": {"type": "object", "properties": {}}}
CALL = ToolCall("weather", {"city": "北京"})


def made(*rows: dict[str, Any], source: Source = SOURCE, **fields: Any) -> list[Example]:
    data = DataConfig(sources=(source,), **fields)
    return build([Record(row, Origin("x.jsonl", n)) for n, row in enumerate(rows, start=1)], data, source)


def user(text: str) -> Message:
    return Message("user", text)


def reply(text: str, *calls: ToolCall, train: bool = False) -> Message:
    return Message("assistant", text, train, calls)


WHOLE = (
    user("北京天气？"),
    reply("", CALL, train=True),
    Message("tool", '{"t": 1}'),
    reply("一度", train=True),
)

ROWS: dict[str, dict[str, Any]] = {
    "messages": {
        "messages": [
            {
                "role": "user",
                "content": [{"type": "text", "text": "北京"}, {"type": "text", "text": "天气？"}],
            },
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [
                    {
                        "id": "1",
                        "function": {"name": "weather", "arguments": '{"city": "北京"}'},
                        "type": "function",
                    }
                ],
            },
            {"role": "tool", "tool_call_id": "1", "content": '{"t": 1}'},
            {"role": "assistant", "content": "一度"},
        ],
        "tools": [{"type": "function", "function": TOOL}],
    },
    "sharegpt": {
        "conversations": [
            {"from": "human", "value": "北京天气？"},
            {"from": "function_call", "value": '{"name": "weather", "arguments": {"city": "北京"}}'},
            {"from": "observation", "value": '{"t": 1}'},
            {"from": "gpt", "value": "一度"},
        ],
        "tools": json.dumps([TOOL]),
    },
    "chatglm3_tools": {
        "tools": [TOOL],
        "conversations": [
            {"role": "user", "content": "北京天气？"},
            {"role": "tool", "name": "weather", "parameters": {"city": "北京"}, "observation": {"t": 1}},
            {"role": "assistant", "content": "一度"},
        ],
    },
}


@pytest.mark.parametrize("shape", ROWS)
def test_one_dialogue_in_three_shapes_is_the_same_messages(shape: str) -> None:
    row = ROWS[shape]
    assert find_shape(row) == shape
    (example,) = made(row, dialogues="whole")
    assert example.messages == WHOLE
    assert example.tools == ({"type": "function", "function": TOOL},)
    assert example.id == content_id(WHOLE, example.tools)
    first, second = made(row, shape=shape)
    assert first.messages == WHOLE[:2]
    assert second.messages == (WHOLE[0], reply("", CALL), *WHOLE[2:])
    assert first.group == second.group != ""
    assert (first.meta["round"], second.meta["round"]) == (1, 2)


def test_a_table_holds_dialogues_as_json_text() -> None:
    row = {name: json.dumps(value) for name, value in ROWS["messages"].items()}
    assert find_shape(row) == "messages"
    assert made(row, dialogues="whole")[0].messages == WHOLE


HOTEL = [
    {"role": "user", "content": "找酒店"},
    {"role": "search", "arguments": {"type": "经济型", "rating_range_lower": 4.0}},
    {"role": "return", "records": [{"name": "甲"}]},
    {"role": "assistant", "content": "推荐甲"},
    {"role": "user", "content": "谢谢"},
]
SEARCH = ToolCall("search", {"type": "经济型", "rating_range_lower": 4.0})


def test_hotel_turns_and_dialogues_give_the_same_samples() -> None:
    turns = [{"context": json.dumps(HOTEL[:n]), "response": json.dumps(HOTEL[n])} for n in (1, 3)]
    dialogue = {"id": "7", "dialogue": HOTEL}
    assert (find_shape(turns[0]), find_shape(dialogue)) == ("hotel_turns", "hotel_dialogue")
    by_turns, by_dialogue = made(*turns), made(dialogue)
    assert [e.messages for e in by_turns] == [e.messages for e in by_dialogue]
    assert by_turns[1].messages == (
        user("找酒店"),
        reply("", SEARCH),
        Message("tool", '[{"name": "甲"}]'),
        reply("推荐甲", train=True),
    )
    assert len({e.group for e in by_turns}) == len({e.group for e in by_dialogue}) == 1
    assert by_dialogue[0].meta == {"id": "7", "round": 1}


def test_turns_behind_the_last_reply_are_counted() -> None:
    data = DataConfig(sources=(SOURCE,))
    built = build_source([Record({"dialogue": HOTEL}, Origin("x.jsonl", 3))], data, SOURCE)
    assert built.shape == "hotel_dialogue"
    assert [(drop.reason, drop.rows) for drop in built.unused] == [
        ("turns behind the last reply", ("x.jsonl, row 3",))
    ]


def test_alpaca_joins_the_input_and_learns_the_history() -> None:
    row = {"instruction": "翻译", "input": "猫", "output": "cat", "history": [["你好", "好"]], "system": "译"}
    assert find_shape(row) == "alpaca"
    (whole,) = made(row, dialogues="whole")
    assert whole.messages == (
        Message("system", "译"),
        user("你好"),
        reply("好", train=True),
        user("翻译\n猫"),
        reply("cat", train=True),
    )
    assert [len(e.messages) for e in made(row)] == [3, 5]
    (plain,) = made({"instruction": "说", "input": "", "output": "嗯"})
    assert plain.messages == (user("说"), reply("嗯", train=True))
    assert (plain.group, dict(plain.meta)) == ("", {})


def test_a_history_column_stands_in_front_of_prompt_and_response() -> None:
    rows = [
        {"prompt": "一", "response": "甲", "history": []},
        {"prompt": "二", "response": "乙", "history": [["一", "甲"]]},
    ]
    first, second = made(*rows)
    assert first.messages == (user("一"), reply("甲", train=True))
    assert second.messages == (user("一"), reply("甲"), user("二"), reply("乙", train=True))
    assert first.group == second.group == "一"
    assert [m.train for m in made(*rows, dialogues="whole")[1].messages] == [False, True, False, True]
    renamed = {"q": "二", "a": "乙", "h": '[["一", "甲"]]'}
    (other,) = made(renamed, prompt="q", response="a", history="h")
    assert other.messages == second.messages
    with pytest.raises(DataError, match='history: "hh" is no column; did you mean "h"'):
        made(renamed, prompt="q", response="a", history="hh")
    # A column of that name that is something else stays what it was.
    (plain,) = made({"prompt": "一", "response": "甲", "history": "patient was well"})
    assert len(plain.messages) == 2


def test_prompt_and_response_of_the_recipe_count_more_than_what_a_file_looks_like() -> None:
    row = {"instruction": "说", "output": "嗯", "system": "s"}
    (example,) = made(row, prompt="Q: {{ instruction }}", response="output")
    assert example.messages == (user("Q: 说"), reply("嗯", train=True))
    with pytest.raises(DataError, match="prompt and response set, but rows of the shape alpaca"):
        made(row, prompt="instruction", response="output", shape="alpaca")


def test_system_and_tools_of_the_recipe_serve_rows_without_their_own() -> None:
    data = DataConfig(sources=(SOURCE,), system="s {{ id }}", dialogues="whole")
    rows = [{"id": 1, "dialogue": HOTEL}, {"id": 2, "dialogue": HOTEL}]
    records = [Record(row, Origin("x.jsonl", n)) for n, row in enumerate(rows)]
    tools = ({"type": "function", "function": TOOL},)
    first, second = build_source(records, data, SOURCE, tools=tools).examples
    assert [e.messages[0] for e in (first, second)] == [Message("system", "s 1"), Message("system", "s 2")]
    assert first.tools == tools
    own = {"messages": [{"role": "system", "content": "own"}, *ROWS["messages"]["messages"]]}
    assert made(own, system="other")[0].messages[0] == Message("system", "own")


def test_replies_that_the_file_marks_are_not_learnt() -> None:
    turns = [
        {"role": "assistant", "content": "欢迎"},
        {"role": "user", "content": "一"},
        {"role": "assistant", "content": "甲", "weight": 0},
        {"role": "user", "content": "二"},
        {"role": "assistant", "content": "乙", "train": True},
    ]
    (whole,) = made({"messages": turns}, dialogues="whole")
    assert [m.train for m in whole.messages] == [False, False, False, False, True]
    (only,) = made({"messages": turns})
    assert only.messages == whole.messages


BROKEN: list[tuple[dict[str, Any], str]] = [
    ({"messages": [{"role": "bot", "content": "x"}]}, "turn 1: role 'bot', expected one of system"),
    ({"messages": [{"role": "user", "content": 3}]}, 'turn 1: "content" is a number, expected text'),
    ({"messages": [{"role": "user", "content": "x"}]}, "no reply to learn"),
    ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "content of type image_url"),
    (
        {
            "messages": [
                {"role": "user", "content": "x"},
                {"role": "assistant", "tool_calls": [{"function": {}}]},
            ]
        },
        "turn 2, call 1: expected a function call with a name",
    ),
    ({"messages": [{"role": "user", "content": "\ud800"}]}, "turn 1: half a surrogate pair"),
    ({"conversations": [{"from": "who", "value": "x"}]}, "turn 1: \"from\" is 'who', expected one of"),
    ({"conversations": [{"from": "function_call", "value": "{"}]}, "turn 1: expected JSON, got '{'"),
    ({"conversations": [{"role": "tool", "parameters": {}}]}, "turn 1: expected a function call with a name"),
    ({"dialogue": [{"role": "return"}]}, "turn 1: the function's result is missing"),
    (
        {"dialogue": [{"role": "search", "arguments": []}]},
        "arguments of search: is a list, expected an object",
    ),
    ({"instruction": "x", "output": 3}, 'the row: "output" is a number, expected text'),
    ({"instruction": "x", "output": "y", "history": [["x"]]}, "round 1: expected [question, answer]"),
]


@pytest.mark.parametrize(("row", "message"), BROKEN)
def test_errors_name_row_and_turn(row: dict[str, Any], message: str) -> None:
    good = {"messages": ROWS["messages"], "dialogue": {"dialogue": HOTEL}}.get(next(iter(row)))
    rows = [row, *([good] if good else []), row]
    with pytest.raises(DataError) as caught:
        made(*rows)
    text = str(caught.value)
    assert "x.jsonl has 2 problems" in text
    for number in (1, len(rows)):
        assert f"row {number}: " in text
    assert message in text


def test_wrong_tools_and_empty_turns() -> None:
    row = {**ROWS["messages"], "tools": [{"description": "?"}]}
    with pytest.raises(DataError, match='column "tools", function 1: expected an object with a name'):
        made(row)
    empty = {"messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": " "}]}
    with pytest.raises(DataError, match="row 1: empty response"):
        made(empty)
    assert len(made(empty, ROWS["messages"], on_empty="drop")) == 2


def test_questions_only_end_with_the_question() -> None:
    data = DataConfig(sources=(SOURCE,))
    record = Record({"dialogue": HOTEL[:4]}, Origin("x.jsonl", 1))
    (example,) = build_source([record], data, SOURCE, with_response=False).examples
    assert [m.role for m in example.messages] == ["user", "assistant", "tool"]
    assert not any(m.train for m in example.messages)


contents = st.text(st.characters(codec="utf-8"), min_size=1, max_size=5).filter(str.strip)
turns = st.lists(
    st.one_of(
        st.builds(Message, st.just("user"), contents),
        st.builds(Message, st.just("assistant"), contents, st.booleans()),
        st.builds(Message, st.just("tool"), contents),
    ),
    max_size=8,
)


@given(turns=turns)
def test_rounds_learn_exactly_the_replies_that_the_whole_learns(turns: list[Message]) -> None:
    dialogue = Dialogue((user("?"), *turns))
    if not any(m.train for m in dialogue.messages):
        return
    (whole,) = samples_of(dialogue, "whole").messages
    rounds = samples_of(dialogue, "rounds")
    learnt = [k for k, m in enumerate(whole) if m.train]
    assert [len(m) - 1 for m in rounds.messages] == learnt
    assert list(rounds.rounds) == list(range(1, len(learnt) + 1))
    for messages in rounds.messages:
        assert [m.train for m in messages] == [False] * (len(messages) - 1) + [True]
        assert [m.content for m in messages] == [m.content for m in whole[: len(messages)]]
    assert rounds.unused == len(dialogue.messages) - len(whole)


@pytest.mark.parametrize("file", ["dev", "train"])
def test_the_hotel_labs_own_files(shared: Path, file: str) -> None:
    folder = shared / "data" / "hotel_dialogues"
    (by_turns, by_dialogue) = (
        made(*[json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()[:300]])
        for path in (folder / f"{file}.jsonl", folder / f"{file}_dialogues.jsonl")
    )
    assert len(by_turns) == 300
    assert all(e.messages[-1].train and not any(m.train for m in e.messages[:-1]) for e in by_turns)
    found = {e.id for e in by_dialogue}
    assert sum(e.id in found for e in by_turns) > 250
    groups: dict[str, set[Any]] = {}
    for example in by_dialogue:
        groups.setdefault(str(example.meta["id"]), set()).add(example.group)
    assert all(len(g) == 1 for g in groups.values())


def test_every_shape_is_named_in_the_recipe() -> None:
    from typing import get_args

    from weitiao.config import ShapeName

    assert {"auto", "prompt_response", *SHAPES} == set(get_args(ShapeName))
