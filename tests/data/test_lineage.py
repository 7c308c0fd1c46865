"""Where data come from: notes beside files, parents in the card, checks and licences."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from weitiao import __version__
from weitiao.cli.app import app
from weitiao.config import Recipe
from weitiao.data import load, prepare, save
from weitiao.data.card_page import card_page, class_views
from weitiao.data.checked import with_checks
from weitiao.data.lineage import file_hash, parent_of, write_lineage
from weitiao.types import Dataset

ROWS = [{"prompt": f"第{k}个问题", "response": "甲乙"[k * 7 % 11 % 2]} for k in range(60)]


def rows(path: Path, table: list[dict[str, Any]] = ROWS) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in table), encoding="utf-8")
    return path


def made(root: Path, **data: Any) -> tuple[Dataset, Recipe]:
    recipe = Recipe.model_validate({"data": data, "seed": 3})
    return prepare(recipe, root=root), recipe


def test_a_note_is_found_and_a_changed_file_is_told(tmp_path: Path) -> None:
    source, output = rows(tmp_path / "a.jsonl"), rows(tmp_path / "b.jsonl", ROWS[:40])
    write_lineage(output, "weitiao data noise", [("a.jsonl", source)], {"cer": 0.1, "column": None})
    note = parent_of(output, file_hash(output))
    assert note == {
        "made_by": "weitiao data noise",
        "weitiao": __version__,
        "sources": [{"file": "a.jsonl", "sha256": file_hash(source)}],
        "settings": {"cer": 0.1},
    }
    assert parent_of(output, "another") == {**note, "changed_since": True}
    assert parent_of(source, file_hash(source)) is None
    (tmp_path / "a.jsonl.lineage.json").write_text("[1")
    assert parent_of(source, file_hash(source)) is None


def test_parents_stand_in_the_card_and_on_its_page(tmp_path: Path) -> None:
    rows(tmp_path / "a.jsonl")
    noisy = CliRunner().invoke(
        app,
        ["data", "noise", str(tmp_path / "a.jsonl"), "--output", str(tmp_path / "n.jsonl"), "--seed", "4"],
    )
    assert noisy.exit_code == 0, noisy.output
    dataset, _ = made(tmp_path, sources=[{"file": "n.jsonl", "licence": "CC0"}, {"file": "a.jsonl"}])
    lineage = dataset.card["lineage"]
    (parent,) = lineage["parents"]
    assert (parent["file"], parent["made_by"]) == ("n.jsonl", "weitiao data noise")
    assert parent["sources"][0]["sha256"] == file_hash(tmp_path / "a.jsonl")
    assert parent["settings"]["seed"] == 4
    assert (lineage["weitiao"], lineage["seed"]) == (__version__, 3)
    assert [source["file"] for source in lineage["data"]["sources"]] == ["n.jsonl", "a.jsonl"]
    assert dataset.card["licences"] == {"stated": {"CC0": ["n.jsonl"]}, "not_stated": ["a.jsonl"]}
    page = card_page(dataset.card)
    assert parent["sources"][0]["sha256"] in page
    assert "No licence is stated for 1 of 2 sources" in page
    assert str(tmp_path) not in json.dumps(lineage["data"])


def test_a_part_of_a_data_set_names_it(tmp_path: Path) -> None:
    rows(tmp_path / "a.jsonl")
    first, _ = made(tmp_path, sources=[{"file": "a.jsonl"}])
    save(first, tmp_path / "set")
    second, _ = made(tmp_path, train=[{"file": "set/train.jsonl"}], test=[{"file": "set/test.jsonl"}])
    found = [(p["data_set"], p["part"]) for p in second.card["lineage"]["parents"]]
    assert found == [(first.card["sha256"], "train"), (first.card["sha256"], "test")]


def test_checks_go_into_the_card_where_they_cost_little(tmp_path: Path) -> None:
    rows(tmp_path / "a.jsonl", [*ROWS, {"prompt": "第1个问题", "response": "丙"}])
    dataset, recipe = made(tmp_path, sources=[{"file": "a.jsonl"}])
    assert "checks" not in dataset.card
    checks = with_checks(dataset, recipe, root=tmp_path).card["checks"]
    assert checks["serious"] + checks["warning"] >= 1
    assert any("contradiction" in finding["code"] for finding in checks["findings"])
    page = card_page({"checks": checks})
    assert all(finding["code"] in page for finding in checks["findings"])
    skipped = with_checks(dataset, recipe, root=tmp_path, limit=60).card["checks"]
    assert skipped == {"skipped": "not checked: 61 rows, more than 60"}
    assert skipped["skipped"] in card_page({"checks": skipped})


def test_the_command_writes_and_says_it(tmp_path: Path) -> None:
    rows(tmp_path / "a.jsonl")
    recipe = tmp_path / "r.yaml"
    recipe.write_text("base: {path: none}\ndata:\n  sources: [{file: a.jsonl}]\n", encoding="utf-8")
    result = CliRunner().invoke(app, ["data", "prepare", str(recipe), "--out", str(tmp_path / "set")])
    assert result.exit_code == 0, result.output
    assert "no licence is stated for a.jsonl" in result.output
    assert "checks: 0 serious" in result.output
    assert "--after" not in result.output
    assert load(tmp_path / "set").card["checks"]["serious"] == 0


def test_with_repairs_the_checks_say_that_they_saw_the_files(tmp_path: Path) -> None:
    rows(tmp_path / "a.jsonl")
    recipe = tmp_path / "r.yaml"
    recipe.write_text("data:\n  sources: [{file: a.jsonl}]\n  fix: {duplicates: drop}\n", encoding="utf-8")
    result = CliRunner().invoke(app, ["data", "prepare", str(recipe), "--out", str(tmp_path / "set")])
    assert (
        "in the files, before repairs; `weitiao data check` shows them, with --after what is left"
        in result.output
    )
    assert "As the rows stand in the files" in (tmp_path / "set" / "card.html").read_text("utf-8")


def test_classes_before_and_after_are_bars() -> None:
    views = class_views({"乙": [2, 8], "甲": [8, 8]})
    assert [(v.label, v.before, v.after, v.share_before, v.share_after) for v in views] == [
        ("甲", 8, 8, 1.0, 1.0),
        ("乙", 2, 8, 0.25, 1.0),
    ]
    assert class_views(["x"]) == class_views({"甲": 3}) == ()
    step = {"name": "balance", "part": "train", "in": 10, "out": 16, "classes": {"甲": [8, 8], "乙": [2, 8]}}
    page = card_page({"steps": [step]})
    assert 'style="width: 25.0%"' in page
    assert page.count('class="bar was"') == 2
