"""Function calls as text: what is written is read back, and what is malformed is a typed result."""

from __future__ import annotations

import pytest
from functions import CALL, CALLS, TEXTS
from hypothesis import given, settings
from hypothesis import strategies as st

from weitiao.chat.calls import (
    NAMED,
    SHAPES,
    Malformed,
    Shape,
    check_calls,
    lines_shape,
    read_python,
    write_python,
)
from weitiao.errors import FormatError
from weitiao.types import Reply, ToolCall

LAWS = settings(max_examples=60, deadline=None)
ALL = [*SHAPES, lines_shape("roles", "{name}: ", "\n"), lines_shape("call", "call ", "\n\n")]


def by_name(shape: Shape) -> str:
    return shape.name


@pytest.mark.parametrize("shape", ALL, ids=by_name)
@LAWS
@given(calls=st.lists(CALLS, min_size=1, max_size=3))
def test_calls_are_read_back(shape: Shape, calls: list[ToolCall]) -> None:
    reply = Reply("", tuple(calls))
    assert shape.parse(shape.write(reply)) == reply


@pytest.mark.parametrize("shape", [s for s in ALL if s.name != "llama3"], ids=by_name)
def test_content_beside_calls(shape: Shape) -> None:
    reply = Reply("Let me see.\n好", (CALL, ToolCall("b")))
    assert shape.parse(shape.write(reply)) == reply


@pytest.mark.parametrize("shape", ALL, ids=by_name)
@pytest.mark.parametrize(
    "text", ["", "hello", "你好\n世界", "{}", '{"a": 1}', "x: {1}", '[{"name": 1}]', "a\nb"]
)
def test_other_text_is_content(shape: Shape, text: str) -> None:
    found = shape.parse(text)
    assert (found.content, found.tool_calls) == (text, ())


BROKEN = {
    "hermes": [
        '<tool_call>{"name": "f"',
        '<tool_call>{"name": "f", "arguments": 3}</tool_call>',
        "<tool_call>x",
    ],
    "mistral": ["[TOOL_CALLS] {}", "[TOOL_CALLS] [", '[TOOL_CALLS] [{"arguments": {}}]', "[TOOL_CALLS] []"],
    "llama3": [
        '{"name": "f", "parameters": ',
        '{"name": "f", "parameters": {}} and',
        "<|python_tag|>print(1)",
    ],
    "named": ['f\n{"a": }', 'f\n{"a": 1} more', 'f\n{"a": NaN}', "f\n{" + '"a": {' * 3],
    "roles": ['f: {"a"', "f: {'a': 1}"],
}


@pytest.mark.parametrize(("name", "text"), [(n, t) for n, texts in BROKEN.items() for t in texts])
def test_malformed_calls_are_no_exception(name: str, text: str) -> None:
    shape = next(s for s in ALL if s.name == name)
    found = shape.parse(text)
    assert (found.content, found.tool_calls) == (text, ())
    assert found.problem


@pytest.mark.parametrize("shape", ALL, ids=by_name)
@LAWS
@given(calls=st.lists(CALLS, min_size=1, max_size=2), cut=st.floats(0, 1), noise=TEXTS)
def test_no_text_is_an_exception(shape: Shape, calls: list[ToolCall], cut: float, noise: str) -> None:
    text = shape.write(Reply("", tuple(calls)))
    found = shape.parse(text[: int(cut * len(text))] + noise)
    assert found.tool_calls or found.content == text[: int(cut * len(text))] + noise


def test_deep_nesting_is_no_exception() -> None:
    deep = "[" * 100_000
    assert NAMED.parse('f\n{"a": ' + deep).problem
    with pytest.raises(Malformed):
        read_python("```python\ntool_call(a=" + deep + ")\n```")


@LAWS
@given(call=CALLS)
def test_python_calls_are_read_back(call: ToolCall) -> None:
    text = write_python(call)
    assert read_python("x" + text + "y", 1) == (dict(call.arguments), len(text) + 1)


def test_python_call_is_the_original_one() -> None:
    assert write_python(ToolCall("f", {"location": "北京"})) == "```python\ntool_call(location='北京')\n```"
    odd = write_python(ToolCall("f", {"max-price": 1, "class": None}))
    assert odd == "```python\ntool_call(**{'max-price': 1, 'class': None})\n```"


@pytest.mark.parametrize(
    "code",
    [
        "tool_call(a=1",
        "other(a=1)",
        "tool_call(1)",
        "tool_call(a=b)",
        "tool_call(a=1, a=2)",
        "tool_call(a={1})",
        "tool_call(a=b'x')",
        "tool_call(a=1j)",
        "tool_call(a=1e999)",
        "tool_call(**[1])",
        "tool_call(a=__import__('os').system('true'))",
        "tool_call(a=1); tool_call(b=2)",
        "tool_call",
        "",
    ],
)
def test_other_code_is_refused_and_never_run(code: str) -> None:
    with pytest.raises(Malformed):
        read_python(f"```python\n{code}\n```")


@pytest.mark.parametrize("text", ["", "```python\n```", "```python\ntool_call(a=1)", "tool_call(a=1)"])
def test_open_code_blocks(text: str) -> None:
    with pytest.raises(Malformed):
        read_python(text)


@pytest.mark.parametrize(
    "call",
    [
        ToolCall(""),
        ToolCall("a b"),
        ToolCall("f\n"),
        ToolCall("f", {"a": float("nan")}),
        ToolCall("f", {"a": (1,)}),
    ],
)
def test_calls_that_cannot_be_written(call: ToolCall) -> None:
    with pytest.raises(FormatError, match=r"expected the name|no JSON|change when"):
        check_calls([call])


def test_what_models_also_write() -> None:
    hermes, _, llama, _ = SHAPES
    text = '<tool_call> {"name": "f", "arguments": "{\\"a\\": 1}"}</tool_call>\n\n'
    assert hermes.parse(text) == Reply("", (ToolCall("f", {"a": 1}),))
    assert hermes.parse('<tool_call>{"name": "f", "arguments": "{} x"}</tool_call>').problem
    assert hermes.parse('<tool_call>{"name": "f"}</tool_call> and').problem
    assert hermes.parse('<tool_call>{"name": "f g"}</tool_call>').problem
    tagged = '<|python_tag|>{"name": "f", "arguments": {}};{"name": "g", "parameters": {"a": null}}'
    assert llama.parse(tagged) == Reply("", (ToolCall("f"), ToolCall("g", {"a": None})))
    assert llama.parse('{"name": "Ada"}') == Reply('{"name": "Ada"}')
    assert llama.parse('{"name": "f", "parameters": {}}; {"name": "Ada"}').problem
    assert NAMED.parse('f\n{"a": 1}\ng\n{}') == Reply("", (ToolCall("f", {"a": 1}), ToolCall("g")))
    assert lines_shape("x", "call ", "\n").parse('call {"arguments": {}}').problem
