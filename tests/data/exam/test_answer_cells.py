"""Answer cells: whatever way a key is written in, the same key is read; what does not fit together is said."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weitiao.data.exam.answers import Answer, read_answers

CIRCLED = {n: chr(0x2460 + n - 1) for n in range(1, 21)}
HAN = dict(enumerate("一二三四五六七八九十", start=1))
keys = st.tuples(st.integers(1, 60), st.lists(st.sampled_from("ABCD"), min_size=2, max_size=6))
EXPLANATIONS = (
    "",
    "。解析：由第2段可知，A项错误，C项“2.5倍”不对。",
    " 【解析】A. 偷换概念；B. 无中生有。",
    "（见第3段）",
    ". Explanation: paragraph 3 says so, B is wrong.",
)


def one_by_one(form: str, joint: str, explanation: str):
    def write(first: int, letters: list[str]) -> str:
        return joint.join(form.format(n=first + k, a=a) + explanation for k, a in enumerate(letters))

    return write


def as_range(form: str):
    return lambda first, letters: form.format(n=first, m=first + len(letters) - 1, a="".join(letters))


SINGLES = (
    "{n}. {a}", "{n}．{a}", "（{n}）{a}", "({n}) {a}", "{n}、{a}", "{n}: {a}", "{n}{a}", "{n} {a}", "第{n}题：{a}",
    "{n}.（{a}）", "{n}．选{a}", "{n}.【{a}】", "{n}、答案是{a}", '"{n}": "{a}"', "{n}→{a}", "{n}-{a}",
)  # fmt: skip
RANGES = (
    "{n}-{m} {a}", "{n}~{m}：{a}", "{n}—{m}题：{a}", "{n}--{m} {a}", "（{n}）-（{m}）{a}", "第{n}-{m}题 {a}",
    "{n} to {m}: {a}", "答案：{n}至{m} {a}",
)  # fmt: skip


@settings(deadline=None, max_examples=200)
@given(keys, st.sampled_from(SINGLES), st.sampled_from(["\n", "  ", "；\n"]), st.sampled_from(EXPLANATIONS))
def test_answers_one_by_one(key, form: str, joint: str, explanation: str) -> None:
    first, letters = key
    if explanation and "\n" not in joint:
        joint = "\n"
    cell = one_by_one(form, joint, explanation)(first, letters)
    assert read_answers(cell) == [Answer(first + k, a) for k, a in enumerate(letters)]


@settings(deadline=None, max_examples=100)
@given(keys, st.sampled_from(RANGES), st.booleans())
def test_ranges(key, form: str, wide: bool) -> None:
    first, letters = key
    cell = as_range(form)(first, letters)
    if wide:
        cell = "".join(chr(ord(c) + 0xFEE0) if c.isascii() and c.isalnum() else c for c in cell)
        cell = cell.replace("ｔｏ", "to")
    assert read_answers(cell) == [Answer(first + k, a) for k, a in enumerate(letters)]


@given(st.lists(st.sampled_from("ABCD"), min_size=2, max_size=9), st.sampled_from([CIRCLED, HAN]))
def test_numbers_that_are_no_digits(letters: list[str], digits: dict[int, str]) -> None:
    mark = "、" if digits is HAN else ""
    cell = " ".join(f"{digits[n]}{mark}{a}" for n, a in enumerate(letters, start=1))
    assert read_answers(cell) == [Answer(n, a) for n, a in enumerate(letters, start=1)]


@given(keys, st.sampled_from("ABCD"))
def test_a_range_with_another_number_of_letters_gives_no_answer(key, more: str) -> None:
    first, letters = key
    last = first + len(letters) - 1
    for written in ("".join(letters) + more, "".join(letters[:-1])):
        found = read_answers(f"{first}-{last} {written}")
        assert [(a.number, a.letter) for a in found] == [(n, "") for n in range(first, last + 1)]
        assert all(f"{len(written)} letters for {len(letters)} questions" in (a.fault or "") for a in found)


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("1. AC\n2. B", [Answer(1, "AC"), Answer(2, "B")]),
        ("1.A、C；2.BD", [Answer(1, "AC"), Answer(2, "BD")]),
        ("1-2 AC BD", [Answer(1, "AC"), Answer(2, "BD")]),
        ("1、2、3：A、B、C", [Answer(1, "A"), Answer(2, "B"), Answer(3, "C")]),
        ("【答案】1. C 2. D\n【解析】1. A项错误，文中说……2. B. 偷换概念", [Answer(1, "C"), Answer(2, "D")]),
        ("1-3 ACD\n解析：1. B项不对。2. A错", [Answer(1, "A"), Answer(2, "C"), Answer(3, "D")]),
        ("1. True 2. False", []),
        ("B. Because the author says A is not true", [Answer(None, "B")]),
        ("B。A项：错；C项：错", [Answer(None, "B")]),
        ("正确答案：B", [Answer(None, "B")]),
        ("答案：ABC", [Answer(None, "A"), Answer(None, "B"), Answer(None, "C")]),
        ("C\nA. 原文说……\nB. 无中生有", [Answer(None, "C")]),
    ],
)
def test_cells(cell: str, expected: list[Answer]) -> None:
    assert read_answers(cell) == expected


def test_letters_that_are_no_answer_to_one_question() -> None:
    (found,) = read_answers("1. CA")
    assert (found.number, found.letter) == (1, "")
    assert "CA is no answer" in (found.fault or "")
