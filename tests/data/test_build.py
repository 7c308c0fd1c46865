"""Records to examples."""

from __future__ import annotations

from typing import Any

import pytest

from weitiao.config import DataConfig, Source
from weitiao.data.build import build, build_source
from weitiao.errors import DataError
from weitiao.types import Message, Origin, Record, content_id

SOURCE = Source(file="x.csv")


def records(*rows: dict[str, Any]) -> list[Record]:
    return [Record(row, Origin("x.csv", number)) for number, row in enumerate(rows, start=2)]


def config(**fields: Any) -> DataConfig:
    return DataConfig(sources=(SOURCE,), **fields)


def test_turns_from_columns_templates_and_text() -> None:
    rows = records({"ID": 7.0, "问题": " 甲? ", "答案": "乙\n"})
    data = config(prompt="Q: {{ 问题 }}", response="答案", system="Be brief.")
    (example,) = build(rows, data, SOURCE)
    expected = (
        Message("system", "Be brief."),
        Message("user", "Q:  甲? "),
        Message("assistant", "乙\n", train=True),
    )
    assert example.messages == expected
    assert example.id == content_id(expected)
    assert example.meta == {"id": "7"}
    assert example.origin == Origin("x.csv", 2)


def test_a_sources_own_columns_come_first() -> None:
    source = Source(file="x.csv", prompt="q", response="r", system="s")
    data = DataConfig(sources=(source,), system="general")
    (with_system, without) = build(
        records({"q": "1", "r": "2", "s": "own"}, {"q": "3", "r": "4", "s": None}), data, source
    )
    assert [m.content for m in with_system.messages] == ["own", "1", "2"]
    assert [m.role for m in without.messages] == ["user", "assistant"]


def test_id_column_in_any_case_and_absent_values() -> None:
    rows = records(
        {"prompt": "a", "response": "b", "UUID": "u1"}, {"prompt": "a", "response": "c", "UUID": None}
    )
    assert [dict(e.meta) for e in build(rows, config(), SOURCE)] == [{"id": "u1"}, {}]


def test_group_value_is_kept_unmasked() -> None:
    data = config(split={"group": "{{ kind }}-{{ prompt }}"})
    (example,) = build(records({"prompt": "a1", "response": "b", "kind": "k"}), data, SOURCE)
    assert example.group == "k-a1"


def test_missing_columns_are_reported_together() -> None:
    data = config(prompt="question", response="{{ anwser }}", split={"group": "kind"})
    with pytest.raises(DataError) as caught:
        build(records({"qestion": "a", "answer": "b"}), data, SOURCE)
    message = str(caught.value)
    assert message.startswith("x.csv has 3 problems")
    assert 'unknown field "anwser"' in message
    assert (
        'prompt: "question" is no column and no template; columns: qestion, answer; did you mean "qestion"?'
        in message
    )
    assert 'split.group: "kind" is no column' in message
    assert "data.prompt and data.response" in message


def test_a_missing_column_of_the_split_is_not_blamed_on_the_prompt() -> None:
    with pytest.raises(DataError) as caught:
        build(records({"prompt": "a", "response": "b"}), config(split={"group": "kind"}), SOURCE)
    assert (caught.value.remedy or "").startswith("set data.split.group to a column that every source has")


def test_unknown_field_of_a_template_is_reported_once() -> None:
    data = config(prompt="{{ qestion }}")
    rows = records(*[{"question": "a", "response": "b"}] * 5)
    with pytest.raises(DataError) as caught:
        build(rows, data, SOURCE)
    assert str(caught.value).count("unknown field") == 1
    assert "row" not in caught.value.message.split("columns:")[0]
    with pytest.raises(DataError, match=r"x\.csv has 2 problems"):
        build(rows, config(prompt="{{ qestion }}", response="{{ respons }}"), SOURCE)


def test_fields_that_single_rows_lack_are_reported_by_row() -> None:
    data = config(prompt="{{ a }}{{ b }}")
    rows = records({"a": 1, "b": 2, "response": "x"}, {"a": 1, "response": "x"}, {"b": 1, "response": "x"})
    with pytest.raises(DataError) as caught:
        build(rows, data, SOURCE)
    message = str(caught.value)
    assert "x.csv has 2 problems" in message
    assert 'row 3: prompt: this row has no field "b"' in message
    assert 'row 4: prompt: this row has no field "a"' in message


EMPTY = records(
    {"prompt": "a", "response": "b"},
    {"prompt": "", "response": "b"},
    {"prompt": "a", "response": " \n"},
    {"prompt": None, "response": float("nan")},
)


def test_empty_rows_are_all_listed() -> None:
    with pytest.raises(DataError) as caught:
        build(EMPTY, config(), SOURCE)
    message = str(caught.value)
    assert "x.csv has 3 problems" in message
    for expected in ("row 3: empty prompt", "row 4: empty response", "row 5: empty prompt and response"):
        assert expected in message
    assert "on_empty: drop" in message


def test_empty_rows_are_dropped_with_count() -> None:
    built = build_source(EMPTY, config(on_empty="drop"), SOURCE)
    assert (built.num_records, len(built.examples)) == (4, 1)
    assert {drop.reason: drop.rows for drop in built.drops} == {
        "empty prompt": ("x.csv, row 3",),
        "empty response": ("x.csv, row 4",),
        "empty prompt and response": ("x.csv, row 5",),
    }
    with pytest.raises(DataError, match="no row is left"):
        build(EMPTY[1:], config(on_empty="drop"), SOURCE)


def test_files_of_questions_only() -> None:
    built = build_source(records({"prompt": "a"}), config(), SOURCE, with_response=False)
    assert built.examples[0].reference is None
    assert [m.content for m in built.examples[0].prompt] == ["a"]


def test_giant_templates_are_refused() -> None:
    with pytest.raises(DataError, match="row 2: prompt: 2,000,000 characters"):
        build(records({"p": "x" * 2000, "response": "b"}), config(prompt="{{ p * 1000 }}"), SOURCE)
