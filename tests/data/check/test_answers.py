"""Answers and labels against what they come from: names, dates, amounts, abstentions, label schemes, option marks."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from weitiao.config import FixConfig
from weitiao.data.check import Finding, check, material_of_dataset, material_of_files
from weitiao.data.check.answers import Amount, amounts_of, no_data_phrase
from weitiao.data.check.choices import marks_of
from weitiao.data.check.names import absent_companies, absent_dates, absent_quoted, absent_words
from weitiao.data.check.schemes import usual_pairs
from weitiao.data.fix import apply_fixes
from weitiao.types import Dataset, Example, Message, Origin, content_id

NAMES = [a + b for a in "华远天泰明康宏达新正" for b in "成科能信通源盛创"]
BOOKS = [f"{a}{b}论" for a in "经济管理会计" for b in "新旧通史"]
BRANDS = ["Apollo", "Zenith", "Orion", "Vega", "Lyra", "Altair"]

_BY_KIND = "ungrounded_name"


def clean_rows(rng: random.Random, size: int) -> list[dict[str, str]]:
    """Questions with a context, answered in words of the context only."""
    rows = []
    for number in range(size):
        company, book, brand = rng.choice(NAMES) + "公司", rng.choice(BOOKS), rng.choice(BRANDS)
        year, month, day = rng.randint(1990, 2024), rng.randint(1, 12), rng.randint(1, 28)
        amount = f"{rng.randint(1, 999)}.{rng.randint(10, 99)}元"
        date = f"{year}年{month}月{day}日"
        context = f"{company}在{date}发布了《{book}》和{brand}系列，售价{amount}。第{number}条"
        answer = rng.choice(
            (
                f"《{book}》由{company}发布，时间是{date}，售价{amount}。",
                f"{company}的{brand}系列售价是{amount}，同时发布《{book}》（{date}）。",
                f"{date}，{company}发布了{brand}和《{book}》，售价{amount}。",
            )
        )
        rows.append({"q": f"根据材料回答。\n材料：{context}\n谁发布了什么？", "a": answer})
    return rows


def findings_of(
    folder: Path, rows: Sequence[dict[str, Any]], name: str = "rows.jsonl"
) -> tuple[Finding, ...]:
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    (folder / name).write_text(text, encoding="utf-8")
    columns = {"prompt": "q", "response": "a"} if {"q", "a"} <= rows[0].keys() else {}
    return check(material_of_files([name], root=folder, **columns))


def of(findings: Sequence[Finding], code: str) -> list[Finding]:
    return [finding for finding in findings if finding.code == code]


# --- names and dates -----------------------------------------------------------------------------------


def _swap(old: str, new: str) -> Callable[[str, random.Random], str]:
    return lambda answer, rng: answer.replace(old, new)


def _other_company(answer: str, rng: random.Random) -> str:
    place = answer.index("公司")
    return answer[: place - 2] + "玖璃" + answer[place:]


def _other_date(answer: str, rng: random.Random) -> str:
    """The day of another month: each number may stand in the context, the date does not."""
    import re

    return re.sub(r"(\d+)月(\d+)日", lambda hit: f"{hit[2]}月{hit[1]}日", answer)


PLANTED: dict[str, Callable[[str, random.Random], str]] = {
    "title": _swap("论》", "沦》"),
    "company": _other_company,
    "Latin": lambda answer, rng: answer.rstrip("。") + "，详见Borealis。",
}


@pytest.mark.parametrize("kind", PLANTED)
def test_a_planted_name_is_found(kind: str, tmp_path: Path) -> None:
    rng = random.Random(kind)
    rows = clean_rows(rng, 200)
    spoilt = rng.sample(range(200), 2)
    for k in spoilt:
        rows[k]["a"] = PLANTED[kind](rows[k]["a"], rng)
    accused = {row for finding in of(findings_of(tmp_path, rows), _BY_KIND) for row in finding.rows}
    assert accused == {f"rows.jsonl, row {k + 1}" for k in spoilt}


def test_a_planted_date_is_found(tmp_path: Path) -> None:
    rows = clean_rows(random.Random(1), 100)
    rows[7] = {
        "q": "根据材料回答。\n材料：华远公司在2020年3月5日成立，2021年4月6日上市。\n何时上市？",
        "a": "华远公司在2020年4月6日上市。",
    }
    accused = {row for finding in of(findings_of(tmp_path, rows), _BY_KIND) for row in finding.rows}
    assert accused == {"rows.jsonl, row 8"}


@settings(
    max_examples=3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], database=None
)
@given(seed=st.integers(0, 2**32))
def test_clean_answers_raise_no_alarm(tmp_path: Path, seed: int) -> None:
    found = findings_of(tmp_path, clean_rows(random.Random(seed), 1000))
    alarms = [row for finding in of(found, _BY_KIND) for row in finding.rows]
    assert len(alarms) <= 1, alarms
    assert not of(found, "number_formats")
    assert not of(found, "no_data")


@pytest.mark.parametrize(
    ("absent", "answer", "prompt", "missing"),
    [
        (absent_quoted, "《红楼梦》和“林 黛玉”", "红楼梦里的林黛玉", []),
        (absent_quoted, "《红楼梦》", "红搂梦", ["红楼梦"]),
        (absent_companies, "江化微股份有限公司", "江化微的收入", []),
        (absent_companies, "江化威股份有限公司", "江化微的收入", ["化威股份有限公司"]),
        (absent_words, "用Python写", "python 脚本", []),
        (absent_words, "用Rust写", "python 脚本", ["Rust"]),
        (absent_words, "It was built by John Smith", "Who? john smith.", []),
        (absent_words, "It was built by John Smith", "Who? Jack.", ["John Smith"]),
        (absent_dates, "2020年3月", "2020-03-05", []),
        (absent_dates, "3月5日", "2020-03-05", []),
        (absent_dates, "2021年3月", "2020-03-05", []),  # its year is a number that check_numbers names
        (absent_dates, "2021年3月5日", "2020年3月5日至2021年4月5日", ["2021年3月5"]),
        (absent_dates, "电话010-8811", "2020年3月5日", []),
    ],
)
def test_names(absent: Callable[[str, str], Any], answer: str, prompt: str, missing: list[str]) -> None:
    assert absent(answer, prompt)[1] == missing


# --- no data -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("未查询到2019年光云科技的相关信息，无法回答该问题。", "未查询到"),
        ("经查询，没有发现该公司的年报信息。", "没有发现"),
        ("No data was found.", "no data"),
        ("The value is not available.", "not available"),
        ("营业收入是3.5亿元。", None),
        ("公司披露了前五名客户的情况，" * 8 + "其他信息没有找到。", None),
    ],
)
def test_answers_that_say_nothing(answer: str, said: str | None) -> None:
    assert no_data_phrase(answer) == said


def test_no_data_is_found_and_can_be_dropped(tmp_path: Path) -> None:
    rows = clean_rows(random.Random(2), 60)
    rows[3]["a"] = rows[40]["a"] = "没有查询到相关信息"
    (finding,) = of(findings_of(tmp_path, rows), "no_data")
    assert finding.rows == ("rows.jsonl, row 4", "rows.jsonl, row 41")
    assert finding.severity == "note"
    assert finding.numbers["phrases"] == {"没有查询到": 2}
    assert "data.fix.no_data: drop" in finding.fix
    parts, (line,) = apply_fixes(
        {"train": [_example(row, k) for k, row in enumerate(rows)]}, FixConfig(no_data="drop")
    )
    assert len(parts["train"]) == 58
    assert line["dropped"][0]["count"] == 2


def _example(row: dict[str, str], number: int) -> Example:
    messages = (Message("user", row["q"]), Message("assistant", row["a"], train=True))
    return Example(content_id(messages), messages, "", Origin("rows.jsonl", number + 1))


# --- amounts -------------------------------------------------------------------------------------------


def test_amounts() -> None:
    assert amounts_of("收入12.50元、1,234.5万元，毛利率3.25%，利润3.1") == [
        Amount(2, "元"),
        Amount(1, "万元"),
        Amount(1, ""),
    ]
    assert amounts_of("第3.2节，版本1.2.3，评分4.5分") == []


def test_amounts_in_several_forms(tmp_path: Path) -> None:
    rows = clean_rows(random.Random(3), 100)
    for k in range(10):
        rows[k]["a"] = rows[k]["a"].replace("元", "")
    for k in range(10, 14):
        rows[k] = {"q": rows[k]["q"] + "3.5元", "a": "3.5元"}
    (finding,) = of(findings_of(tmp_path, rows), "number_formats")
    assert len(finding.rows) == 14
    assert finding.numbers["units"] == {"元": 90, "none": 10}
    assert finding.numbers["decimals"] == {"2": 96, "1": 4}


# --- two label schemes ---------------------------------------------------------------------------------


def test_two_schemes_over_the_same_questions(tmp_path: Path) -> None:
    rng = random.Random(4)
    usual = {"A": "look-up", "B": "look-up", "C": "computed", "D": "open"}
    one = [{"question": f"第{k}个问题是什么", "class": rng.choice("ABCD")} for k in range(200)]
    other = [{"query": row["question"], "info": {"type": usual[row["class"]]}} for row in one[50:]]
    wrong = next(k for k, row in enumerate(one) if k >= 50 and row["class"] == "A")
    other[wrong - 50]["info"] = {"type": "open"}
    for name, rows in (("one.jsonl", one), ("other.jsonl", other)):
        (tmp_path / name).write_text(
            "\n".join(json.dumps(r, ensure_ascii=False) for r in rows), encoding="utf-8"
        )
    findings = check(material_of_files(["one.jsonl", "other.jsonl"], root=tmp_path))
    (finding,) = of(findings, "scheme_disagreement")
    assert set(finding.rows) == {f"one.jsonl, row {wrong + 1}", f"other.jsonl, row {wrong - 49}"}
    assert finding.numbers["pairs"] == {"A / open": 1}
    assert finding.numbers["shared"] == 150
    joined = [{**row, "type": usual[row["class"]]} for row in one]
    joined[9]["type"] = "open" if joined[9]["class"] != "D" else "look-up"
    (finding,) = of(findings_of(tmp_path, joined), "scheme_disagreement")
    assert finding.rows == ("rows.jsonl, row 10",)


def test_columns_that_do_not_explain_each_other_are_no_schemes(tmp_path: Path) -> None:
    rng = random.Random(5)
    rows = [
        {"question": f"第{k}个问题是什么", "a_": rng.choice("ABC"), "b": rng.choice("XYZ")}
        for k in range(300)
    ]
    rare = [
        {"question": f"第{k}个问题是什么", "a_": "A" if k % 40 else "B", "b": "X" if k % 55 else "Y"}
        for k in range(300)
    ]
    assert not of(findings_of(tmp_path, rows), "scheme_disagreement")
    assert not of(findings_of(tmp_path, rare), "scheme_disagreement")


@given(
    st.dictionaries(st.tuples(st.sampled_from("ABC"), st.sampled_from("xyz")), st.integers(1, 9), min_size=1)
)
def test_every_label_has_a_usual_partner(counts: dict[tuple[str, str], int]) -> None:
    usual = usual_pairs(counts)
    assert usual <= set(counts)
    assert {a for a, _ in usual} == {a for a, _ in counts}
    assert {b for _, b in usual} == {b for _, b in counts}


# --- option marks --------------------------------------------------------------------------------------


def test_option_marks(tmp_path: Path) -> None:
    assert marks_of("1．题\nA．甲\nB．乙\nC．丙\nD．丁（A. 不算）见图A.") == "ABCD"
    rows = [{"选项": "\n".join(f"{q}. 题\nA. 一\nB. 二\nC. 三\nD. 四" for q in (1, 2))} for _ in range(20)]
    rows[4] = {"选项": rows[4]["选项"].replace("D. 四\n", "D四\n")}
    (finding,) = of(findings_of(tmp_path, rows), "option_marks")
    assert finding.rows == ("rows.jsonl, row 5",)
    assert finding.examples[0]["text"].endswith("ABCABCD")


# --- a prepared data set -------------------------------------------------------------------------------


def test_a_prepared_data_set_is_checked_as_it_is() -> None:
    rows = [{"q": f"问题{k}", "a": "甲" if k % 2 else "乙"} for k in range(40)]
    train = [_example(row, k) for k, row in enumerate([*rows, rows[0], {"q": "问题1", "a": "乙"}])]
    dev = [
        _example(row, 99 + k)
        for k, row in enumerate([rows[3], *({"q": f"别的{k}", "a": "甲"} for k in range(9))])
    ]
    before = {f.code for f in check(material_of_dataset(Dataset(tuple(train), tuple(dev), (), {})))}
    assert {"contradiction", "leak"} <= before
    fixed, _ = apply_fixes({"train": train}, FixConfig(contradictions="majority", duplicates="drop"))
    after = {f.code for f in check(material_of_dataset(Dataset(tuple(fixed["train"]), (), (), {})))}
    assert not {"contradiction", "leak", "duplicate"} & after
