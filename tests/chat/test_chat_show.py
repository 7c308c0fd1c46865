"""The view of a sample."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from weitiao.chat import make_format, show, show_plain
from weitiao.types import Example, Message

SAMPLE = Example("e1", (Message("user", "hi\n😀"), Message("assistant", "yes 你", True)))


def test_plain_marks_targets_and_counts(tiny_tokenizer: Any) -> None:
    fmt = make_format("auto", tiny_tokenizer)
    rendered = fmt.render(SAMPLE)
    lines = show_plain(rendered, fmt)
    assert lines == (
        f"example e1: {len(rendered)} tokens, {sum(rendered.trained)} targets\n"
        "<|user|>hi\n😀<|end|><|assistant|>⟦yes 你<|end|>⟧"
    )
    with_ids = show_plain(rendered, fmt, ids=True)
    assert all(f"({i})" in with_ids for i in rendered.ids)


def test_colours_cover_exactly_the_targets(tiny_tokenizer: Any) -> None:
    fmt = make_format("auto", tiny_tokenizer)
    rendered = fmt.render(SAMPLE)
    text = show(rendered, fmt)
    green = "".join(text.plain[s.start : s.end] for s in text.spans if "green" in str(s.style))
    assert green.replace("·", "") == "yes 你<|end|>"
    assert "<|user|>" in text.plain
    assert "↵" in text.plain
    assert "(" in show(rendered, fmt, ids=True).plain


def test_neighbouring_tokens_differ(tiny_tokenizer: Any) -> None:
    fmt = make_format("auto", tiny_tokenizer)
    text = show(fmt.render(SAMPLE), fmt)
    touching = [(a, b) for a, b in pairwise(text.spans[1:]) if a.end == b.start]
    assert len(touching) > 5
    assert all(a.style != b.style for a, b in touching if "magenta" not in f"{a.style}{b.style}")


def test_decoding_leaves_special_tokens_out(tiny_tokenizer: Any) -> None:
    fmt = make_format("auto", tiny_tokenizer)
    assert fmt.decode(fmt.render(SAMPLE).ids) == "hi\n😀yes 你"
