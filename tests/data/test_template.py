"""Columns and templates to text."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weitiao.data.template import FieldError, compile_expression, to_text


def text(spec: str, **fields: object) -> str:
    return compile_expression(spec, name="prompt", columns=tuple(fields)).text_of(fields)


def fails(spec: str, **fields: object) -> FieldError:
    with pytest.raises(FieldError) as caught:
        text(spec, **fields)
    return caught.value


@given(st.text())
def test_a_column_is_taken_exactly(value: str) -> None:
    assert text("q", q=value) == value
    assert text("{{ q }}", q=value) == value


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, ""),
        (math.nan, ""),
        (3.0, "3"),
        (2.5, "2.5"),
        (7, "7"),
        (True, "True"),
        (["甲", 1], '["甲", 1]'),
        ({"甲": None}, '{"甲": null}'),
        (math.inf, "inf"),
    ],
)
def test_values_print_alike_in_columns_and_templates(value: object, expected: str) -> None:
    assert to_text(value) == expected
    assert text("q", q=value) == expected
    assert text("{{ q }}", q=value) == expected


def test_templates_keep_their_text() -> None:
    assert text("问题：{{ 问题 }}\n答案：\n", 问题="<甲> & 乙") == "问题：<甲> & 乙\n答案：\n"
    assert text("{{ a ~ '/' ~ b }}", a=None, b=3.0) == "/3"
    assert text('{{ row["my column"] }}', **{"my column": 1}) == "1"
    assert text("{% if a is defined %}{{ a }}{% endif %}{{ z | default('-') }}", a=1) == "1-"


def test_a_default_reaches_into_what_a_row_lacks() -> None:
    deep = "{{ tags[0].name | default('-') }}{{ tags[1].name.first | default('+') }}"
    assert text(deep, tags=[]) == "-+"
    assert text(deep, tags=[{"name": "甲"}]) == "甲+"
    assert "no element 0" in str(fails("{{ tags[0].name }}", tags=[]))
    assert fails("{% if tags[0].name %}x{% endif %}", tags=[])


def test_a_column_with_a_name_that_is_no_identifier_is_shown_as_it_is_written() -> None:
    columns = {"投诉/内容": "a", "客户 电话": "b"}
    assert 'is written {{ row["投诉/内容"] }}' in str(fails("问：{{ 投诉/内容 }}", **columns))
    assert 'is written {{ row["客户 电话"] }}' in str(fails("{{ 客户 电话 }}", **columns))
    assert "is written" not in str(fails("投诉/内容：{{ 别的 }}", **columns))
    assert 'did you mean "投诉/内容"' in str(fails("内容", **columns))


def test_a_column_wins_over_a_template() -> None:
    assert text("{{ a }}", **{"{{ a }}": "x"}) == "x"


def test_unknown_fields_are_named_with_the_columns_there_are() -> None:
    error = fails("Q: {{ qestion }}", question="x", id=1)
    assert error.in_every_row
    assert error.field == "qestion"
    expected = 'unknown field "qestion"; columns: question, id; did you mean "question"?'
    assert expected in str(error)
    assert 'no column and no template; columns: question; did you mean "question"?' in str(
        fails("questions", question="x")
    )


def test_a_field_missing_in_one_row_is_not_the_recipes_fault() -> None:
    expression = compile_expression("{{ a }}{{ b }}", name="prompt", columns=("a", "b"))
    with pytest.raises(FieldError, match='no field "b"') as caught:
        expression.text_of({"a": 1})
    assert not caught.value.in_every_row


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("{{ q", "does not parse"),
        ("{{ q | spell }}", "does not parse: No filter named 'spell'. (line 1 of"),
        ("{{ q.inner }}", "has no attribute 'inner'"),
        ("{{ 1 / 0 }}", "ZeroDivisionError"),
        ("{{ q.__class__.__mro__ }}", "unsafe"),
        ("{{ range(10**9) | list }}", "OverflowError"),
    ],
)
def test_templates_that_fail(spec: str, expected: str) -> None:
    assert expected in str(fails(spec, q="x"))
