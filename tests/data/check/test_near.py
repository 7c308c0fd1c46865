"""What counts as the same question, and what only looks like it."""

from __future__ import annotations

from pathlib import Path

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from data.check.test_families import LONG, codes, findings_of, of, write_rows
from weitiao.data.check import check, material_of_files
from weitiao.data.check.near import is_moved, near_groups

LETTERS = st.text(alphabet="甲乙丙丁戊己庚辛壬癸年公司收入", min_size=1, max_size=8)
NOTICE = "本公司及董事会全体成员保证公告内容真实、准确、完整，不存在虚假记载、误导性陈述或者重大遗漏。"


@given(LETTERS, LETTERS, LETTERS, LETTERS)
def test_a_part_that_is_moved_over_another_is_found(start: str, one: str, other: str, end: str) -> None:
    assert is_moved(start + one + other + end, start + other + one + end)


@given(LETTERS, LETTERS)
def test_moving_keeps_all_letters(one: str, other: str) -> None:
    if is_moved(one, other):
        assert sorted(one) == sorted(other)


def test_names_that_change_places_ask_something_else() -> None:
    texts = ["甲公司何时收购了乙公司的资产", "乙公司何时收购了甲公司的资产"]
    assert near_groups(texts) == []
    assert near_groups(["2021年远天公司的净利润", "远天公司2021年的净利润"]) == [[0, 1]]


@settings(deadline=None)
@given(st.sampled_from(range(len(LONG))), st.sampled_from("口日曰田"))
def test_a_slip_in_a_long_text_is_near(place: int, slip: str) -> None:
    assume(LONG[place] != slip)
    assert near_groups([LONG, LONG[:place] + slip + LONG[place + 1 :]]) == [[0, 1]]


def test_another_question_about_a_long_text_is_not_near() -> None:
    """Also where 97 of 100 characters are the same."""
    asked = [f"{NOTICE * 8}\n{question}" for question in ("董事会保证了什么内容", "谁承担法律上的责任")]
    assert near_groups(asked) == []
    details = [frozenset({"张三"}), frozenset({"李四"})]
    assert near_groups([NOTICE * 2 + "张三", NOTICE * 2 + "李四"], details) == []


def test_questions_about_one_text_raise_no_alarm(tmp_path: Path) -> None:
    rows = [
        {
            "text": f"{k}号公告。{NOTICE * 8}",
            "asked": asked,
            "q": f"{k}号公告。{NOTICE * 8}\n问：{asked}",
            "a": asked[-1],
        }
        for k in range(10)
        for asked in ("谁保证内容真实", "谁承担责任", "公告保证了何事")
    ]
    found = findings_of(tmp_path, rows)
    assert not codes(found) & {"near_duplicate", "near_contradiction", "value_contradiction"}


def test_each_contradiction_is_told_once(tmp_path: Path) -> None:
    """Equal prompts, then equal questions in other prompts, then nearly equal questions."""
    rows = [
        {
            "question": f"第{k}家公司的注册地址在哪里",
            "q": f"请回答。\n第{k}家公司的注册地址在哪里",
            "a": f"{k}号",
        }
        for k in range(40)
    ]
    same = {**rows[3], "a": "别处"}
    worded = {**rows[5], "q": rows[5]["q"].replace("请回答", "答"), "a": "别处"}
    polite = f"请问{rows[7]['question']}"
    politer = {"question": polite, "q": f"请回答。\n{polite}", "a": "别处"}
    found = findings_of(tmp_path, [*rows, same, worded, politer])
    kinds = ("contradiction", "value_contradiction", "near_contradiction")
    rows_of = {kind: of(found, kind).rows for kind in kinds}
    assert {kind: [int(row.split()[-1]) for row in rows] for kind, rows in rows_of.items()} == {
        "contradiction": [4, 41],
        "value_contradiction": [6, 42],
        "near_contradiction": [8, 43],
    }


def test_a_part_with_an_instruction_of_its_own_leaks_too(tmp_path: Path) -> None:
    asked = [f"第{k}家公司的净利润是多少元" for k in range(60)]
    write_rows(tmp_path / "train.jsonl", [{"p": f"把问题分类。\n{q}", "a": "乙"} for q in asked[:50]])
    write_rows(tmp_path / "dev.jsonl", [{"p": f"下面的问题是哪一类？\n{q}", "a": "乙"} for q in asked[48:]])
    material = material_of_files(
        ["train.jsonl"], root=tmp_path, prompt="p", response="a", against=["dev.jsonl"]
    )
    assert of(check(material), "leak").count == 2
