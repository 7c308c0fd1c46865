"""The view of a sample."""

from __future__ import annotations

import re
from html import unescape
from itertools import pairwise
from typing import Any

from weitiao.chat import make_format, show, show_html, show_plain
from weitiao.config import RolesFormat
from weitiao.types import Example, Message, Origin, ToolCall

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


def test_page_colours_exactly_the_targets_and_lists_the_calls(tiny_tokenizer: Any) -> None:
    fmt = make_format(RolesFormat(), tiny_tokenizer)
    call = ToolCall("look_up", {"city": "上海 <b>"})
    messages = (Message("user", "hi\n<i>"), Message("assistant", "", True, (call,)))
    sample = Example("e1", messages, origin=Origin("a&b.jsonl", 3), tools=({"name": "look_up"},))
    rendered = fmt.render(sample)
    page = show_html([(sample, rendered)], fmt, title="a <recipe>")
    spans = re.findall(r'<span(?: class="([^"]*)")? title="(\d+)">(.*?)</span>', page, re.DOTALL)
    assert [int(i) for _, i, _ in spans] == list(rendered.ids)
    green = "".join(unescape(text) for classes, _, text in spans if "t" in classes.split())
    assert green.replace("·", "") == 'look_up: {"city": "上海 <b>"}<|endoftext|>'
    assert [k for k, (classes, _, _) in enumerate(spans) if "t" in classes.split()] == [
        k for k, target in enumerate(rendered.trained) if target
    ]
    assert "<b>" not in page
    assert "a &lt;recipe&gt;" in page
    assert "a&amp;b.jsonl, row 3" in page
    assert "look_up(city=&quot;上海 &lt;b&gt;&quot;)</code> in message 2" in page
    assert "functions: look_up" in page
    assert not re.search(r"(?:src|href)=|https?:", page)
    assert "no samples" in show_html([], fmt, title="t")
