"""``weitiao data suspects``: from the losses of a run to its suspects."""

from __future__ import annotations

import csv
import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file

import weitiao
from pipeline.conftest import Rows, write_recipe
from weitiao.data import load
from weitiao.errors import DataError
from weitiao.pipeline.suspects import _plain, suspects
from weitiao.train.losses import LOSSES

EPOCHS = 3


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, base_folder: Path, rows: Rows) -> Path:
    """A finished run of a few passes."""
    folder = tmp_path_factory.mktemp("suspects")
    train = {"max_steps": None, "epochs": EPOCHS, "logging_steps": 1, "early_stopping": None}
    recipe = write_recipe(folder, base_folder, rows, train=train)
    weitiao.run(recipe, out=folder / "run")
    return folder / "run"


@pytest.fixture
def copy(run: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(run, tmp_path / "run"))


def test_steps_are_those_of_the_training_log(run: Path) -> None:
    """The loss of each step, put together from the losses of its samples, is what the trainer logged."""
    found = suspects(run)
    logged = json.loads((run / "trainer_state.json").read_text("utf-8"))["log_history"]
    losses = {entry["step"]: entry["loss"] for entry in logged if "loss" in entry}
    assert len(found.steps) == len(losses)
    for step in found.steps:
        assert step.loss == pytest.approx(losses[step.number], abs=2e-4)


def test_every_training_row_is_ranked_once(run: Path) -> None:
    found = suspects(run, limit=10**6)
    train = load(run / "dataset").train
    assert {s.row.id for s in found.found} == {example.id for example in train}
    assert len(found.found) == len(train)
    assert found.passes == EPOCHS
    assert all(len(s.losses) == EPOCHS for s in found.found)
    values = [s.suspicion for s in found.found]
    assert values == sorted(values, reverse=True)


@pytest.mark.parametrize("by", ["suspicion", "confidence", "variability", "late-loss"])
def test_command(run: Path, by: str, tmp_path: Path, command: Callable[..., Any]) -> None:
    done = command("data", "suspects", run, "-n", 5, "--by", by, "--out", tmp_path)
    assert done.exit_code == 0, done.stderr
    written = [json.loads(line) for line in (tmp_path / "suspects.jsonl").read_text("utf-8").splitlines()]
    assert [row["rank"] for row in written] == [1, 2, 3, 4, 5]
    assert "rows.json, row" in written[0]["origins"][0]
    table = list(csv.reader((tmp_path / "suspects.csv").read_text("utf-8-sig").splitlines()))
    assert [row[0] for row in table[1:]] == ["1", "2", "3", "4", "5"]
    assert len({len(row) for row in table}) == 1
    assert "suspects" in (tmp_path / "suspects.html").read_text("utf-8")
    assert str(tmp_path / "suspects.html") in done.stdout


def test_command_as_json(run: Path, tmp_path: Path, command: Callable[..., Any]) -> None:
    done = command("data", "suspects", run, "-n", 3, "--json")
    assert [row["rank"] for row in json.loads(done.stdout)] == [1, 2, 3]
    assert not (run / "suspects").exists()
    command("data", "suspects", run, "-n", 3, "--json", "--out", tmp_path / "kept")
    assert len((tmp_path / "kept" / "suspects.jsonl").read_text("utf-8").splitlines()) == 3


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@a", "\t=1", "\r=1"])
def test_no_cell_is_a_formula(text: str) -> None:
    assert _plain(text) == f"'{text}"


def test_the_report_of_a_run_shows_them(run: Path) -> None:
    report = json.loads((run / "report.json").read_text("utf-8"))
    first = report["suspects"]["first"]
    assert [row["id"] for row in first] == [s.row.id for s in suspects(run, limit=10).found]
    page = (run / "report.html").read_text("utf-8")
    assert 'id="suspects"' in page
    assert f"{first[0]['confidence']:.3f}" in page


def test_a_run_that_was_interrupted_counts_up_to_its_last_checkpoint(copy: Path) -> None:
    (copy / "losses.safetensors").unlink()
    whole = suspects(copy, limit=3)
    last = max((copy / "checkpoints").iterdir(), key=lambda p: int(p.name.rpartition("-")[2]))
    shutil.rmtree(last)
    assert "has not finished" in whole.notes[0]
    earlier = suspects(copy, limit=3)
    assert len(earlier.steps) < len(whole.steps)
    assert earlier.steps == whole.steps[: len(earlier.steps)]


def test_folders_that_are_no_runs(copy: Path, tmp_path: Path, command: Callable[..., Any]) -> None:
    with pytest.raises(DataError, match=r"no run: there is no recipe\.yaml"):
        suspects(tmp_path)
    shutil.rmtree(copy / "checkpoints")
    (copy / "losses.safetensors").unlink()
    done = command("data", "suspects", copy)
    assert done.exit_code == 2
    assert "no losses.safetensors" in done.stderr


def test_losses_of_other_data_are_refused(copy: Path) -> None:
    part = copy / "dataset" / "train.jsonl"
    part.write_text("".join(part.read_text("utf-8").splitlines(keepends=True)[:-1]), "utf-8")
    card = json.loads((copy / "dataset" / "card.json").read_text("utf-8"))
    del card["sha256"]
    (copy / "dataset" / "card.json").write_text(json.dumps(card), "utf-8")
    with pytest.raises(DataError, match="losses of"):
        suspects(copy)


def test_damaged_losses_are_named(copy: Path) -> None:
    (copy / "losses.safetensors").write_bytes(b"nothing")
    with pytest.raises(DataError, match=r"losses\.safetensors cannot be read"):
        suspects(copy)


def test_a_data_file_that_has_changed_is_named(
    run: Path, tmp_path: Path, command: Callable[..., Any]
) -> None:
    assert suspects(run, limit=1).notes == ()
    moved = Path(shutil.copytree(run.parent, tmp_path / "elsewhere"))  # the project may lie elsewhere by now
    data = moved / json.loads((moved / "run" / "sources.json").read_text("utf-8"))[0]["file"]
    assert suspects(moved / "run", limit=1).notes == ()
    data.write_text(data.read_text("utf-8") + "\n", "utf-8")
    done = command("data", "suspects", moved / "run", "-n", 1)
    assert f"{data.name} has changed since the run" in " ".join(done.stdout.split())
    assert "has changed since the run" in (moved / "run" / "suspects" / "suspects.html").read_text("utf-8")
    data.unlink()
    assert "no longer where the run read it" in suspects(moved / "run", limit=1).notes[0]


@pytest.fixture(scope="module")
def over_folds(tmp_path_factory: pytest.TempPathFactory, base_folder: Path, rows: Rows) -> Path:
    folder = tmp_path_factory.mktemp("folds")
    train = {"max_steps": None, "epochs": 2, "early_stopping": None}
    recipe = write_recipe(folder, base_folder, rows, train=train)
    weitiao.run(recipe, out=folder / "run", folds=2)
    return folder / "run"


def test_folds_say_what_the_adapter_answers_that_was_not_trained_on_a_row(
    over_folds: Path, tmp_path: Path, command: Callable[..., Any]
) -> None:
    predicted = {}
    for n in (1, 2):
        trained = {example.id for example in load(over_folds / f"fold-{n}" / "dataset").train}
        for line in (over_folds / f"fold-{n}" / "predictions.jsonl").read_text("utf-8").splitlines():
            row = json.loads(line)
            assert row["id"] not in trained
            predicted[row["id"]] = row
    found = suspects(over_folds, limit=10**6).found
    for suspect in found:
        row = predicted[suspect.row.id]
        assert suspect.held_out is not None
        assert suspect.held_out.answer == row["after"]["text"]
        assert suspect.held_out.confidence == pytest.approx(
            math.exp(row["reference_logprob"]["after"]["mean"])
        )
    assert command("data", "suspects", over_folds, "--out", tmp_path, "-n", 3).exit_code == 0
    assert (tmp_path / "suspects.html").read_text("utf-8").count(
        "The adapter that was not trained on it answers"
    ) == 3
    first = json.loads((tmp_path / "suspects.jsonl").read_text("utf-8").splitlines()[0])
    assert first["held_out"]["answer"] == predicted[first["id"]]["after"]["text"]


@pytest.mark.parametrize("left", ["a checkpoint", "nothing"])
def test_a_fold_that_has_not_finished_is_left_out(over_folds: Path, tmp_path: Path, left: str) -> None:
    """Rows trained on once would otherwise lead the list."""
    copy = Path(shutil.copytree(over_folds, tmp_path / "run"))
    (copy / "fold-2" / LOSSES).unlink()
    if left == "nothing":
        shutil.rmtree(copy / "fold-2" / "checkpoints")
    found, alone = (suspects(folder, limit=10**6) for folder in (copy, copy / "fold-1"))
    assert [s.row.id for s in found.found] == [s.row.id for s in alone.found]
    assert "1 of 2 folds" in found.notes[0]
    assert "fold-2 has not finished and is left out" in found.notes[1]


def test_folds_are_compared_over_as_many_passes(over_folds: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(over_folds, tmp_path / "run"))
    stored = load_file(copy / "fold-2" / LOSSES)
    save_file({**stored, "mean": stored["mean"][:1], "worst": stored["worst"][:1]}, copy / "fold-2" / LOSSES)
    found = suspects(copy, limit=10**6)
    assert found.passes == 1
    assert {len(s.losses) for s in found.found} == {1}
    assert "fold-2 stopped there" in found.notes[0]


def test_folds_together_list_every_row(over_folds: Path) -> None:
    found = suspects(over_folds, limit=10**6)
    assert found.notes == ()
    parts = [load(over_folds / f"fold-{n}" / "dataset").train for n in (1, 2)]
    assert {s.row.id for s in found.found} == {example.id for part in parts for example in part}
    alone = [suspects(over_folds / f"fold-{n}", limit=10**6).found for n in (1, 2)]
    once = {s.row.id: s for part in alone for s in part}
    both = {s.row.id for s in alone[0]} & {s.row.id for s in alone[1]}
    for suspect in found.found:
        if suspect.row.id not in both:
            assert suspect.losses == pytest.approx(once[suspect.row.id].losses)
