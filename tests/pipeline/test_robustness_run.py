"""Robustness: what is damaged, how it is answered, in a run and of finished runs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

import weitiao
from pipeline.conftest import RecipeFile, Rows, write_recipe
from weitiao.config import RobustnessConfig
from weitiao.data import prepare
from weitiao.errors import AdapterError, ConfigError, DataError, FormatError
from weitiao.pipeline.robustness import damaged_tests, for_the_test, open_shared
from weitiao.pipeline.running import RunResult
from weitiao.recipe import dump, load_recipe

SECTION = {"cer": [0, 0.1, 0.3], "column": "question", "mix": {"drop": 1, "repeat": 1}}


def evaluate(**changes: Any) -> dict[str, Any]:
    return {"bootstrap": 100, "decode": {"max_new_tokens": 6}, "robustness": {**SECTION, **changes}}


def damaged(path: Path, **changes: Any) -> list[Any]:
    resolved = load_recipe(path)
    recipe = resolved.value
    config = RobustnessConfig.model_validate({**SECTION, **changes})
    test = prepare(recipe, root=resolved.root).test
    return damaged_tests(recipe, resolved.root, test, config)


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory, base_folder: Path, rows: Rows) -> RunResult:
    """A run without noise."""
    recipe = write_recipe(tmp_path_factory.mktemp("clean"), base_folder, rows, evaluate=evaluate())
    return weitiao.run(recipe, out=tmp_path_factory.mktemp("runs") / "clean")


@pytest.fixture(scope="module")
def noisy(
    clean: RunResult, tmp_path_factory: pytest.TempPathFactory, base_folder: Path, rows: Rows
) -> RunResult:
    """The same rows with noise in training, against the run without."""
    steps = {"steps": [{"kind": "noise", "column": "question", "mix": {"drop": 1}, "cer": 0.2}]}
    recipe = write_recipe(
        tmp_path_factory.mktemp("noisy"), base_folder, rows, name="noisy", data={**DATA, **steps},
        evaluate=evaluate(against=str(clean.out)),
    )  # fmt: skip
    return weitiao.run(recipe, out=tmp_path_factory.mktemp("runs") / "noisy")


DATA = {"split": {"dev": 0.2, "test": 0.3, "seed": 7}}


def answered(out: Path, name: str) -> list[tuple[str, str]]:
    """Prompt and answer of a model, all rates."""
    rows = [json.loads(line) for line in (out / "robustness.jsonl").read_text("utf-8").splitlines()]
    return [(row["prompt"], row["answers"][name]) for row in rows]


# --- the recipe -----------------------------------------------------------------------------------------


def test_the_section_goes_round(recipe_file: RecipeFile, tmp_path: Path) -> None:
    path = recipe_file(evaluate=evaluate(limit=5, against="x", seed=4))
    value = load_recipe(path).value
    (tmp_path / "again.yaml").write_text(dump(value), "utf-8")
    assert load_recipe(tmp_path / "again.yaml").value == value
    assert value.evaluate.robustness is not None
    assert value.evaluate.robustness.cer == (0, 0.1, 0.3)


@pytest.mark.parametrize("cer", [(), (0.1, 0.1), (0.2, 0.1), (-0.1,), (0.6,)])
def test_rates_rise_within_a_half(cer: tuple[float, ...]) -> None:
    with pytest.raises(ValidationError):
        RobustnessConfig(cer=cer)


# --- the damaged prompts --------------------------------------------------------------------------------


def test_damage_is_that_of_the_step_and_always_the_same(recipe_file: RecipeFile) -> None:
    path = recipe_file()
    once, again, other = damaged(path), damaged(path), damaged(path, seed=9)
    assert once == again
    assert once[0] == other[0]
    assert once[2] != other[2]
    none, _, much = once
    assert [t.rate.target for t in once] == [0, 0.1, 0.3]
    assert none.rate.cer == none.rate.changed == 0
    assert much.rate.cer == pytest.approx(0.3, abs=0.03)
    assert much.rate.changed == len(much.examples)
    for before, after in zip(none.examples, much.examples, strict=True):
        assert before.reference == after.reference
        assert after.prompt[-1].content.startswith("Please answer in one word: ")
        assert before.prompt != after.prompt


IN_THE_TEST = {"kind": "noise", "cer": 0.1, "parts": ["test"], "keep_original": False, "column": "question"}


@pytest.mark.parametrize("extra", [(), (IN_THE_TEST,)])
def test_each_rate_is_a_test_that_a_recipe_can_make(
    recipe_file: RecipeFile, tmp_path: Path, extra: tuple[Any, ...]
) -> None:
    """With a noise step in the test part of its own; the data are prepared once for all rates."""
    steps = [*extra, {"kind": "deduplicate"}]
    tests = damaged(recipe_file(data={**DATA, "steps": steps}))
    for test in tests[1:]:
        step = {"kind": "noise", "parts": ["test"], "keep_original": False, "cer": test.rate.target}
        named = {"column": SECTION["column"], "mix": SECTION["mix"]}
        folder = tmp_path / str(test.rate.target)
        path = recipe_file(folder=folder, data={**DATA, "steps": [*steps, {**step, **named}]})
        alone = prepare(load_recipe(path).value, root=folder).test
        assert [e.messages for e in test.examples] == [e.messages for e in alone]
        assert [e.meta["noise"] for e in test.examples] == [e.meta["noise"] for e in alone]


def test_the_data_are_prepared_once_for_all_rates(
    recipe_file: RecipeFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Any] = []

    def counted(*words: Any, **more: Any) -> Any:
        made.append(words)
        return prepare(*words, **more)

    monkeypatch.setattr("weitiao.pipeline.robustness.prepare", counted)
    assert len(damaged(recipe_file(), cer=[0, 0.1, 0.2, 0.3])) == 4
    assert len(made) == 1
    assert [t.rate.changed for t in damaged(recipe_file(), cer=[0])] == [0]
    assert len(made) == 1, "nothing to damage"


def test_training_noise_changes_no_test(recipe_file: RecipeFile, tmp_path: Path) -> None:
    steps = [{"kind": "deduplicate"}, {"kind": "noise", "cer": 0.3, "mix": {"drop": 1}, "copies": 3}]
    plain, with_steps = recipe_file(), recipe_file(folder=tmp_path / "b", data={**DATA, "steps": steps})
    assert [t.examples for t in damaged(plain)] == [t.examples for t in damaged(with_steps)]
    kept = for_the_test(load_recipe(with_steps).value).data.steps
    assert [step.kind for step in kept] == ["deduplicate"]


def test_a_column_that_no_prompt_holds(recipe_file: RecipeFile) -> None:
    with pytest.raises(DataError, match="questoin"):
        damaged(recipe_file(), column="questoin")


# --- in a run -------------------------------------------------------------------------------------------


def test_at_rate_0_stands_the_test_score(clean: RunResult) -> None:
    section = clean.report["robustness"]
    assert section["curves"][0]["points"][0] == clean.report["metrics"]["after"]["test"]
    assert section["n"] == clean.report["data"]["test"]
    assert [rate["target"] for rate in section["rates"]] == [0, 0.1, 0.3]
    assert section["damage"]["column"] == "question"
    for point in section["curves"][0]["points"]:
        assert all(e["low"] <= e["value"] <= e["high"] and e["n"] == section["n"] for e in point.values())


def test_the_page_has_the_curve_and_a_file_all_answers(noisy: RunResult) -> None:
    page = (noisy.out / "report.html").read_text("utf-8")
    assert 'id="robustness"' in page
    assert page.count('<polygon class="band') == 2
    lines = (noisy.out / "robustness.jsonl").read_text("utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    assert len(rows) == 3 * noisy.report["robustness"]["n"]
    assert all(set(row["answers"]) == {"noisy", "clean"} for row in rows)
    predicted = (noisy.out / "predictions.jsonl").read_text("utf-8").splitlines()
    after = [json.loads(line)["after"]["text"] for line in predicted]
    assert [row["answers"]["noisy"] for row in rows if row["cer"] == 0] == after


def test_against_reads_the_same_texts(clean: RunResult, noisy: RunResult) -> None:
    """The other run's curve is the one that it measured itself."""
    alone, beside = clean.report["robustness"], noisy.report["robustness"]
    assert alone["rates"] == beside["rates"]
    assert alone["curves"][0]["points"] == beside["curves"][1]["points"]
    assert [d["less"] for d in beside["differences"]] == ["clean"]
    ours, theirs = answered(noisy.out, "clean"), answered(clean.out, "tiny")
    assert ours == theirs
    assert len({text for _, text in ours}) > 1, "answers that are all the same tell nothing"


def test_a_run_without_the_section_has_none(recipe_file: RecipeFile, tmp_path: Path) -> None:
    done = weitiao.run(recipe_file(train={"max_steps": 1, "batch_size": 4}), out=tmp_path / "run")
    assert "robustness" not in done.report
    assert not (done.out / "robustness.jsonl").exists()
    assert 'id="robustness"' not in (done.out / "report.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("changes", "error", "said"),
    [
        ({"against": "nowhere"}, AdapterError, "nowhere is no run and no adapter folder"),
        ({"column": "questoin"}, DataError, r'^evaluate\.robustness: .*did you mean "question"'),
        ({"metric": "accuracy", "limit": 4}, ConfigError, "evaluate.robustness.metric: accuracy needs"),
        ({"column": None}, FormatError, r"(?s)absorbed.*-> name in evaluate\.robustness\.column"),
    ],
)
def test_what_is_wrong_is_said_before_training(
    changes: dict[str, Any], error: type[Exception], said: str, recipe_file: RecipeFile, tmp_path: Path
) -> None:
    with pytest.raises(error, match=said):
        weitiao.run(recipe_file(evaluate=evaluate(**changes)), out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


# --- finished runs --------------------------------------------------------------------------------------


def test_finished_runs_give_the_numbers_of_their_reports(
    clean: RunResult, noisy: RunResult, tmp_path: Path, recipe_file: RecipeFile, command: Callable[..., Any]
) -> None:
    recipe = recipe_file(evaluate=evaluate())
    done = command("-q", "robustness", noisy.out, clean.adapter, "--data", recipe, "--out", tmp_path / "both")
    assert done.exit_code == 0, done.stderr
    assert "exact under noise" in done.stdout
    made = json.loads((tmp_path / "both" / "robustness.json").read_text("utf-8"))
    assert made["robustness"]["curves"] == noisy.report["robustness"]["curves"]
    assert made["robustness"]["differences"] == noisy.report["robustness"]["differences"]
    assert set(made["runs"]) == {"noisy", "clean"}
    assert made["notes"] == []
    page = (tmp_path / "both" / "robustness.html").read_text("utf-8")
    assert page.count('<polygon class="band') == 2
    again = command("robustness", clean.out, "--data", recipe, "--out", tmp_path / "both")
    assert again.exit_code == 2
    rows = [
        json.loads(line) for line in (tmp_path / "both" / "robustness.jsonl").read_text("utf-8").splitlines()
    ]
    assert all(row["original"] == row["prompt"] for row in rows if row["cer"] == 0)
    assert all(row["original"] != row["prompt"] for row in rows if row["cer"] == 0.3)
    assert "is not empty" in again.stderr
    assert "--resume" not in again.stderr


def test_rates_and_limit_of_the_command(
    clean: RunResult, recipe_file: RecipeFile, command: Callable[..., Any]
) -> None:
    recipe = recipe_file()
    words = ("--cer", "0,0.2", "--column", "question", "--limit", 4, "--metric", "rouge", "--json")
    done = command("-q", "robustness", clean.out, "--data", recipe, *words)
    assert done.exit_code == 0, done.stderr
    made = json.loads(done.stdout)["robustness"]
    assert made["n"] == 4
    assert [rate["target"] for rate in made["rates"]] == [0, 0.2]
    assert made["metric"] == "rouge_1"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--cer", "0,x"), "got 'x'"),
        (("--cer", "0.3,0.1"), "must rise"),
        (("--cer", "0.9"), "less than or equal to 0.5"),
        (("--metric", "f1"), "metric:"),
    ],
)
def test_wrong_options(
    words: tuple[str, ...], said: str, clean: RunResult, recipe_file: RecipeFile, command: Callable[..., Any]
) -> None:
    done = command("robustness", clean.out, "--data", recipe_file(), *words)
    assert done.exit_code == 2
    assert said in done.stderr


def test_runs_that_are_none_or_twice(clean: RunResult, recipe_file: RecipeFile, tmp_path: Path) -> None:
    with pytest.raises(AdapterError, match="is no run and no adapter folder"):
        weitiao.compare_robustness([tmp_path / "no"], recipe_file())
    with pytest.raises(ConfigError, match="named twice"):
        weitiao.compare_robustness([clean.out, clean.adapter], recipe_file())
    with pytest.raises(ConfigError, match="no run"):
        weitiao.compare_robustness([], recipe_file())


def test_rows_that_were_trained_on_are_told(clean: RunResult, recipe_file: RecipeFile) -> None:
    other = recipe_file(data={"split": {"dev": 0.1, "test": 0.8, "seed": 1}})
    made = weitiao.compare_robustness([clean.out], other, cer=[0.1], column="question", limit=20)
    assert "were in the training part" in made["notes"][0]


def test_adapters_of_one_base_share_it(clean: RunResult, noisy: RunResult) -> None:
    bases: list[Any] = []
    first, second = (open_shared(run.adapter, bases) for run in (clean, noisy))
    assert first.base is second.base
    assert bases == [first.base]
