"""What looks like a mistake and is none, tables put together, and what a check may cost and must stand."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from data.check.test_families import codes, findings_of, of
from weitiao.config import DataConfig, Recipe
from weitiao.data import prepare
from weitiao.data.check import check, giveaway, material_of, material_of_files
from weitiao.data.check.giveaway import drawn_rows
from weitiao.data.check.targets import is_heading
from weitiao.errors import DataError


@pytest.mark.parametrize(
    "text",
    [
        "营业收入为13290307611.04元",
        "金额为13871523445元。",
        "['15623038825.4']",
        "比率是0.13812345678",
        "市值13812345678港元",
        "约18912345678 股",
    ],
)
def test_an_amount_of_eleven_digits_is_no_phone_number(tmp_path: Path, text: str) -> None:
    assert "personal_data" not in codes(findings_of(tmp_path, [{"t": text}]))


@pytest.mark.parametrize(
    "text", ["电话13622281980备注", "13659248528！地址", "打 13709391699.", "手机:13812345678,元旦"]
)
def test_a_phone_number_is_one_beside_other_marks(tmp_path: Path, text: str) -> None:
    assert of(findings_of(tmp_path, [{"t": text}]), "personal_data").count == 1


def test_a_mark_in_the_name_of_a_class_separates_no_list(tmp_path: Path) -> None:
    classes = ["农学/园艺", "食品、轻工", "理学/数学", "医学"]
    rows = [{"t": f"第{k}篇摘要", "label": classes[k % 4]} for k in range(40)]
    assert "separators" not in codes(findings_of(tmp_path, rows))
    rows = [{"t": f"第{k}篇", "words": f"词{k}{'、' if k % 9 == 0 else ','}词{k + 1}"} for k in range(40)]
    assert "separators" in codes(findings_of(tmp_path, rows))


def test_a_header_in_the_middle_of_a_table_is_no_row(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("问,答\nq1,a1\n问,答\nq2,a2\n", "utf-8")
    for prompt, response in ((None, None), ("问", "答")):
        material = material_of_files(["x.csv"], root=tmp_path, prompt=prompt, response=response)
        finding = of(check(material), "header_row")
        assert (finding.severity, finding.rows) == ("serious", ("x.csv, row 3",))


def test_a_heading_may_be_the_last_part_of_joined_names() -> None:
    assert is_heading({"公司": "公司", "财务/收入": "收入", "column_3": None})
    assert not is_heading({"公司": "公司"})
    assert not is_heading({"公司": "公司", "收入": 3})
    assert not is_heading({"公司": "收入", "收入": "公司"})


def test_texts_that_give_the_label_away_are_looked_for_in_a_part_of_many_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert drawn_rows([10] * 50) == list(range(50))
    assert len(drawn_rows([100] * 100_000)) == 10_000
    assert len(drawn_rows([100_000] * 5000)) == 1000
    assert drawn_rows([500] * 9000) == drawn_rows([500] * 9000)
    monkeypatch.setattr(giveaway, "_DRAWN", 300)
    monkeypatch.setattr(giveaway, "_LEAST_DRAWN", 60)
    rows = [
        {"q": f"{'来源甲' if k % 2 else '出处乙'}的第{k}条消息", "a": "是" if k % 2 else "否"}
        for k in range(600)
    ]
    assert "give_away" in codes(findings_of(tmp_path, rows))


def test_texts_that_are_nested_too_deeply_are_findings(tmp_path: Path) -> None:
    deep = f"select {'(' * 5000}1{')' * 5000}"
    rows = [{"q": f"问{k}", "a": deep if k == 3 else f"select {k}"} for k in range(9)]
    finding = of(findings_of(tmp_path, rows), "sql_syntax")
    assert (finding.count, finding.examples[0]["problem"]) == (1, "nested too deeply")
    rows = [{"t": "[" * 100_000 if k == 3 else json.dumps([k])} for k in range(12)]
    assert of(findings_of(tmp_path, rows), "broken_json").count == 1


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("none.conll", None, "no such file"),
        ("x.bmes", "", "empty"),
        ("x.txt", "一句话\n", "read as tagged sentences"),
    ],
)
def test_tagged_files_that_are_none(tmp_path: Path, name: str, text: str | None, said: str) -> None:
    if text is not None:
        (tmp_path / name).write_text(text, "utf-8")
    with pytest.raises(DataError, match=said):
        material_of_files([name], root=tmp_path)


def test_a_tagged_file_obeys_its_source(tmp_path: Path) -> None:
    (tmp_path / "x.bmes").write_bytes("甲 O\n\n乙 O\n\n丙 O\n".encode("utf-16-le"))
    data = DataConfig.model_validate({"train": [{"file": "x.bmes", "limit": 2, "encoding": "utf-16-le"}]})
    assert [r.fields["text"] for r, _ in material_of(data, root=tmp_path).records] == ["甲", "乙"]


def test_questions_and_answers_are_no_names_that_templates_leave_out(tmp_path: Path) -> None:
    """Columns that hold the question or the answer stand inside prompts as names do."""
    places = [f"{a}{b}站" for a in "东西南北" for b in "门郊山湖河岭"]
    rows = [
        {"q": f"说的是哪里？\n{asked}", "spoken": asked, "a": place}
        for k, place in enumerate(places * 3)
        for asked in [f"请看一下{place}的{'温度油位电压'[k % 3 * 2 :][:2]}"]
    ]
    assert "template_contradiction" not in codes(findings_of(tmp_path, rows))


def test_digits_in_a_name_are_no_numbers(tmp_path: Path) -> None:
    rows = [{"q": f"第{k}篇：三维重建与第五代网络", "a": f"第{k}篇，3D, 5G, CYP1A1"} for k in range(30)]
    assert "ungrounded_number" not in codes(findings_of(tmp_path, rows))
    rows.append({"q": "又一篇：三维重建", "a": "共 77 篇"})
    assert of(findings_of(tmp_path, rows), "ungrounded_number").count == 1


def test_rows_of_few_values_are_no_duplicates(tmp_path: Path) -> None:
    rows = [{"uuid": k, "label": str(k % 2), "Keywords": "tmp"} for k in range(50)]
    assert "duplicate" not in codes(findings_of(tmp_path, rows))
    texts = [{"uuid": k, "text": f"第{k % 40}句话说了什么"} for k in range(50)]
    assert of(findings_of(tmp_path, texts), "duplicate").count == 10


def test_labels_that_differ_in_signs_are_labels(tmp_path: Path) -> None:
    from weitiao.data.check.targets import label_typos

    labels = Counter({"C": 200, "C++": 5, "C#": 4, "+1": 100, "-1": 6, "1": 3, "3.5": 90, "35": 2})
    assert label_typos(labels) == {}
    spoilt = Counter(
        {"look": 200, "ｌｏｏｋ": 9, "lo ok": 1, "“look”": 2, "类别：look": 1, "looklook": 1, "LOOK。": 3}
    )
    assert label_typos(spoilt) == dict.fromkeys(list(spoilt)[1:], "look")


def test_a_frequent_class_is_no_error_message() -> None:
    from weitiao.data.check.targets import errors_among

    tickets = ["网络异常", "账号问题", "退款"] * 20
    assert not any(errors_among(tickets))
    assert errors_among([*tickets, "网络错误：超时", "ERR: 429"])[-2:] == [True, True]


def test_sources_of_patterns_are_drawn_with_the_seed_of_the_recipe(tmp_path: Path) -> None:
    """What is checked are the rows of the run."""
    plan = "vocabularies:\n  n: [一, 二, 三, 四, 五, 六, 七, 八, 九]\nclasses:\n  open:\n"
    plan += "    patterns: ['打开{n}号{n}线开关']\n    response: 开\n"
    (tmp_path / "p.yaml").write_text(plan, encoding="utf-8")
    data = {"train": [{"patterns": "p.yaml", "count": 8}], "prompt": "{{ text }}", "response": "{{ label }}"}
    for seed in (1, 2):
        recipe = Recipe.model_validate({"data": data, "seed": seed})
        material = material_of(recipe.data, root=tmp_path, seed=seed)
        run = prepare(recipe, root=tmp_path)
        assert [case.example.id for case in material.cases] == [example.id for example in run.train]
