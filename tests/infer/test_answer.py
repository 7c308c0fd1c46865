"""A growing answer: pieces make up the whole, characters are never broken, stop strings never show."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builders import chat_tokenizer, sentencepiece_tokenizer
from weitiao.chat import make_format
from weitiao.config import RolesFormat
from weitiao.infer.answer import Answer

FORMATS = {
    "byte-level": make_format("auto", chat_tokenizer()),
    "sentencepiece": make_format("auto", sentencepiece_tokenizer()),
}


def letters(ids: Any) -> str:
    return "".join(map(chr, ids))


@pytest.mark.parametrize("kind", FORMATS)
@given(text=st.text(max_size=30))
@settings(max_examples=60, deadline=None)
def test_pieces_make_up_the_text(kind: str, text: str) -> None:
    format = FORMATS[kind]
    ids = format.encode_text(text)
    answer = Answer(format.decode)
    pieces = [answer.push(i) for i in ids]
    assert all("\ufffd" not in piece for piece in pieces) or "\ufffd" in text
    pieces.append(answer.finish())
    assert "".join(pieces) == answer.text == format.decode(ids)


@given(ids=st.lists(st.integers(0, 319), max_size=30))
@settings(max_examples=100, deadline=None)
def test_any_bytes_give_the_text_of_the_whole(ids: list[int]) -> None:
    format = FORMATS["byte-level"]
    answer = Answer(format.decode)
    pieces = [answer.push(i) for i in ids]
    assert "".join([*pieces, answer.finish()]) == answer.text == format.decode(ids)


def test_a_character_of_several_tokens_comes_whole() -> None:
    format = FORMATS["byte-level"]
    ids = format.encode_text("a😀b")
    answer = Answer(format.decode)
    pieces = [answer.push(i) for i in ids]
    assert [p for p in pieces if p] == ["a", "😀", "b"]
    cut = Answer(format.decode)
    for i in ids[:2]:
        cut.push(i)
    assert cut.finish() == "\ufffd"  # an answer that ends inside a character says so


@given(
    text=st.text("ab", max_size=20),
    stop=st.lists(st.text("ab", min_size=1, max_size=4), max_size=3),
)
@settings(max_examples=300, deadline=None)
def test_nothing_of_a_stop_string_shows(text: str, stop: list[str]) -> None:
    answer = Answer(letters, stop)
    given_out = ""
    for character in text:
        given_out += answer.push(ord(character))
        if answer.stopped:
            break
        assert answer.text.startswith(given_out)
    given_out += answer.finish()
    # the stop string that is complete first ends the answer
    ends = [(text.find(s) + len(s), text.find(s)) for s in stop if s in text]
    expected = text
    if ends:
        first = min(end for end, _ in ends)
        expected = text[: min(at for end, at in ends if end == first)]
    assert given_out == answer.text == expected
    assert answer.stopped == bool(ends)


def test_an_opening_that_decoders_leave_out_is_left_out_once() -> None:
    format = make_format(RolesFormat(), chat_tokenizer(None))
    for said in ("assistant: an assistant: assistant", "assist", "assistant: ", 'f: {"a": 1}'):
        ids = format.encode_text(said)
        answer = Answer(format.decode)
        pieces = [answer.push(i) for i in ids]
        assert "".join([*pieces, answer.finish()]) == answer.text == format.decode(ids)
