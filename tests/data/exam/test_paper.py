"""Exam papers: what is planted in a damaged paper is found again, and what cannot be found is said."""

from __future__ import annotations

import json
from pathlib import Path

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weitiao.data.exam import extract, read_paper
from weitiao.data.exam.answers import Answer, read_answers
from weitiao.data.exam.clean import clean_line, clean_stem, latin_words, reflow
from weitiao.data.exam.marks import option_marks
from weitiao.errors import DataError

NUMBERS = (
    "（{n}）", "({n})", "{n}．", "{n}.", "{n}、", "{n}. ", " {n} . ", "第{n}题：", "{n}。", "{n}，", "小题{n}．",
    "No.{n} ", "**{n}.** ", "- {n}. ",
)  # fmt: skip
MARKS = (
    "{m}．", "{m}.", "{m}. ", "{m}、", "({m}) ", "{m} . ", "{m}) ", "**{m}.** ", "选项{m}：", "【{m}】",
)  # fmt: skip
CYRILLIC = str.maketrans("ABCE", "АВСЕ")
words = st.lists(
    st.sampled_from(["cherry", "tour", "bank", "paper", "river", "juice"]), min_size=2, max_size=6
)


@st.composite
def papers(draw):
    """A paper as its author meant it, and the damaged cell that holds it."""
    first, explained = draw(st.integers(1, 70)), draw(st.booleans())
    number, mark = draw(st.sampled_from(NUMBERS)), draw(st.sampled_from(MARKS))
    meant, text = [], ""
    for n in range(first, first + draw(st.integers(1, 5))):
        stem = f"What {' '.join(draw(words))} {n * 7}?"
        options = [f"{' '.join(draw(words)).capitalize()} {k}" for k in range(4)]
        broken = draw(
            st.sampled_from(["none", "none", "none", "no stop", "cyrillic", "wide", "no number stop"])
        )
        at = draw(st.integers(0, 3))
        row = draw(st.booleans())  # all options on one line
        text += f"{n} " if broken == "no number stop" else number.format(n=n)
        text += stem.replace(" ", draw(st.sampled_from([" ", "  "]))) + "\n"
        for k, option in enumerate(options):
            letter = "ABCD"[k]
            written = mark.format(m=letter)
            if k == at and broken == "no stop":
                written = letter
            elif k == at and broken == "cyrillic":
                written = mark.format(m=letter.translate(CYRILLIC))
            elif k == at and broken == "wide":
                written = mark.format(m=chr(ord(letter) + 0xFEE0))
            text += written + option + ("\t" if row and k < 3 else "\n")
        if explained:
            text += "【解析】见第2段。\nA项不合文意。\n"
        meant.append((n, stem, dict(zip("ABCD", options, strict=True)), draw(st.sampled_from("ABCD"))))
    answers = "\n".join(f"{n}．{answer}" for n, _, _, answer in meant)
    return meant, text, answers


@settings(deadline=None, max_examples=150)
@given(papers())
def test_planted_questions_are_found_again(paper) -> None:
    meant, text, answers = paper
    found = extract("A text.", text, answers)
    assert found.problems == ()
    assert [(q.number, q.stem, dict(q.options), q.answer) for q in found.questions] == meant


@settings(deadline=None, max_examples=60)
@given(papers(), st.data())
def test_every_question_is_recovered_or_listed(paper, data) -> None:
    meant, text, answers = paper
    lines = text.splitlines()
    gone = data.draw(
        st.sampled_from([k for k, line in enumerate(lines) if "文意" not in line and "解析" not in line])
    )
    found = extract("A text.", "\n".join(lines[:gone] + lines[gone + 1 :]), answers, num_options=4)
    numbers = {q.number for q in found.questions} | {p.number for p in found.problems}
    assert {n for n, *_ in meant} <= numbers or None in numbers
    assert len(found.questions) < len(meant)
    asked = {n: (stem, options) for n, stem, options, _ in meant}
    for question in found.questions:  # nothing is taken over from a neighbour
        assert question.stem == asked[question.number][0]


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("56. B\n57. C", [(56, "B"), (57, "C")]),
        ("（1）C\n（2）A", [(1, "C"), (2, "A")]),
        ("1．D 2．b", [(1, "D"), (2, "B")]),
        ("21-23 BAD  24. C", [(21, "B"), (22, "A"), (23, "D"), (24, "C")]),
        ("１～２：С В", [(1, "C"), (2, "B")]),
        ("B A D", [(None, "B"), (None, "A"), (None, "D")]),
        ("BAD", [(None, "B"), (None, "A"), (None, "D")]),
        ("see below", []),
        ("", []),
    ],
)
def test_answers(cell: str, expected: list) -> None:
    assert read_answers(cell) == [Answer(*pair) for pair in expected]


def test_initials_and_vitamins_are_no_marks() -> None:
    text = "Where?\nA. In Washington,  D.C. \nB. A vitamin  A. \nC. At C. Street.   D. Here"
    marks = option_marks(text)
    assert [text[m.end : m.end + 4].strip() for m in marks] == ["In", "A v", "At", "Her"]


def test_page_number_and_heading_between_options() -> None:
    text = (
        "1.下列正确的一项是（）3A.甲乙。\nB.丙丁。\nC.戊己。3D.庚辛。\n本题考查学生的能力。\n"
        "2.下列错误的一项是（3分）\nA.一\nB.二\nC.三\nD.四"
    )
    found = extract("文。", text, "1．B\n2．D")
    first, second = found.questions
    assert first.stem == "下列正确的一项是"
    assert dict(first.options) == {"A": "甲乙。", "B": "丙丁。", "C": "戊己。", "D": "庚辛。"}
    assert first.notes == (
        "page number 3 in front of mark A",
        "page number 3 in front of mark D",
        "left out: 本题考查学生的能力。",
    )
    assert second.stem == "下列错误的一项是"
    assert second.notes == ("left out: （3分）",)


def test_reasons() -> None:
    text = (
        "1. Why?\nA. x\nB. y\nC. z\nD. w\n2. How?\nA. x\nB. y\nD. w\n"
        "3. Who?\nA. x\nB. x\nC. z\nD. w\n4. Same?\nA. a\nB. b\nC. c\nD. d"
    )
    found = extract("T.", text, "1. E\n2. A\n3. B\n5. C", num_options=4)
    assert found.questions == ()
    assert [(p.number, p.reason) for p in found.problems] == [
        (5, "no question with this number in front of options"),
        (1, "the answer E is none of the options A, B, C, D"),
        (2, "option C, D not found: the questions of this paper have 4"),
        (3, "two options are the same"),
        (4, "no answer"),
    ]


def test_answers_counted_in_another_way_are_paired_in_order() -> None:
    text = "56. Why?\nA. x\nB. y\n57. How?\nA. z\nB. w"
    found = extract("T.", text, "1. B\n2. A")
    assert [(q.number, q.answer) for q in found.questions] == [(56, "B"), (57, "A")]
    assert found.notes


def test_cleaning() -> None:
    assert clean_line("Look  at them ,  said\nthe boy ’s  mother .") == "Look at them, said the boy’s mother."
    assert clean_line("书法作品 ，但\n是从 “书 ”来") == "书法作品，但是从“书”来"
    assert clean_stem("It happened  because\u3000   \u3000. ") == "It happened because ____."
    assert clean_stem("Why ?\u3000   \u3000 \n") == "Why?"
    assert latin_words("Тhe сat and Москва") == ("The cat and Москва", ["Тhe", "сat"])
    assert (
        reflow("　　甲甲甲甲甲甲甲甲\n甲甲。\n　　乙乙乙乙乙乙乙乙\n乙。")
        == "甲甲甲甲甲甲甲甲甲甲。\n乙乙乙乙乙乙乙乙乙。"
    )


def test_columns_are_found_or_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "paper.json"
    row = {"文": "T.", "选项": "1. Why?\nA. x\nB. y", "答案": "1. B"}
    path.write_text(json.dumps([row], ensure_ascii=False), "utf-8")
    with pytest.raises(DataError, match="no column of the passage") as error:
        read_paper(path)
    assert "--passage" in str(error.value)
    assert len(read_paper(path, passage="文").questions) == 1


def test_a_file_is_written_that_a_recipe_can_read(tmp_path: Path) -> None:
    path, out = tmp_path / "paper.json", tmp_path / "out" / "questions.jsonl"
    row = {"阅读文本": "T.", "选项": "1. Why?\nA. x\nB. y", "答案": "1. B"}
    path.write_text(json.dumps([row], ensure_ascii=False), "utf-8")
    read_paper(path).save(out)
    (line,) = [json.loads(line) for line in out.read_text("utf-8").splitlines()]
    assert line["choices"] == "A. x\nB. y"
    assert (line["answer"], line["answer_text"], line["number"]) == ("B", "y", 1)
    assert [p.name for p in out.parent.iterdir()] == ["questions.jsonl"]


@pytest.mark.parametrize(
    ("name", "texts", "answers"),
    [
        ("训练集-语文.xlsx", 26, {"B": 26, "C": 21, "D": 19, "A": 12}),
        ("训练集-英语.xlsx", 114, {"D": 115, "C": 112, "A": 110, "B": 101}),
    ],
)
def test_real_papers(shared: Path, name: str, texts: int, answers: dict[str, int]) -> None:
    paper = read_paper(shared / "data" / "exam_reading" / name)
    assert (paper.rows, paper.problems) == (texts, ())
    assert paper.report()["answers"] == dict(sorted(answers.items()))
    for question in paper.questions:
        assert list(question.options) == list("ABCD")
        assert all(len(text) < 300 for text in question.options.values())
        assert "  " not in question.stem


OPTIONS = "A．甲\nB．乙\nC．丙\nD．丁\n"


@pytest.mark.parametrize(
    ("one", "two"),
    [("①", "②"), ("⑴", "⑵"), ("⒈", "⒉"), ("一、", "二、"), ("（一）", "（二）"), ("第一题：", "第二题：")],
)
def test_numbers_that_are_no_digits(one: str, two: str) -> None:
    text = f"{one}下列正确的是（  ）\n{OPTIONS}{two}下列错误的是（  ）\n{OPTIONS}"
    found = extract("文。", text, "1. B\n2. D")
    assert [(q.number, q.stem, q.answer) for q in found.questions] == [
        (1, "下列正确的是", "B"),
        (2, "下列错误的是", "D"),
    ]
    assert found.problems == ()


def test_signs_inside_a_question_are_no_numbers() -> None:
    text = f"1. 下列正确的是\n①甲对\n②乙对\nA．①\nB．②\nC．①②\nD．无\n2. 下列错误的是\n{OPTIONS}"
    found = extract("文。", text, "1-2 CD")
    assert [(q.number, q.options["C"]) for q in found.questions] == [(1, "①②"), (2, "丙")]


def test_options_behind_each_other_without_spaces() -> None:
    text = (
        "1. What?\nA.Red appleB.Blue bookC.Green treeD.No idea\n2. Why?\n(a) one (b) two (c) three (d) four"
    )
    first, second = extract("T.", text, "1. B 2. D").questions
    assert dict(first.options) == {"A": "Red apple", "B": "Blue book", "C": "Green tree", "D": "No idea"}
    assert dict(second.options) == {"A": "one", "B": "two", "C": "three", "D": "four"}


def test_one_question_without_a_number() -> None:
    (one,) = extract("文。", f"下列正确的是（  ）\n{OPTIONS}", "B").questions
    assert (one.number, one.stem, one.answer) == (1, "下列正确的是", "B")
    (several,) = extract("文。", f"下列正确的有\n{OPTIONS}", "ACD").questions
    assert several.as_dict()["answer_text"] == "甲\n丙\n丁"
    found = extract("文。", f"下列正确的是\n{OPTIONS}下列错误的是\n{OPTIONS}", "BD")
    assert found.questions == ()
    assert "have no numbers" in found.problems[0].reason


def test_options_of_two_questions_are_not_mixed() -> None:
    text = f"1. 下列正确的是\nA甲\tB．乙\tC．丙\tD．丁\n{OPTIONS}"
    found = extract("文。", text, "1. B\n2. C")
    assert found.questions == ()
    assert "options of two questions: the number between them is not found" in [
        p.reason for p in found.problems
    ]


def test_several_right_options_are_never_cut_to_the_first() -> None:
    found = extract("文。", f"1. 下列正确的有\n{OPTIONS}2. 下列错误的有\n{OPTIONS}", "1. AC\n2. AE")
    assert [(q.answer, q.as_dict()["answer_text"]) for q in found.questions] == [("AC", "甲\n丙")]
    assert [p.reason for p in found.problems] == ["the answer AE is none of the options A, B, C, D"]


def test_an_answer_inside_the_question_does_not_stay_there() -> None:
    text = f"1. 下列正确的是（ B ）\n{OPTIONS}2. 下列错误的是（Ｃ）\n{OPTIONS}3. 下列相符的是（A）\n{OPTIONS}"
    found = extract("文。", text, "1. B 3. D")
    assert [(q.number, q.stem, q.answer) for q in found.questions] == [
        (1, "下列正确的是", "B"),
        (2, "下列错误的是", "C"),
    ]
    assert [(p.number, p.reason) for p in found.problems] == [(3, "the question says A, the answers D")]


def test_answer_and_explanation_behind_a_question() -> None:
    text = (
        f"1. 下列正确的是\n{OPTIONS}【答案】B\n【解析】A项错，\n见原文。\n2. 下列错误的是\n{OPTIONS}答案：C\n"
    )
    found = extract("文。", text, "")
    assert [(q.answer, q.options["D"]) for q in found.questions] == [("B", "丁"), ("C", "丁")]
    assert "left out: 【答案】B 【解析】A项错， 见原文。" in found.questions[0].notes


def test_answers_that_do_not_fit_are_listed_with_the_reason() -> None:
    found = extract("文。", f"1. 下列正确的是\n{OPTIONS}2. 下列错误的是\n{OPTIONS}", "1-2 ABC")
    assert [(p.number, p.reason) for p in found.problems] == [
        (1, "1-2 ABC: 3 letters for 2 questions"),
        (2, "1-2 ABC: 3 letters for 2 questions"),
    ]


def test_one_reading_text_a_line(tmp_path: Path) -> None:
    path, out = tmp_path / "paper.json", tmp_path / "texts.jsonl"
    rows = [
        {"阅读文本": "T.", "选项": "1. Why?\nA. x\nB. y\n2. How?\nA. z\nB. w", "答案": "1-2 BA"},
        {"阅读文本": "U.", "选项": "1. Who?\nA. x\nB. x", "答案": "1. B"},
    ]
    path.write_text(json.dumps(rows, ensure_ascii=False), "utf-8")
    paper = read_paper(path)
    paper.save(out, per_text=True)
    (line,) = [json.loads(line) for line in out.read_text("utf-8").splitlines()]
    assert (line["id"], line["passage"], line["number"]) == ("1", "T.", 2)
    assert [(q["question"], q["answer"]) for q in line["questions"]] == [("Why?", "B"), ("How?", "A")]
    assert [str(p.origin.row) for p in paper.problems if p.origin] == ["2"]


def test_all_sheets_of_a_workbook(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    for title in ("语文", "英语"):
        page = book.create_sheet(title)
        page.append(["阅读文本", "选项", "答案"])
        page.append(["文。", "1. Why?\nA. x\nB. y", "1. B"])
    book.save(tmp_path / "paper.xlsx")
    assert len(read_paper(tmp_path / "paper.xlsx").questions) == 1
    paper = read_paper(tmp_path / "paper.xlsx", sheet="*")
    assert [q.as_dict()["id"] for q in paper.questions] == ["语文-2-1", "英语-2-1"]
    assert [row["id"] for row in paper.texts()] == ["语文-2", "英语-2"]
