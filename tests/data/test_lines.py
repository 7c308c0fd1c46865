"""The stored form of an example: the quick writers and readers say what the plain ones say."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weitiao.data.lines import Digest, example_dict, example_of, line_of, own_example_of
from weitiao.types import ROLES, Example, Message, Origin, ToolCall, content_id

texts = st.text(max_size=12) | st.sampled_from(
    ['"\\', "\x00\x1f\x7f", "\u2028\u2029", "微调\n", "😀", "\ud800"]
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(texts, inner, max_size=2),
    max_leaves=4,
)
objects = st.dictionaries(texts, values, max_size=2)
calls = st.builds(ToolCall, texts, objects)
messages = st.builds(
    Message, st.sampled_from(ROLES), texts, st.booleans(), st.lists(calls, max_size=2).map(tuple)
)
examples = st.builds(
    Example,
    id=texts,
    messages=st.lists(messages, min_size=1, max_size=3).map(tuple),
    group=texts,
    origin=st.none() | st.builds(Origin, texts, st.integers(1), st.none() | texts),
    meta=objects,
    tools=st.lists(objects, max_size=2).map(tuple),
    weight=st.sampled_from([1.0, 0.5, 3.25]),
)


def plain(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


@settings(deadline=None)
@given(example=examples)
def test_a_line_is_the_stored_form_and_reads_back(example: Example) -> None:
    line = line_of(example)
    assert line == plain(example_dict(example)) + "\n"
    assert own_example_of(line) == example == example_of(line)


@settings(deadline=None)
@given(example=examples)
def test_ids_and_hashes_are_those_of_plain_json(example: Example) -> None:
    if any("\ud800" in part for part in (plain(example_dict(example)),)):
        return  # no such text comes out of a file
    said = [
        [m.role, m.content, *([[c.as_dict() for c in m.tool_calls]] if m.tool_calls else [])]
        for m in example.messages
    ]
    whole = [*said, {"tools": list(example.tools)}] if example.tools else said
    expected = hashlib.sha256(plain(whole).encode()).hexdigest()[:16]
    assert content_id(example.messages, example.tools) == expected

    turns = [
        [m.role, m.content, m.train, *([[c.as_dict() for c in m.tool_calls]] if m.tool_calls else [])]
        for m in example.messages
    ]
    tools = [list(example.tools)] if example.tools else []
    weight = [{"weight": example.weight}] if example.weight != 1 else []
    digest = Digest()
    digest.begin("train")
    digest.add(example)
    text = "[train]\n" + plain([example.id, turns, *tools, *weight]) + "\n"
    assert digest.hexdigest() == hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize("line", ["{", "[]", '{"id": 1}', '{"id": "1", "messages": []}'])
def test_what_is_no_example_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match=r"Expecting|not a stored|no messages"):
        example_of(line)
