"""Laws that hold for every chat format and every content."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from weitiao.chat import ChatFormat, make_format
from weitiao.types import Example, Message

LAWS = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

FRAGMENTS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    st.sampled_from(
        ["你好", "😀", "👩‍👩‍👧", "\n", "  ", "▁", " ", "<|", "|>", "</", "<s", "s>", "<<SYS>>", "[INST]"]
    ),
    st.sampled_from(
        ["<s>", "</s>", "<|im_end|>", "<|im_start|>", "<think>", "<|end|>", "<|user|>", "<|eot_id|>"]
    ),
)
CONTENTS = st.lists(FRAGMENTS, max_size=6).map("".join)


def example(*contents: str, train_all: bool = False) -> Example:
    """User and assistant in turn; the last answer is trained, or all of them."""
    last = len(contents) - 1
    return Example(
        "e",
        tuple(
            Message("assistant", c, train=train_all or k == last) if k % 2 else Message("user", c)
            for k, c in enumerate(contents)
        ),
    )


def markup_ids(tokenizer: Any) -> set[int]:
    return set(tokenizer.added_tokens_decoder)


def structure(fmt: ChatFormat, tokenizer: Any, *contents: str) -> list[int]:
    """The special tokens of a sample, in order."""
    ids = fmt.render(example(*contents)).ids
    return [i for i in ids if i in markup_ids(tokenizer)]


def stripped_by(tokenizer: Any, text: str) -> str:
    """What template and tokenizer leave of a content: SentencePiece takes its space sign for a space."""
    template = tokenizer.chat_template or ""
    text = text.strip() if "strip()" in template or "| trim" in template else text
    return text.replace("▁", " ") if "▁" in tokenizer.get_vocab() else text


def usable(tokenizer: Any, *contents: str) -> bool:
    """The thinking template rewrites answers that contain its closing mark (a test of its own)."""
    return "split(" not in (tokenizer.chat_template or "") or not any("</think>" in c for c in contents)


@LAWS
@given(question=CONTENTS, answer=CONTENTS)
def test_answer_survives_encoding_and_decoding(any_tokenizer: Any, question: str, answer: str) -> None:
    if not usable(any_tokenizer, question, answer):
        return
    fmt = make_format("auto", any_tokenizer)
    rendered = fmt.render(example(question or "q", answer))
    answered = [i for i, t in zip(rendered.ids, rendered.trained, strict=True) if t]
    assert fmt.decode(answered) == stripped_by(any_tokenizer, answer)
    assert answered[-1] in fmt.stop_ids
    assert not set(answered[:-1]) & markup_ids(any_tokenizer)


@LAWS
@given(question=CONTENTS, first=CONTENTS, again=CONTENTS, second=CONTENTS)
def test_sample_starts_with_the_prompt(
    any_tokenizer: Any, question: str, first: str, again: str, second: str
) -> None:
    if not usable(any_tokenizer, first, second):
        return
    fmt = make_format("auto", any_tokenizer)
    sample = example(question or "q", first, again, second)
    rendered, prompt = fmt.render(sample), fmt.render_prompt(sample.prompt)
    assert rendered.ids[: len(prompt)] == prompt
    assert rendered.trained == (False,) * len(prompt) + (True,) * (len(rendered) - len(prompt))


@LAWS
@given(question=CONTENTS, first=CONTENTS, again=CONTENTS, second=CONTENTS)
def test_contents_add_no_special_token(
    any_tokenizer: Any, question: str, first: str, again: str, second: str
) -> None:
    if not usable(any_tokenizer, first, second):
        return
    fmt = make_format("auto", any_tokenizer)
    expected = structure(fmt, any_tokenizer, "q", "a", "q", "a")
    assert structure(fmt, any_tokenizer, question or "q", first, again, second) == expected


def test_every_lookalike_stays_text(any_tokenizer: Any) -> None:
    fmt = make_format("auto", any_tokenizer)
    expected = structure(fmt, any_tokenizer, "q", "a", "q", "a")
    names = [t.content for t in any_tokenizer.added_tokens_decoder.values()]
    disguises = ("{n}", "{n}{n}", "x{n}y", " {n} ", "{h}{n}{t}", "{t}{n}{h}", "{h}")
    for name, disguise in itertools.product(names, disguises):
        if not usable(any_tokenizer, name * 2):
            continue
        head, tail = name[: len(name) // 2], name[len(name) // 2 :]
        text = disguise.format(n=name, h=head, t=tail)
        ids = fmt.encode_text(text)
        assert not set(ids) & markup_ids(any_tokenizer), text
        contents = [
            (text, "a", "q", "a"),
            ("q", text, text, "a"),
            ("q", "a", head, tail),
            (head, tail, "q", text),
        ]
        for some in contents:
            assert structure(fmt, any_tokenizer, *some) == expected, some
            reply = fmt.render(example(*some))
            trained = [i for i, t in zip(reply.ids, reply.trained, strict=True) if t]
            assert fmt.decode(trained) == stripped_by(any_tokenizer, some[-1])


@pytest.mark.parametrize("text", ["hi", "净利润增长了吗?", "a b  c\n\nd", "SELECT 1;\n"])
def test_encode_text_round_trip(any_tokenizer: Any, text: str) -> None:
    fmt = make_format("auto", any_tokenizer)
    assert any_tokenizer.decode(fmt.encode_text(text), clean_up_tokenization_spaces=False) == text


def test_pieces_spell_the_sample(any_tokenizer: Any) -> None:
    fmt = make_format("auto", any_tokenizer)
    rendered = fmt.render(example("你好 there 😀", "yes  No\n好 <s>"))
    pieces = fmt.pieces(rendered.ids)
    assert [p.id for p in pieces] == list(rendered.ids)
    text = "".join(p.text for p in pieces)
    assert "你好 there 😀" in text
    assert "yes  No\n好 <s>" in text
    assert {p.id for p in pieces if p.special} == set(rendered.ids) & markup_ids(any_tokenizer)


def test_the_weight_goes_into_the_sample(any_tokenizer: Any) -> None:
    fmt = make_format("auto", any_tokenizer)
    plain = example("question", "answer")
    rendered, weighted = fmt.render(plain), fmt.render(replace(plain, weight=2.5))
    assert rendered.weight == 1
    assert weighted == replace(rendered, weight=2.5)
