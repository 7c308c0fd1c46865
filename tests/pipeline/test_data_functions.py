"""The data steps from Python: the same results as the commands, the same refusals."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import weitiao
from weitiao.errors import ConfigError
from weitiao.recipe import load_recipe

RECIPES = Path(__file__).resolve().parents[2] / "recipes"


def command(*words: object) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "weitiao", *map(str, words)], capture_output=True, text=True, check=True
    )
    return done.stdout


def test_preparing_gives_what_the_command_writes(tmp_path: Path) -> None:
    recipe = RECIPES / "demo_keywords.yaml"
    stages: list[str] = []
    made = weitiao.prepare_data(
        recipe,
        out=tmp_path / "mine",
        sets=["data.fix.duplicates=drop"],
        progress=lambda stage, rows: stages.append(stage),
    )
    command("data", "prepare", recipe, "--out", tmp_path / "theirs", "--set", "data.fix.duplicates=drop")
    for name in ("train.jsonl", "dev.jsonl", "test.jsonl", "card.json"):
        assert (tmp_path / "mine" / name).read_bytes() == (tmp_path / "theirs" / name).read_bytes()
    assert "check" in stages
    opened = weitiao.open_data(str(tmp_path / "mine"))
    assert weitiao.diff_data(made, opened).is_empty
    assert made.card["checks"] == opened.card["checks"]
    assert len(weitiao.prepare_data(recipe).train) > len(made.train)


def test_checking_gives_what_the_command_writes(tmp_path: Path) -> None:
    recipe = RECIPES / "demo_keywords.yaml"
    names: list[str] = []
    found = weitiao.check_data(
        recipe, out=tmp_path / "mine", progress=lambda name, number, total: names.append(name)
    )
    said = command("data", "check", recipe, "--out", tmp_path / "theirs")
    assert (tmp_path / "mine" / "check.json").read_bytes() == (
        tmp_path / "theirs" / "check.json"
    ).read_bytes()
    assert found == json.loads((tmp_path / "mine" / "check.json").read_text("utf-8"))
    assert all(f"{finding['code']}: {finding['title']}" in said for finding in found["findings"])
    assert "leaks" in names
    again = weitiao.check_data(recipe, after=True, sets=["data.fix.duplicates=drop"])
    assert {f["code"] for f in found["findings"]} - {f["code"] for f in again["findings"]} == {"duplicate"}


def test_a_recipe_made_in_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(RECIPES)
    recipe = load_recipe(RECIPES / "demo_keywords.yaml").value
    assert weitiao.check_data(recipe)["severities"] == weitiao.check_data("demo_keywords.yaml")["severities"]
    assert (
        weitiao.prepare_data(recipe).card["sha256"]
        == weitiao.prepare_data("demo_keywords.yaml").card["sha256"]
    )


def test_what_does_not_go_together(tmp_path: Path) -> None:
    recipe, file = RECIPES / "demo_keywords.yaml", RECIPES / "demo" / "quickstart.jsonl"
    with pytest.raises(ConfigError, match="nothing to check"):
        weitiao.check_data([])
    with pytest.raises(ConfigError, match="checked alone"):
        weitiao.check_data([recipe, file])
    with pytest.raises(ConfigError, match="need a recipe"):
        weitiao.check_data(file, after=True)
    with pytest.raises(ConfigError, match="goes with files"):
        weitiao.check_data(recipe, after=True, against=[file])
    weitiao.prepare_data(recipe, out=tmp_path / "set")
    with pytest.raises(ConfigError, match="a prepared data set is checked alone"):
        weitiao.check_data(tmp_path / "set", prompt="question")
    with pytest.raises(ConfigError, match="goes with files or a recipe"):
        weitiao.check_data(tmp_path / "set", against=[file])
    assert weitiao.check_data(str(tmp_path / "set"))["samples"] == 333
    assert weitiao.check_data(file, prompt="text", response="label")["samples"] == 40


def test_nothing_heavy_is_loaded() -> None:
    code = (
        "import sys, weitiao; weitiao.check_data(sys.argv[1]); weitiao.prepare_data(sys.argv[1]); "
        "print([m for m in ('torch', 'transformers') if m in sys.modules])"
    )
    words = [sys.executable, "-c", code, str(RECIPES / "demo_keywords.yaml")]
    assert subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip() == "[]"


def test_patterns(tmp_path: Path) -> None:
    command("data", "expand", "power_grid", "--count", 40, "--seed", 2, "--output", tmp_path / "a.jsonl")
    written = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text("utf-8").splitlines()]
    assert list(weitiao.expand_patterns("power_grid", 40, seed=2)) == written
