"""Killed anywhere and started again: bit-identical to a run that was not."""

from __future__ import annotations

import random
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from train_jobs import METHODS, in_process, model, outcome, samples, tensors, train
from weitiao.config import TrainConfig
from weitiao.errors import TrainError
from weitiao.train import checkpoint
from weitiao.train.fit import fit

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")

STEP = "weitiao.train.trainer:WeitiaoTrainer.training_step"
EVALUATION = "weitiao.train.trainer:mean_loss"
TENSORS_OF_A_CHECKPOINT = "weitiao.train.trainer:_write_tensors"
OPTIMIZER_OF_A_CHECKPOINT = "weitiao.train.trainer:WeitiaoTrainer._save_rng_state"
CHECKSUM = "weitiao.train.checkpoint:_digest"
RENAMING = "os:replace"
THINNING = "weitiao.train.checkpoint:thin_out"


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Outcome of the job by its changes, computed once."""
    known: dict[str, Any] = {}

    def run(**changes: Any) -> Any:
        key = repr(sorted(changes.items()))
        if key not in known:
            folder = tmp_path_factory.mktemp("whole")
            assert in_process(folder, **changes) == 0
            known[key] = outcome(folder)
        return known[key]

    return run


def assert_identical(out: Path, whole: Any) -> None:
    (weights, counts), (expected, expected_counts) = outcome(out), whole
    assert weights.keys() == expected.keys()
    for name, tensor in expected.items():
        assert torch.equal(weights[name].nan_to_num(-1), tensor.nan_to_num(-1)), name
    assert counts == expected_counts


DRAW = random.Random(20)
POINTS = [
    (STEP, 1),  # before the first checkpoint
    *((STEP, DRAW.randrange(2, 36)) for _ in range(3)),
    (EVALUATION, 1),
    (EVALUATION, 2),
    (EVALUATION, 3),  # the last one, after the last step
    (TENSORS_OF_A_CHECKPOINT, 3),
    (OPTIMIZER_OF_A_CHECKPOINT, 2),
    (CHECKSUM, DRAW.randrange(9, 60)),
    (RENAMING, 1),
    (RENAMING, DRAW.randrange(2, 12)),
    (THINNING, 4),
]


@pytest.mark.parametrize("at", POINTS, ids=lambda at: f"{at[0].rpartition('.')[2]}-{at[1]}")
def test_killed_and_resumed(at: tuple[str, int], tmp_path: Path, uninterrupted: Any) -> None:
    whole = uninterrupted()
    assert in_process(tmp_path, at=at) == -signal.SIGKILL
    assert not (tmp_path / "final.json").exists()
    assert in_process(tmp_path, resume=True) == 0
    assert_identical(tmp_path, whole)
    left = {p.name for p in (tmp_path / "checkpoints").iterdir()}
    assert all(checkpoint.is_complete(tmp_path / "checkpoints" / name) for name in left)


@pytest.mark.parametrize("method", METHODS)
def test_killed_again_and_again(method: str, tmp_path: Path, uninterrupted: Any) -> None:
    whole = uninterrupted(method=method)
    kills = 0
    while in_process(tmp_path, method=method, resume=True, at=(STEP, 14)) == -signal.SIGKILL:
        kills += 1
        assert kills < 5, "no step forward between two kills"
    assert kills >= 2
    assert_identical(tmp_path, whole)


def test_early_stopping_is_resumed(tmp_path: Path, uninterrupted: Any) -> None:
    changes: dict[str, Any] = {"early_stopping": 2, "epochs": 12, "learning_rate": 0.3}
    whole = uninterrupted(**changes)
    assert whole[1]["stopped_early"]
    evaluations = sum("eval_loss" in entry for entry in whole[1]["history"])
    assert in_process(tmp_path, at=(EVALUATION, evaluations), **changes) == -signal.SIGKILL
    assert in_process(tmp_path, resume=True, **changes) == 0
    assert_identical(tmp_path, whole)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(
    ("at", "kept"),
    [
        ((STEP, 5), "checkpoint-3"),
        ((STEP, 11), "checkpoint-6"),
        ((EVALUATION, 1), "checkpoint-6"),
        ((CHECKSUM, 3), "checkpoint-3"),
    ],
)
def test_a_signal_leaves_a_checkpoint_of_the_last_finished_step(
    number: signal.Signals, at: tuple[str, int], kept: str, tmp_path: Path, uninterrupted: Any
) -> None:
    assert in_process(tmp_path, at=at, number=number) == 1
    assert not (tmp_path / "final.json").exists()
    newest = checkpoint.newest(tmp_path / "checkpoints")
    assert newest is not None
    assert newest.name == kept
    assert in_process(tmp_path, resume=True) == 0
    weights, counts = outcome(tmp_path)
    expected, expected_counts = uninterrupted()
    assert all(torch.equal(weights[n], t) for n, t in expected.items())
    for name in ("best", "steps", "samples", "tokens_rendered", "tokens_computed"):
        assert counts[name] == expected_counts[name]
    assert [e for e in counts["history"] if "eval_loss" in e] == [
        e for e in expected_counts["history"] if "eval_loss" in e
    ]


def test_a_signal_is_a_keyboard_interrupt(tmp_path: Path) -> None:
    calls = []

    def score(_: Any) -> dict[str, float]:
        calls.append(0)
        if len(calls) == 2:
            signal.raise_signal(signal.SIGTERM)
        return {"exact": 0.5}

    handlers = [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)]
    options: dict[str, Any] = {"dev_metric": "exact", "dev_score": score, "epochs": 3}
    with pytest.raises(KeyboardInterrupt):
        train(model(), tmp_path, **options)
    assert [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)] == handlers
    result = train(model(), tmp_path, resume=True, **options)
    assert len(calls) == 4  # 1, 2 (interrupted), 2 again, 3
    assert [e["step"] for e in result.history if "eval_exact" in e] == [6, 12, 18]


def test_a_finished_run_is_not_trained_further(tmp_path: Path) -> None:
    """Also where the last epoch is not a whole one."""
    first, second = model(), model()
    result = train(first, tmp_path, epochs=1.5)
    again = train(second, tmp_path, epochs=1.5, resume=True)
    assert again.history == result.history
    assert (again.steps, again.samples, again.best) == (result.steps, result.samples, result.best)
    assert all(torch.equal(t, tensors(first)[n]) for n, t in tensors(second).items())


def test_resume_without_a_checkpoint_starts_from_the_beginning(tmp_path: Path) -> None:
    first, second = model(), model()
    train(first, tmp_path / "a")
    (tmp_path / "b" / "checkpoints" / ".checkpoint-3.partial").mkdir(parents=True)
    train(second, tmp_path / "b", resume=True)
    assert all(torch.equal(t, tensors(first)[n]) for n, t in tensors(second).items())
    assert not (tmp_path / "b" / "checkpoints" / ".checkpoint-3.partial").exists()


@pytest.mark.parametrize("damage", ["trained.safetensors", "complete.json", "optimizer.pt"])
def test_a_damaged_checkpoint_is_passed_over(damage: str, tmp_path: Path) -> None:
    first, second = model(), model()
    result = train(first, tmp_path)
    file = tmp_path / "checkpoints" / "checkpoint-12" / damage
    file.write_bytes(file.read_bytes()[:-10])
    again = train(second, tmp_path, resume=True)
    assert again.history == result.history
    assert all(torch.equal(t, tensors(first)[n]) for n, t in tensors(second).items())
    assert checkpoint.newest(tmp_path / "checkpoints") == tmp_path / "checkpoints" / "checkpoint-12"


def test_damaged_checkpoints_do_not_count_as_the_newest(tmp_path: Path) -> None:
    scores = [0.4, 0.3, 0.2, 0.1]
    options: dict[str, Any] = {"epochs": 4, "dev_metric": "exact", "early_stopping": None}
    given = iter(scores)
    train(model(), tmp_path, keep_checkpoints=4, dev_score=lambda _: {"exact": next(given)}, **options)
    for step in (12, 18, 24):
        (tmp_path / "checkpoints" / f"checkpoint-{step}" / "optimizer.pt").write_bytes(b"damaged")

    given = iter([0.3])
    with pytest.raises(StopIteration):  # the third epoch ends in an error, the second has been saved
        train(
            model(),
            tmp_path,
            keep_checkpoints=1,
            resume=True,
            dev_score=lambda _: {"exact": next(given)},
            **options,
        )
    assert checkpoint.newest(tmp_path / "checkpoints") == tmp_path / "checkpoints" / "checkpoint-12"


def test_checkpoints_are_not_overwritten_by_accident(tmp_path: Path) -> None:
    train(model(), tmp_path)
    with pytest.raises(TrainError, match=r"checkpoint-12[\s\S]*--resume, or use another --out"):
        train(model(), tmp_path)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"batch_size": 2}, "train.batch_size: was 4, is 2"),
        ({"seed": 6}, "seed: was 5, is 6"),
        ({"number": 21}, "data.training samples: was"),
        ({"dev": 5}, "data.dev samples: was"),
        ({"learning_rate": 0.1}, "train.learning_rate: was 0.02, is 0.1"),
        ({"state": {"base": "b", "method": {"kind": "prefix"}}}, 'run.base: was "a", is "b"'),
    ],
)
def test_another_run_is_refused_by_name(changes: dict[str, Any], named: str, tmp_path: Path) -> None:
    state = {"base": "a", "method": {"kind": "prefix"}}
    train(model(), tmp_path, state=state)
    before = sorted((tmp_path / "checkpoints").iterdir())
    with pytest.raises(TrainError, match="belongs to another run") as caught:
        train(model(), tmp_path, resume=True, **{"state": state, **changes})
    assert named in str(caught.value)
    assert str(caught.value).count("was") == 1
    assert sorted((tmp_path / "checkpoints").iterdir()) == before


def test_another_method_is_refused_by_name(tmp_path: Path) -> None:
    train(model("direct"), tmp_path)
    with pytest.raises(TrainError, match=r"tensors\.prefix\.kv: was \[2, 2, 2, 4, 8\], is null"):
        train(model("projected"), tmp_path, resume=True)


def test_what_does_not_touch_the_result_may_change(tmp_path: Path) -> None:
    first, second = model(), model()
    train(first, tmp_path / "a", save_steps=2, keep_checkpoints=9)
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    for step in (10, 12):
        shutil.rmtree(tmp_path / "b" / "checkpoints" / f"checkpoint-{step}")
    train(second, tmp_path / "b", resume=True, save_steps=3, keep_checkpoints=1, logging_steps=1, threads=1)
    assert all(torch.equal(t, tensors(first)[n]) for n, t in tensors(second).items())


def test_it_runs_outside_of_the_main_thread(tmp_path: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    def work() -> int:
        config = TrainConfig(max_steps=2, batch_size=4)
        return fit(model(), samples(8), [], config, seed=0, out=tmp_path, pad_id=0).steps

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(work).result() == 2
