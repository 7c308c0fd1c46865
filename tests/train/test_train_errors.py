"""What ends a run, and what it leaves behind."""

from __future__ import annotations

import errno
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from train_jobs import METHODS, model, samples, tensors, train
from weitiao.config import TrainConfig
from weitiao.errors import TrainError
from weitiao.pack import Batch
from weitiao.train import checkpoint, trainer
from weitiao.train.fit import fit
from weitiao.tuning.edges import EdgeLoss
from weitiao.tuning.tuned import Tuned
from weitiao.types import Rendered


def break_from(monkeypatch: pytest.MonkeyPatch, call: int, factor: float) -> None:
    """From the n-th forward pass in training on, the loss is multiplied."""
    forward, calls = Tuned.forward, [0]

    def broken(self: Tuned, batch: Batch) -> EdgeLoss:
        out = forward(self, batch)
        calls[0] += self.training
        return EdgeLoss(out.total * factor, out.nll) if calls[0] >= call and self.training else out

    monkeypatch.setattr(Tuned, "forward", broken)


@pytest.mark.parametrize("factor", [float("nan"), float("inf")])
@pytest.mark.parametrize("method", METHODS)
def test_divergence_says_where_and_what_to_change(
    method: str, factor: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_from(monkeypatch, 5, factor)
    tuned = model(method)
    with pytest.raises(TrainError) as caught:
        train(tuned, tmp_path, save_steps=2)
    text = str(caught.value)
    assert "diverged at step 5: the loss is" in text
    assert "the last finite loss was 4." in text or "the last finite loss was 5." in text
    assert "learning rate 0.0" in text
    assert "checkpoint-4 holds the last state saved" in text
    assert "train.learning_rate 0.002" in text
    assert "max_grad_norm" in text
    assert "float32" in text
    assert all(torch.isfinite(t).all() for t in tensors(tuned).values())
    assert checkpoint.newest(tmp_path / "checkpoints") == tmp_path / "checkpoints" / "checkpoint-4"
    assert not list((tmp_path / "checkpoints").glob(".*"))


def test_divergence_in_the_first_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    break_from(monkeypatch, 1, float("nan"))
    with pytest.raises(TrainError, match=r"diverged at step 1: .*nan.*, the learning rate 0\.0"):
        train(model(), tmp_path)


def test_an_overflowing_gradient_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Clipping would turn an infinite norm into steps of zero, and nobody would see it."""
    break_from(monkeypatch, 3, 1e38)
    with pytest.raises(TrainError, match="diverged at step 3"):
        train(model(), tmp_path)


@pytest.mark.parametrize("method", METHODS)
def test_the_highest_learning_rate_ends_in_numbers_or_in_an_error(method: str, tmp_path: Path) -> None:
    tuned = model(method)
    try:
        train(tuned, tmp_path, learning_rate=1.0, epochs=8, scheduler="constant", warmup=0, dev=0)
    except TrainError as error:
        assert "learning_rate 0.1" in str(error)  # noqa: PT017
    assert all(torch.isfinite(t).all() for t in tensors(tuned).values())


def test_a_full_disk_leaves_the_older_checkpoints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = model(), model()
    train(first, tmp_path / "whole")
    write, calls = trainer._write_tensors, [0]

    def full(*args: Any) -> None:
        calls[0] += 1
        if calls[0] == 3:  # the first two are tensors and losses of the first checkpoint
            args[1].write_bytes(b"half")
            raise OSError(errno.ENOSPC, "No space left on device")
        write(*args)

    monkeypatch.setattr(trainer, "_write_tensors", full)
    with pytest.raises(
        TrainError, match=r"checkpoint-12 cannot be written: .*No space left.*needs about"
    ) as caught:
        train(model(), tmp_path / "cut")
    assert "--resume" in str(caught.value)
    assert [p.name for p in (tmp_path / "cut" / "checkpoints").iterdir()] == ["checkpoint-6"]
    train(second, tmp_path / "cut", resume=True)
    assert all(torch.equal(t, tensors(first)[n]) for n, t in tensors(second).items())


@pytest.mark.skipif(sys.platform != "linux", reason="limits of Linux")
@pytest.mark.parametrize("kilobytes", [1, 40, 100, 180])
def test_a_real_write_error_at_any_file(kilobytes: int, tmp_path: Path) -> None:
    """The operating system refuses to let a file grow: tensors, optimizer or random state fail as limits grow."""
    import resource

    options: dict[str, Any] = {"epochs": 1, "dev": 0}
    tuned, limits = model("full"), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (kilobytes * 1024, limits[1]))
    try:
        with pytest.raises(TrainError, match="cannot be written"):
            train(tuned, tmp_path, **options)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list((tmp_path / "checkpoints").iterdir()) == []


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "checkpoints").write_text("a file is in the way")
    with pytest.raises(TrainError, match="checkpoints cannot be made"):
        train(model(), tmp_path)


def test_a_final_state_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "trainer_state.json").mkdir()
    with pytest.raises(TrainError, match=r"trainer_state\.json cannot be written"):
        train(model(), tmp_path, max_steps=1)
    assert not (tmp_path / ".trainer_state.json.new").exists()


def test_problems_are_named_before_anything_is_computed(tmp_path: Path) -> None:
    prompt = Rendered((5, 6, 7), (False, False, False), "row-3")
    config = TrainConfig(dev_metric="exact")
    with pytest.raises(TrainError) as caught:
        fit(model(), [prompt, *samples(2)], [prompt], config, seed=0, out=tmp_path, pad_id=0)
    text = str(caught.value)
    assert "training sample row-3 has no target" in text
    assert "dev sample row-3 has no target" in text
    assert "train.dev_metric is exact" in text
    with pytest.raises(TrainError, match="no training samples"):
        fit(model(), [], [], config, seed=0, out=tmp_path, pad_id=0)
    assert not (tmp_path / "checkpoints").exists()


def test_several_processes_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(TrainError, match="training runs in one"):
        train(model(), tmp_path)


def test_a_dev_metric_that_is_not_scored(tmp_path: Path) -> None:
    with pytest.raises(TrainError, match="dev_metric bleu is not among the dev scores: loss, exact"):
        train(model(), tmp_path, dev_metric="bleu", dev_score=lambda _: {"exact": 1.0})
