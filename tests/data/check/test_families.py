"""Findings family by family on small material, and what is made of them: json, a page, the command."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from weitiao.config import DataConfig, FixConfig
from weitiao.data.check import Finding, Options, check, material_of, material_of_files
from weitiao.data.check.catalogue import CATALOGUE
from weitiao.data.check.choices import is_valid
from weitiao.data.check.giveaway import rule
from weitiao.data.check.lists import main_separator
from weitiao.data.check.near import near_groups
from weitiao.data.check.page import render
from weitiao.data.check.personal import is_identity
from weitiao.data.check.repeats import is_doubled
from weitiao.data.check.sharing import reorder, shared
from weitiao.data.check.sql import Database, statement_of
from weitiao.data.check.tags import orphans, overlaps
from weitiao.data.check.targets import errors_among, label_typos
from weitiao.data.check.text import mask, numbers_of, skeleton
from weitiao.data.check.writing import report_of, write
from weitiao.data.mask import Vocabulary
from weitiao.errors import ConfigError, DataError


def write_rows(path: Path, rows: Sequence[dict[str, Any]]) -> str:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path.name


def findings_of(
    root: Path, rows: Sequence[dict[str, Any]], options: Options | None = None
) -> tuple[Finding, ...]:
    name = write_rows(root / "rows.jsonl", rows)
    columns = {"prompt": "q", "response": "a"} if {"q", "a"} <= rows[0].keys() else {}
    return check(material_of_files([name], root=root, options=options, **columns))


def of(findings: Sequence[Finding], code: str) -> Finding:
    return next(f for f in findings if f.code == code)


def codes(findings: Sequence[Finding]) -> set[str]:
    return {f.code for f in findings}


LONG = "".join(chr(0x4E00 + k * 37 % 2000) for k in range(120))


# --- texts ---------------------------------------------------------------------------------------------


def test_a_template_has_no_names_and_numbers() -> None:
    names = Vocabulary(["华远股份", "天泰（集团）"])
    assert mask("2020年华远股份的收入是3.5亿元", names) == mask("1999年天泰（集团）的收入是12亿元", names)
    assert mask("查新达科技股份有限公司2020年收入", None) == "*#年收入"


@pytest.mark.parametrize(
    ("left", "right", "near"),
    [
        ("请问华远2020年的收入是多少？", "华远2020年收入", True),
        ("华远2020年的收入", "华远2021年的收入", False),
        ("华远2020年的收入", "天泰2020年的收入", False),
        ("What is the revenue of Acme in 2020?", "Please tell me what is revenue of Acme in 2020", True),
        (f"{LONG}收入{LONG[::-1]}", f"{LONG}收人{LONG[::-1]}", True),
        (f"{LONG}2019{LONG[::-1]}", f"{LONG}2020{LONG[::-1]}", False),
    ],
)
def test_near(left: str, right: str, near: bool) -> None:
    assert bool(near_groups([left, right, "something else altogether"])) is near


def test_numbers_are_compared_by_value() -> None:
    assert numbers_of("1,234.50 和 ２０") == numbers_of("20，1234.5")


def test_courtesy_does_not_count() -> None:
    assert skeleton("请帮我查一下华远的收入") == skeleton("查华远收入")


# --- targets -------------------------------------------------------------------------------------------


def test_label_typos() -> None:
    from collections import Counter

    labels = Counter(
        {"A": 100, "B": 90, "A。": 1, "b": 1, "positive": 80, "positve": 1, "type11": 50, "type12": 1}
    )
    assert label_typos(labels) == {"A。": "A", "b": "B", "positve": "positive"}


@pytest.mark.parametrize(
    ("reply", "wrong"),
    [
        ("ERR: db out of range", True),
        ("#N/A", True),
        ("#DIV/0!", True),
        ("#REF!", True),
        ("#N/A 是没有数据", False),
        ("n/a", True),
        ("Traceback (most recent call last):\n...", True),
        ("请求超时", True),
        ("null", True),
        ("误差是指测量值与真值之差", False),
        ("The error bars show the range", False),
        ("错误的说法是 B", False),
    ],
)
def test_error_targets(reply: str, wrong: bool) -> None:
    assert errors_among([reply, *["营业收入"] * 60])[0] is wrong


def test_none_may_be_a_label() -> None:
    assert not any(errors_among(["none", "a", "b"] * 30))


def test_main_separator() -> None:
    lists = ["a,b"] * 20 + ["c、d"] * 2 + ["e"] * 5
    assert main_separator(lists) == (",", ["、"])


# --- fields, structure ---------------------------------------------------------------------------------


def test_doubled_lists() -> None:
    assert is_doubled("A,B,C,A,B,C")
    assert not is_doubled("A,B,A,C")
    assert not is_doubled("A,A")
    assert is_doubled("A,A", least=1)


def test_broken_json_and_slot_types(tmp_path: Path) -> None:
    rows = [{"call": json.dumps({"limit": 5}), "k": k} for k in range(30)]
    rows[3]["call"] = '{"limit": 5'
    rows[7]["call"] = json.dumps({"limit": "5"})
    findings = findings_of(tmp_path, rows)
    assert of(findings, "broken_json").rows == ("rows.jsonl, row 4",)
    assert of(findings, "slot_types").rows == ("rows.jsonl, row 8",)


def test_vocabulary(tmp_path: Path) -> None:
    rows = [{"args": {"type": ["single", "double"][k % 2]}} for k in range(10)] + [
        {"args": {"type": "triple"}}
    ]
    options = Options(vocabularies={"type": frozenset({"single", "double"})})
    finding = of(findings_of(tmp_path, rows, options), "vocabulary")
    assert finding.rows == ("rows.jsonl, row 11",)
    assert finding.title == "type: 1 of 11 values are not in the vocabulary (1 different one)"


# --- give-away, sharing --------------------------------------------------------------------------------


def test_rule_counts_both_sides() -> None:
    result = rule(["x", "x", "y", "y"], ["a", "a", "b", "a"])
    assert (result.accuracy, result.baseline) == (0.75, 0.75)
    assert not result.tells


def test_separator_that_decides_the_label(tmp_path: Path) -> None:
    rows = [
        {
            "author": (";" if k % 2 else ",").join(["Ann", "Bob", f"C{k}"]),
            "title": f"On subject {k * 7 % 101}",
            "a": str(k % 2),
        }
        for k in range(100)
    ]
    rows = [{**row, "q": f"{row['title']} by {row['author']}"} for row in rows]
    finding = of(findings_of(tmp_path, rows), "give_away")
    assert finding.severity == "serious"
    assert "author" in finding.title


def test_text_that_decides_the_label(tmp_path: Path) -> None:
    rows = [
        {
            "q": f"{k * k % 97} 号机组{'（甲厂）' if k * 7 % 11 % 2 else '乙站'}第 {k} 次记录",
            "a": "AB"[k * 7 % 11 % 2],
        }
        for k in range(80)
    ]
    finding = of(findings_of(tmp_path, rows), "give_away")
    assert finding.numbers["accuracy"] == 1
    assert finding.numbers["in_prompt"]


def test_reordered_template_shares_more() -> None:
    questions = [f"第{k}个问题，关于{k * 37 % 11}" for k in range(40)]
    prompts = [f"请给“{q}”分类。类别有很多说明文字，每一条都很长很长。" for q in questions]
    better = reorder(prompts, [("question", questions)])
    assert better is not None
    assert better.template.endswith('{{ row["question"] }}')
    assert better.before == shared(prompts) < 0.3 < better.after


def test_sharing_counts_a_prefix_tree() -> None:
    assert shared(["abc", "abd"]) == pytest.approx(2 / 6)


# --- SQL, choices, tags --------------------------------------------------------------------------------


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "d.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("create table t (name text, value real)")
        connection.executemany("insert into t values (?, ?)", [("a", 1.0), ("b", None)])
    return path


def test_sql_is_parsed_and_run(tmp_path: Path, database: Path) -> None:
    statements = [
        "select value from t where name = 'a'",
        "select value from t where name = 'c'",
        "select max(value) as m from t where name = 'b' order by m",
        "select amount from t",
        "select * from u",
        "select value from t where (",
        "with x as (select name from t) select name from x",
    ]
    rows = [{"q": f"question {k}", "a": sql} for k, sql in enumerate(statements)]
    findings = findings_of(tmp_path, rows, Options(database=database))
    row = "rows.jsonl, row {}".format
    assert of(findings, "sql_empty").rows == (row(2), row(3))
    assert of(findings, "sql_schema").rows == (row(4), row(5))
    assert of(findings, "sql_syntax").rows == (row(6),)
    assert of(findings, "sql_error").rows == (row(4), row(5), row(6))


def test_the_database_is_not_written(database: Path) -> None:
    before = database.read_bytes()
    results = Database(database).run(["delete from t", "with x as (select 1) delete from t", "select 1"])
    assert [r.outcome for r in results.values()] == ["error", "error", "value"]
    assert database.read_bytes() == before


def test_no_database(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        Database(tmp_path / "none.sqlite")


def test_statement_inside_json_or_fence() -> None:
    assert statement_of('{"SQL": "select 1"}') == "select 1"
    assert statement_of("```sql\nselect 1\n```") == "select 1"
    assert statement_of("the answer is 5") is None


@pytest.mark.parametrize(
    ("answer", "valid"),
    [("B", True), ("AB", True), ("red", True), (1, True), ("E", False), (4, False), ("", False)],
)
def test_answers(answer: Any, valid: bool) -> None:
    assert is_valid(answer, ["red", "blue", "green", "black"]) is valid


def test_tags() -> None:
    assert orphans(["B-A", "M-A", "E-A", "O", "M-A", "E-B", "I-C"]) == [4, 5, 6]
    assert overlaps([(0, 5, "x"), (2, 3, "y"), (6, 7, "z")]) == [((0, 5, "x"), (2, 3, "y"))]


def test_identity_numbers_have_a_check_digit() -> None:
    assert is_identity("11010519491231002X")
    assert not is_identity("110105194912310021")


# --- dialogues -----------------------------------------------------------------------------------------


def turn(role: str, **more: Any) -> dict[str, Any]:
    return {"role": role, **more}


def test_dialogues(tmp_path: Path) -> None:
    user, search = turn("user", content="便宜的酒店"), turn("search", arguments={"type": "经济型"})
    results = turn("return", records=[{"name": "如家"}])
    good = [user, search, results, turn("assistant", content="推荐如家")]
    dialogues = [
        good,
        [turn("user", content="酒店?"), search],
        [turn("user", content="酒店!"), search, turn("assistant", content="好的")],
        [turn("user", content="住宿"), search, results, turn("assistant", content="推荐汉庭")],
        [
            turn("user", content="旅馆"),
            turn("search", arguments={}),
            turn("return", records=[]),
            turn("assistant", content="无"),
        ],
        good,
    ]
    findings = findings_of(tmp_path, [{"dialogue": d} for d in dialogues])
    row = "rows.jsonl, row {}".format
    assert of(findings, "call_without_result").rows == (row(2),)
    assert of(findings, "call_not_followed").rows == (row(3),)
    assert of(findings, "ungrounded_reply").rows == (row(4),)
    assert of(findings, "empty_call").rows == of(findings, "empty_result").rows == (row(5),)
    assert any(f.code == "duplicate" and f.rows == (row(6),) for f in findings)


# --- parts ---------------------------------------------------------------------------------------------


def test_copy_of_a_part_and_few_shot(tmp_path: Path) -> None:
    shot = "例：红茶属于哪一类饮料呢"
    rows = [{"q": f"{shot}\n答案写一个字。\n第{k}种饮料叫什么名字{k}", "a": "茶水"[k % 2]} for k in range(40)]
    write_rows(tmp_path / "train.jsonl", rows)
    write_rows(tmp_path / "dev.jsonl", [rows[3], rows[4]])
    write_rows(tmp_path / "test.jsonl", [{"q": shot.removeprefix("例："), "a": "茶"}, rows[9]])
    data = DataConfig.model_validate(
        {"prompt": "q", "response": "a", **{p: [{"file": f"{p}.jsonl"}] for p in ("train", "dev", "test")}}
    )
    findings = check(material_of(data, root=tmp_path))
    assert of(findings, "copied_part").numbers["parts"] == ["dev", "train"]
    assert of(findings, "leak").rows == ("test.jsonl, row 2",)
    assert of(findings, "few_shot_leak").rows == ("test.jsonl, row 1",)


def test_the_smallest_class_leaves_out_labels_of_one_or_two_rows(tmp_path: Path) -> None:
    answers = [*"甲" * 24, *"乙" * 18, "丙", ""]
    rows = [{"q": f"第{k}问{k * k}", "a": a} for k, a in enumerate(answers)]
    found = of(findings_of(tmp_path, rows), "class_balance")
    assert "3 classes, the largest 1.3 times the smallest of more than two rows: 甲 24, 乙 18" in found.title
    assert "empty" not in found.title  # an empty target is no class


def test_sources_are_split_as_the_recipe_says(tmp_path: Path) -> None:
    write_rows(
        tmp_path / "a.jsonl", [{"q": f"第{k}问{k * k}", "a": "甲乙"[k * 7 % 11 % 2]} for k in range(60)]
    )
    data = DataConfig.model_validate({"prompt": "q", "response": "a", "sources": [{"file": "a.jsonl"}]})
    material = material_of(data, root=tmp_path)
    assert {case.part for case in material.cases} == {"train", "dev", "test"}
    assert codes(check(material)) <= {"lengths", "class_balance", "prompt_sharing"}


def test_missing_files_are_all_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"(?s)x\.jsonl.*y\.jsonl"):
        material_of_files(["x.jsonl", "y.jsonl"], root=tmp_path)


def test_tokens_over_the_limit(tmp_path: Path) -> None:
    rows = [{"q": "字" * n, "a": "x"} for n in range(1, 30)]
    options = Options(count_tokens=lambda example: len(example.prompt[0].content), max_length=27)
    finding = of(findings_of(tmp_path, rows, options), "too_long")
    assert finding.rows == ("rows.jsonl, row 28", "rows.jsonl, row 29")
    assert finding.numbers["shares"] == {"q": 1.0}


# --- what is made of findings --------------------------------------------------------------------------


def test_report_and_page(tmp_path: Path) -> None:
    rows = [{"q": f"<script>{k}</script>问", "a": "AB"[k % 2]} for k in range(12)]
    rows.append({"q": rows[0]["q"], "a": "B"})
    name = write_rows(tmp_path / "rows.jsonl", rows)
    material = material_of_files([name], root=tmp_path, prompt="q", response="a")
    findings = check(material)
    report = report_of(material, findings)
    written, page = write(report, render(report, title="t & t"), tmp_path / "out")
    assert json.loads(written.read_text("utf-8")) == json.loads(json.dumps(report))
    text = page.read_text("utf-8")
    assert "<script>" not in text
    assert "t &amp; t" in text
    assert "http" not in text
    assert of(findings, "contradiction").title.startswith("1 prompt has")
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["check.html", "check.json"]


def test_every_proposed_fix_can_be_asked_for() -> None:
    """Each ``data.fix.name: mode`` of the catalogue is a value that a recipe may have."""
    asked = 0
    for entry in CATALOGUE.values():
        for part in entry.fix.replace(",", ";").replace("(", ";").split(";"):
            key, colon, mode = part.strip().partition(": ")
            if key.startswith("data.fix.") and colon:
                FixConfig.model_validate({key.removeprefix("data.fix."): mode.split()[0]})
                asked += 1
    assert asked >= 7


def test_every_finding_is_in_the_catalogue() -> None:
    import re

    import weitiao.data.check

    folder = Path(weitiao.data.check.__file__).parent
    used = {
        code
        for path in folder.glob("*.py")
        for code in re.findall(r'(?:found|_report|_listed)\(\s*"(\w+)"', path.read_text("utf-8"))
    }
    assert used <= CATALOGUE.keys()
    assert len(used) > 35
