"""Prompt and answer as bare text."""

from __future__ import annotations

import pytest

from builders import chat_tokenizer, sentencepiece_tokenizer
from weitiao.chat import PlainFormat, make_format, show_plain
from weitiao.config import PlainFormat as PlainConfig
from weitiao.errors import FormatError
from weitiao.types import Example, Message

QA = (Message("system", "Be kind."), Message("user", "hi"), Message("assistant", "yes", True))


def test_layout() -> None:
    fmt = make_format(PlainConfig(separator=" = "), chat_tokenizer(None))
    more = (*QA, Message("user", "why"), Message("assistant", "so", True))
    shown = show_plain(fmt.render(Example("e", more)), fmt).split("\n", 1)[1]
    assert shown == "Be kind. = hi = ⟦yes<|endoftext|>⟧why = ⟦so<|endoftext|>⟧"


def test_bos_where_the_tokenizer_adds_it() -> None:
    tokenizer = sentencepiece_tokenizer(None)
    ids = PlainFormat(tokenizer).render_prompt(QA[1:2])
    assert ids[0] == tokenizer.bos_token_id
    assert ids == tuple(tokenizer("hi\n")["input_ids"])
    assert chat_tokenizer("llama3").bos_token_id not in PlainFormat(chat_tokenizer("llama3")).render_prompt(
        QA
    )


def test_base_without_end_token() -> None:
    tokenizer = chat_tokenizer(None)
    tokenizer.eos_token = None
    with pytest.raises(FormatError, match="no end token") as caught:
        make_format("auto", tokenizer)
    assert "tokenizer_config.json" in str(caught.value)


def test_empty_prompt() -> None:
    fmt = PlainFormat(chat_tokenizer(None), separator="")
    with pytest.raises(FormatError, match="example e cannot be rendered: the prompt is empty"):
        fmt.render(Example("e", (Message("user", ""), Message("assistant", "yes", True))))


def test_fingerprint_tells_separators_apart() -> None:
    tokenizer = chat_tokenizer(None)
    prints = {PlainFormat(tokenizer, s).fingerprint for s in ("\n", " ", "", "\n")}
    assert len(prints) == 3


def test_answers_are_cut_off_whether_trained_or_not() -> None:
    tokenizer = chat_tokenizer(None)
    fmt = PlainFormat(tokenizer, separator="")
    assert len(tokenizer("in")["input_ids"]) == 1
    ids = {
        fmt.render(Example("e", (Message("user", "i"), Message("assistant", "n", first), *QA[1:]))).ids
        for first in (True, False)
    }
    assert len(ids) == 1
    assert fmt.render_prompt([Message("user", "i"), Message("assistant", "n"), QA[1]])[:2] == tuple(
        tokenizer(["i", "n"])["input_ids"][k][0] for k in range(2)
    )
