"""Which samples are shown, and what is marked in them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weitiao.evaluate.samples import best_and_worst, character_f1, mark

text = st.text(alphabet="年报营业收入A, ", max_size=20)


def row(name: str, after: str, before: str | None = "", reference: str = "营业收入") -> dict[str, Any]:
    return {
        "id": name,
        "prompt": f"请从以下句子中提取关键词：{name}",
        "reference": reference,
        "before": None if before is None else {"text": before},
        "after": {"text": after},
        "origin": {"file": "a.xlsx", "row": 2, "sheet": "题"},
    }


def test_best_and_worst_in_order() -> None:
    rows = [
        row("half", "营业"),
        row("exact, known before", "营业收入", before="营业收入"),
        row("wrong", "xyz"),
        row("exact, gained", " 营业收入", before="xyz"),
        row("all characters, other order", "收入营业"),
        row("wrong, was right", "zzz", before="营业收入"),
    ]
    best, worst = best_and_worst(rows, count=3)
    assert [s.id for s in best] == ["exact, gained", "exact, known before", "all characters, other order"]
    assert [s.id for s in worst] == ["wrong, was right", "wrong", "half"]
    assert [s.rank for s in best] == [1, 2, 3]
    assert best[0].after.exact
    assert not best[2].after.exact
    assert best[2].after.f1 == 1.0


@given(st.lists(st.tuples(text, text, text), max_size=30), st.integers(1, 20))
def test_no_sample_is_in_both_lists(texts: list[tuple[str, str, str]], count: int) -> None:
    rows = [row(str(k), a, b, r) for k, (a, b, r) in enumerate(texts)]
    best, worst = best_and_worst(rows, count=count)
    shown = [s.id for s in (*best, *worst)]
    assert len(set(shown)) == len(shown) == min(2 * count, len(rows))
    keys = [(s.after.exact, s.after.f1) for s in (*best, *reversed(worst))]
    assert keys == sorted(keys, reverse=True)


def test_one_sample_none_and_rows_without_reference() -> None:
    best, worst = best_and_worst([row("only", "x", before=None)])
    assert [s.id for s in best] == ["only"]
    assert best[0].before is None
    assert worst == ()
    assert best_and_worst([]) == ((), ())
    assert best_and_worst([{"id": "1", "prompt": "?", "reference": None, "after": {"text": "x"}}]) == ((), ())


def test_headline_leaves_out_what_all_prompts_begin_with() -> None:
    best, worst = best_and_worst([row("甲", "营业收入"), row("乙", "x")])
    assert best[0].headline == "… 甲"
    assert worst[0].headline == "… 乙"
    assert worst[0].origin == "a.xlsx, sheet 题, row 2"
    assert best_and_worst([row("甲", "x")])[0][0].headline.startswith("请从")


@given(text, text)
def test_marks_rebuild_both_texts(answer: str, reference: str) -> None:
    pieces = mark(answer, reference)
    assert "".join(p.text for p in pieces if p.kind != "missing") == answer
    kinds = {p.kind for p in pieces}
    if kinds - {"extra"}:
        assert "".join(p.text for p in pieces if p.kind != "extra") == reference
    if answer == reference:
        assert kinds <= {"same"}


def test_marks_of_a_small_mistake() -> None:
    assert [(p.kind, p.text) for p in mark("营业收入,净利", "营业收入,净利润")] == [
        ("same", "营业收入,净利"),
        ("missing", "润"),
    ]
    assert [(p.kind, p.text) for p in mark("一二三", "甲乙丙")] == [("extra", "一二三")]


@pytest.mark.parametrize(
    ("a", "b", "f1"), [("", "", 1.0), ("", "a", 0.0), ("ab", "ba", 1.0), ("ab", "a", 2 / 3)]
)
def test_character_f1(a: str, b: str, f1: float) -> None:
    assert character_f1(a, b) == pytest.approx(f1)
    assert character_f1(b, a) == pytest.approx(f1)
