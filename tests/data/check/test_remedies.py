"""What a finding proposes can be done: pasted into the recipe it takes the finding away."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from data.check.test_families import codes, of, write_rows
from weitiao.config import DataConfig, FixConfig, Recipe
from weitiao.data import prepare
from weitiao.data.check import check, material_of, material_of_dataset
from weitiao.data.check.catalogue import CATALOGUE
from weitiao.data.check.sharing import reorder
from weitiao.data.check.writing import places
from weitiao.data.template import compile_expression

SETTING = re.compile(r"data\.fix\.(\w+): (\w+)")
LISTS = [{"q": f"第{k}段说了什么", "a": f"词{k % 9},词{k % 7}甲"} for k in range(60)]
LABELS = [{"q": f"第{k}句是好话吗", "a": "是否"[k % 2]} for k in range(60)]
TEXTS = [{"q": f"第{k}句说了什么", "a": f"说的是第{k}件事，写在书里"} for k in range(60)]
PLANTED: dict[str, tuple[list[dict[str, str]], list[dict[str, str]]]] = {
    "duplicate": (LABELS, [LABELS[3]]),
    "contradiction": (LABELS, [{**LABELS[3], "a": "是"}, {**LABELS[3], "a": "否"}]),
    "label_typo": (LABELS, [{"q": "另一句是好话吗", "a": "是。"}]),
    "error_target": (LABELS, [{"q": "另一句是好话吗", "a": "ERR: 429"}]),
    "separators": (LISTS, [{"q": "另一段说了什么", "a": "词1、词2甲"}]),
    "endings": (LISTS, [{"q": f"另{k}段说了什么", "a": f"词{k},词2甲。"} for k in range(2)]),
    "no_data": (TEXTS, [{"q": "另一句说了什么", "a": "没有查询到相关数据"}]),
    "misread": (TEXTS, [{"q": "另一句说了什么".encode().decode("latin-1"), "a": "说的是别的事，写在书里"}]),
    "invisible": (TEXTS, [{"q": "另一句\u200b说了什么", "a": "说的是别的事，写在书里"}]),
    "markup": (TEXTS, [{"q": "另一句<br/>说了什么", "a": "说的是别的事，写在书里"}]),
    "spacing": (TEXTS, [{"q": "What did  it say", "a": "说的是别的事，写在书里"}]),
    "personal_data": (TEXTS, [{"q": "电话138-1234-5678是谁的", "a": "说的是别的事，写在书里"}]),
}


@pytest.mark.parametrize("code", PLANTED)
def test_the_fix_takes_the_finding_away(code: str, tmp_path: Path) -> None:
    clean, planted = PLANTED[code]
    rows = [*clean, *planted]
    data: dict[str, Any] = {
        "train": [{"file": write_rows(tmp_path / "rows.jsonl", rows)}],
        "prompt": "q",
        "response": "a",
    }
    finding = of(check(material_of(DataConfig.model_validate(data), root=tmp_path)), code)
    hit = SETTING.search(finding.fix)
    assert hit is not None, finding.fix
    fixed = Recipe.model_validate({"data": {**data, "fix": {hit[1]: hit[2]}}})
    after = check(material_of_dataset(prepare(fixed, root=tmp_path)))
    assert code not in codes(after)
    assert code not in codes(check(material_of(_data(tmp_path, clean), root=tmp_path)))


def test_the_fix_takes_a_leak_away(tmp_path: Path) -> None:
    files = {"train": LABELS, "dev": [{"q": "另一句是好话吗", "a": "是"}, *LABELS[:3]]}
    data: dict[str, Any] = {
        part: [{"file": write_rows(tmp_path / f"{part}.jsonl", rows)}] for part, rows in files.items()
    }
    data |= {"prompt": "q", "response": "a"}
    finding = of(check(material_of(DataConfig.model_validate(data), root=tmp_path)), "leak")
    assert SETTING.findall(finding.fix) == [("leaks", "drop")]
    dataset = prepare(Recipe.model_validate({"data": {**data, "fix": {"leaks": "drop"}}}), root=tmp_path)
    assert (len(dataset.train), len(dataset.dev)) == (len(LABELS) - 3, 4)
    assert "leak" not in codes(check(material_of_dataset(dataset)))


def _data(root: Path, rows: list[dict[str, str]]) -> DataConfig:
    file = write_rows(root / "clean.jsonl", rows)
    return DataConfig.model_validate({"train": [{"file": file}], "prompt": "q", "response": "a"})


def test_every_repair_is_proposed_and_every_proposal_is_one() -> None:
    proposed = {hit for entry in CATALOGUE.values() for hit in SETTING.findall(entry.fix)}
    for name, mode in proposed:
        assert getattr(FixConfig.model_validate({name: mode}), name) == mode
    assert {name for name, _ in proposed} == set(FixConfig.model_fields)


def test_duplicates_that_disagree_are_not_dropped_as_duplicates(tmp_path: Path) -> None:
    other = {**LABELS[3], "a": "是"}
    finding = of(check(material_of(_data(tmp_path, [*LABELS, other]), root=tmp_path)), "duplicate")
    assert SETTING.findall(finding.fix) == [("contradictions", "majority")]


@given(
    st.text(alphabet="类别说明 :\t'\"\\{}%#-\n", min_size=4, max_size=40),
    st.text(alphabet="类别说明 :\t'\"\\{}%#-\n\x85\ufeff", min_size=4, max_size=40),
    st.integers(1, 2),
)
def test_the_reordered_template_can_be_pasted(head: str, tail: str, fields: int) -> None:
    """As YAML it is the template, and with it each prompt ends with its fields."""
    values = {f"列{k}": [f"第{n}个问题，{k}" for n in range(20)] for k in range(fields)}
    prompts = [head + " / ".join(row) + tail + "。" for row in zip(*values.values(), strict=True)]
    better = reorder(prompts, list(values.items()))
    assert better is not None
    assert yaml.safe_load(better.recipe) == {"data": {"prompt": better.template}}
    write = compile_expression(better.template, name="prompt", columns=tuple(values)).text_of
    rendered = [write(dict(zip(values, row, strict=True))) for row in zip(*values.values(), strict=True)]
    assert all(
        text.rstrip().endswith(row) for text, row in zip(rendered, list(values.values())[-1], strict=True)
    )
    assert len({text.replace(f"第{n}个问题", "") for n, text in enumerate(rendered)}) == 1


@given(st.lists(st.tuples(st.sampled_from(["a.json", 'b.xlsx, sheet "甲"']), st.integers(1, 99)), min_size=1))
def test_places_name_the_first_rows(rows: list[tuple[str, int]]) -> None:
    said = places([f"{file}, row {number}" for file, number in rows])
    assert all(str(number) in said and file in said for file, number in rows[:3])
    assert said.endswith("...") == (len(rows) > 3)
