"""``run --folds``: every row tested once, one report, finished folds kept."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import weitiao
from pipeline.conftest import CITIES, RecipeFile, Rows, write_recipe
from weitiao.config import Recipe
from weitiao.data import load
from weitiao.errors import ConfigError, TrainError
from weitiao.pipeline import folds as folds_module
from weitiao.pipeline.running import RunResult

SETS = ["train.max_steps=1", "train.batch_size=2", "evaluate.decode.max_new_tokens=2"]


def predictions(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "predictions.jsonl").read_text("utf-8").split("\n") if line]


def changed(folder: Path) -> dict[str, int]:
    return {p.relative_to(folder).as_posix(): p.stat().st_mtime_ns for p in folder.rglob("*") if p.is_file()}


@pytest.fixture(scope="module")
def rows() -> Rows:
    """Twelve questions, two to a company, with a line break that JSON does not escape."""
    return [
        {
            "company": n // 2,
            "question": f"公司{n}号 is in\u2028which city?",
            "answer": CITIES[n // 2 % len(CITIES)],
        }
        for n in range(12)
    ]


@pytest.fixture(scope="module")
def recipe_path(tmp_path_factory: pytest.TempPathFactory, base_folder: Path, rows: Rows) -> Path:
    split = {"by": "stratified", "dev": 0.3, "group": "company", "folds": 2}
    return write_recipe(tmp_path_factory.mktemp("folds"), base_folder, rows, data={"split": split})


@pytest.fixture(scope="module")
def done(recipe_path: Path, tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    return weitiao.run(recipe_path, out=tmp_path_factory.mktemp("runs") / "folds", sets=SETS)


def test_every_row_is_tested_once(done: RunResult, rows: Rows) -> None:
    found = predictions(done.out)
    tested = Counter(row["prompt"].removeprefix("Please answer in one word: ") for row in found)
    assert tested == Counter(row["question"] for row in rows)
    for row in found:
        dataset = load(done.out / f"fold-{row['fold']}" / "dataset")
        assert row["id"] in {example.id for example in dataset.test}


def test_no_company_is_trained_on_and_tested(done: RunResult) -> None:
    for fold in (1, 2):
        dataset = load(done.out / f"fold-{fold}" / "dataset")
        groups = [{e.group for e in part} for part in (dataset.train, dataset.dev, dataset.test)]
        assert all(groups)
        assert sum(map(len, groups)) == len(set.union(*groups)) == 6


def test_the_report_joins_the_folds(done: RunResult) -> None:
    report = json.loads((done.out / "report.json").read_text("utf-8"))
    assert report == done.report
    alone = [json.loads((done.out / f"fold-{n}" / "report.json").read_text("utf-8")) for n in (1, 2)]
    for side in ("before", "after", "difference"):
        for name, pooled in report["metrics"][side]["test"].items():
            found = report["spread"][side].get(name)
            if found is None:
                continue
            values = [one["metrics"][side]["test"][name]["value"] for one in alone]
            assert found["values"] == values
            assert found["mean"] == pytest.approx(sum(values) / 2)
            assert found["sd"] == pytest.approx(abs(values[0] - values[1]) / 2**0.5)
            assert pooled["n"] == 12
    exact = report["metrics"]["after"]["test"]["exact"]["value"]
    said = [row["after"]["text"].strip() == row["reference"] for row in predictions(done.out)]
    assert exact == pytest.approx(sum(said) / 12)
    assert [entry["test"] for entry in report["folds"]] == [one["data"]["test"] for one in alone]
    assert any("test share" in note for note in report["notes"])


def test_the_notes_say_what_was_left_out() -> None:
    data = {"sources": [{"file": "a.jsonl"}]}
    whole = " ".join(folds_module.notes_of(Recipe.model_validate({"data": data}), 2))
    assert "Every row was tested once" in whole
    assert "limit" not in whole
    assert "robustness" not in whole
    limited = Recipe.model_validate({"data": data, "evaluate": {"limit": 3, "robustness": {}}})
    said = " ".join(folds_module.notes_of(limited, 2))
    assert "Every row was tested once" not in said
    assert "at most 3 rows of each fold were tested" in said
    assert "fold-1/report.html to fold-2/report.html" in said


def test_the_page_shows_every_fold(done: RunResult) -> None:
    page = (done.out / "report.html").read_text("utf-8")
    assert page.count('class="dot"') == 2 * len(done.report["spread"]["after"])
    assert 'href="fold-2/report.html"' in page
    assert 'src="http' not in page


def test_a_fold_alone_is_the_same_run(done: RunResult, recipe_path: Path, tmp_path: Path) -> None:
    alone = weitiao.run(recipe_path, out=tmp_path / "run", sets=[*SETS, "data.split.fold=2"])
    assert (alone.out / "predictions.jsonl").read_bytes() == (
        done.out / "fold-2" / "predictions.jsonl"
    ).read_bytes()
    assert "folds" not in alone.report


def test_resuming_runs_what_is_missing_only(
    recipe_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, done: RunResult
) -> None:
    original, out = folds_module.run_one, tmp_path / "run"

    def interrupted(resolved: Any, where: Path, **more: Any) -> RunResult:
        if where.name == "fold-2":
            raise KeyboardInterrupt
        return original(resolved, where, **more)

    monkeypatch.setattr(folds_module, "run_one", interrupted)
    with pytest.raises(KeyboardInterrupt):
        weitiao.run(recipe_path, out=out, sets=SETS)
    assert not (out / "report.json").exists()
    monkeypatch.setattr(folds_module, "run_one", original)
    with pytest.raises(ConfigError, match="is not empty"):
        weitiao.run(recipe_path, out=out, sets=SETS)
    first = changed(out / "fold-1")
    with pytest.raises(TrainError, match=r"train\.max_steps: 1 then, 2 now"):
        weitiao.run(recipe_path, out=out, sets=[*SETS, "train.max_steps=2"], resume=True)
    resumed = weitiao.run(recipe_path, out=out, sets=SETS, resume=True)
    assert changed(out / "fold-1") == first
    assert resumed.report["metrics"] == done.report["metrics"]
    assert (out / "predictions.jsonl").read_bytes() == (done.out / "predictions.jsonl").read_bytes()


def test_rows_that_change_between_two_folds_are_found(
    recipe_file: RecipeFile, rows: Rows, tmp_path: Path
) -> None:
    split = {"dev": 0, "folds": 2, "by": "stratified"}
    out = tmp_path / "run"
    weitiao.run(recipe_file(rows=rows, data={"split": split}), out=out, sets=[*SETS, "data.split.fold=1"])
    (out / "report.json").unlink()
    (tmp_path / "joined").mkdir()
    out.rename(tmp_path / "joined" / "fold-1")
    (tmp_path / "joined" / "fold-1" / "report.json").write_text("{}", "utf-8")
    more = [*rows, {"company": 9, "question": "a new one?", "answer": CITIES[0]}]
    recipe = recipe_file(rows=more, data={"split": {**split, "folds": 3}})
    with pytest.raises(TrainError, match="the data have changed between the folds: 1 and 2 were"):
        weitiao.run(recipe, out=tmp_path / "joined", sets=SETS, resume=True)
    assert not (tmp_path / "joined" / "fold-3").exists(), "nothing is trained in vain"


def test_a_recipe_in_python_and_the_override(recipe_path: Path, tmp_path: Path) -> None:
    from weitiao.recipe import resolve

    recipe = weitiao.load_recipe(recipe_path).value
    assert resolve(recipe, folds=3).value.data.split.folds == 3
    assert resolve(recipe_path, folds=4).value.data.split.folds == 4
    assert resolve(recipe).value.data.split.folds == 2
    plain = recipe.model_dump()
    plain["data"].update(sources=[], train=[{"file": "a.json"}])
    with pytest.raises(ValueError, match="need `sources`"):
        Recipe.model_validate(plain)


def test_too_few_groups_are_found_before_anything_is_written(recipe_path: Path, tmp_path: Path) -> None:
    with pytest.raises(weitiao.WeitiaoError, match=r"empty: 12 rows in 6 groups, 7 folds"):
        weitiao.run(recipe_path, out=tmp_path / "run", sets=SETS, folds=7)
    assert not (tmp_path / "run").exists()


def test_the_command_prints_the_spread(
    recipe_path: Path, done: RunResult, tmp_path: Path, command: Any
) -> None:
    sets = [word for value in SETS for word in ("--set", value)]
    result = command("run", recipe_path, "--out", done.out, "--folds", "2", "--resume", *sets)
    assert result.exit_code == 0, result.stderr
    assert "after tuning, by fold" in result.stdout
    assert "sd" in result.stdout
    assert "report.html" in result.stdout


def test_same_parts_say_so_loudly(recipe_file: RecipeFile, rows: Rows, tmp_path: Path) -> None:
    recipe = recipe_file(rows=rows, data={"split": {"same": True}})
    result = weitiao.run(recipe, out=tmp_path / "run", sets=SETS)
    page = (result.out / "report.html").read_text("utf-8")
    assert 'class="note loud"' in page
    assert "not trained on" not in page
    assert result.report["data"]["same"] is True
    assert any("training score" in note for note in result.report["notes"])
    card = json.loads((result.out / "dataset" / "card.json").read_text("utf-8"))
    assert "training score" in card["warnings"][0]
    dataset = load(result.out / "dataset")
    assert dataset.train == dataset.dev == dataset.test
