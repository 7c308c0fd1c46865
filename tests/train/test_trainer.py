"""Laws of a training run: what trains, and which choices change nothing."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from train_jobs import METHODS, model, samples, tensors, train
from weitiao.config import TrainConfig
from weitiao.pack import pack
from weitiao.train.dev import draw, mean_loss, unchanged_random_state
from weitiao.train.fit import fit, samples_hash


def losses(result: Any) -> list[float]:
    return [entry["loss"] for entry in result.history if "loss" in entry]


@pytest.mark.parametrize("method", METHODS)
def test_all_that_trains_moves_and_nothing_else_does(method: str, tmp_path: Path) -> None:
    tuned = model(method)
    before = tensors(tuned)
    train(tuned, tmp_path, max_steps=2)
    moved = {n for n, t in tensors(tuned).items() if not torch.equal(t, before[n])}
    trainable = set(tuned.trainable())
    # embeddings of tokens that never occur have no gradient; a whole tensor always has some
    assert moved == trainable
    assert all(p.grad is None or torch.isfinite(p.grad).all() for p in tuned.parameters())


@pytest.mark.parametrize(("method", "rate"), [("direct", 0.3), ("projected", 0.05), ("full", 0.01)])
def test_eight_examples_are_learnt_by_heart(method: str, rate: float, tmp_path: Path) -> None:
    tuned = model(method, length=16, hidden_size=64, intermediate_size=96, num_hidden_layers=4)
    result = train(
        tuned, tmp_path, number=8, dev=0, batch_size=8, max_steps=150, learning_rate=rate, save_steps=1000
    )
    assert losses(result)[-1] < 0.05
    assert mean_loss(tuned, [pack(samples(8))]) < 0.05


@pytest.mark.parametrize("method", METHODS)
def test_16_times_1_is_1_times_16(method: str, tmp_path: Path) -> None:
    runs = []
    for name, micro in (("a", 1), ("b", 16), ("c", 4)):
        tuned = model(method)
        # 40 samples: the last step of an epoch holds 8
        result = train(
            tuned, tmp_path / name, number=40, batch_size=16, micro_batch_size=micro, logging_steps=1
        )
        runs.append((losses(result), tuned.trainable(), result))
    for other, weights, result in runs[1:]:
        assert other == pytest.approx(runs[0][0], abs=1e-5)
        assert result.samples == runs[0][2].samples == 80
        for name, tensor in weights.items():
            drift = (tensor - runs[0][1][name]).abs()
            assert drift.max() < 1e-5, name
            assert drift.mean() < 1e-6, name


def test_the_logged_loss_is_the_mean_over_targets(tmp_path: Path) -> None:
    """Against the definition: one step of all samples, of which the targets are counted by hand."""
    tuned, data = model(), samples(7)
    batch = pack(data)
    expected = tuned(batch).total.item() / sum(sum(s.trained) for s in data)
    result = train(tuned, tmp_path, number=7, dev=0, batch_size=7, micro_batch_size=1, max_steps=1)
    assert losses(result) == [pytest.approx(expected, rel=1e-6)]


@pytest.mark.parametrize(
    "options", [{"packing": "pack"}, {"packing": "pad"}, {"packing": "tree", "row_tokens": 24}]
)
@pytest.mark.parametrize("method", ["projected", "full"])
def test_packing_changes_nothing(method: str, options: dict[str, Any], tmp_path: Path) -> None:
    tree, other = model(method), model(method)
    first = train(tree, tmp_path / "tree", packing="tree", logging_steps=1)
    second = train(other, tmp_path / "other", logging_steps=1, **options)
    assert losses(second) == pytest.approx(losses(first), abs=1e-5)
    for name, tensor in other.trainable().items():
        drift = (tensor - tree.trainable()[name]).abs()
        assert drift.max() < 1e-4, name
        assert drift.mean() < 1e-6, name
    assert first.tokens_rendered == second.tokens_rendered
    assert first.tokens_computed < second.tokens_computed <= second.tokens_rendered


@pytest.mark.parametrize("method", METHODS)
def test_checkpointing_changes_nothing(method: str, tmp_path: Path) -> None:
    plain, recomputed = model(method), model(method)
    first = train(plain, tmp_path / "a")
    second = train(recomputed, tmp_path / "b", gradient_checkpointing=True)
    assert losses(first) == losses(second)
    for name, tensor in plain.trainable().items():
        assert torch.equal(tensor, recomputed.trainable()[name]), name


def test_the_seed_decides_everything(tmp_path: Path) -> None:
    runs = []
    for name, seed in (("a", 5), ("b", 5), ("c", 6)):
        tuned = model("projected", dropout=0.2)
        torch.rand(len(runs))  # what was drawn before does not matter
        result = train(tuned, tmp_path / name, seed=seed)
        runs.append((tuned.export()["kv"], result.history))
    assert torch.equal(runs[0][0], runs[1][0])
    assert runs[0][1] == runs[1][1]
    assert not torch.equal(runs[0][0], runs[2][0])


def test_bfloat16_is_used_for_the_weights_of_a_base_only(tmp_path: Path) -> None:
    results = {}
    for method in ("direct", "full"):
        for precision in ("float32", "bfloat16"):
            tuned = model(method)
            result = train(
                tuned, tmp_path / method / precision, precision=precision, max_steps=3, logging_steps=1
            )
            results[method, precision] = losses(result)
            assert {p.dtype for p in tuned.parameters()} == {torch.float32}
    assert results["direct", "float32"] == results["direct", "bfloat16"]
    assert results["full", "float32"] != results["full", "bfloat16"]
    assert results["full", "float32"] == pytest.approx(results["full", "bfloat16"], rel=0.03)


def test_a_prefix_stays_float32_on_a_bfloat16_base(tmp_path: Path) -> None:
    tuned = model("projected")
    tuned.model.to(torch.bfloat16)
    before = tensors(tuned)
    train(tuned, tmp_path, max_steps=3)
    assert {p.dtype for p in tuned.trainable().values()} == {torch.float32}
    assert all(not torch.equal(p, before[n]) for n, p in tuned.trainable().items())


def test_a_checkpoint_holds_what_trains_and_never_the_base(tmp_path: Path) -> None:
    tuned = model("projected")
    train(tuned, tmp_path, max_steps=2)
    folder = tmp_path / "checkpoints" / "checkpoint-2"
    assert set(load_file(folder / "trained.safetensors")) == {*tuned.trainable(), "prefix.start"}
    assert {p.name for p in folder.iterdir()} == {
        "trained.safetensors",
        "losses.safetensors",
        "optimizer.pt",
        "scheduler.pt",
        "rng_state.pth",
        "trainer_state.json",
        "run.json",
        "complete.json",
    }
    frozen = sum(p.numel() for p in tuned.model.parameters()) * 4
    assert sum(p.stat().st_size for p in folder.iterdir()) < frozen
    for name in ("optimizer.pt", "scheduler.pt"):
        torch.load(folder / name, weights_only=True)
    assert json.loads((tmp_path / "trainer_state.json").read_text())["global_step"] == 2


def test_the_result_counts_what_was_computed(tmp_path: Path) -> None:
    result = train(model(), tmp_path, number=10, epochs=1.5, batch_size=4)
    data = samples(10)
    assert result.steps == 5
    assert result.samples == 18  # 4 + 4 + 2, then 4 + 4
    whole = sum(map(len, data))
    assert whole < result.tokens_rendered < 2 * whole
    assert result.tokens_computed < result.tokens_rendered
    assert result.seconds > 0
    assert result.peak_memory_bytes > 50 * 2**20 or sys.platform == "win32"
    assert [e["step"] for e in result.history if "eval_loss" in e] == [3, 5]


# ------------------------------------------------------------------------------------- dev part


def test_the_dev_loss_is_the_mean_over_targets(tmp_path: Path) -> None:
    tuned = model()
    result = train(tuned, tmp_path, dev=6)
    data = samples(6, seed=1)
    batch = pack(data, mode="pad")
    expected = tuned(batch).total.item() / sum(sum(s.trained) for s in data)
    assert result.best is not None
    assert result.best["value"] == pytest.approx(expected, rel=1e-5)
    assert result.best["value"] == min(e["eval_loss"] for e in result.history if "eval_loss" in e)


def test_the_best_is_kept_and_put_back(tmp_path: Path) -> None:
    scores, seen = iter([0.2, 0.6, 0.5, 0.6, 0.4]), []

    def score(tuned: Any) -> dict[str, float]:
        assert not tuned.training
        assert not torch.is_grad_enabled()
        torch.rand(3)
        seen.append(tensors(tuned))
        return {"exact": next(scores)}

    tuned = model()
    result = train(
        tuned, tmp_path, epochs=9, dev_metric="exact", dev_score=score, early_stopping=3, keep_checkpoints=1
    )
    assert result.best == {"step": 12, "metric": "exact", "value": 0.6}
    assert result.stopped_early
    assert result.steps == 30
    assert len(seen) == 5
    assert all(torch.equal(t, seen[1][n]) for n, t in tensors(tuned).items())
    kept = sorted(p.name for p in (tmp_path / "checkpoints").iterdir())
    assert kept == ["checkpoint-12", "checkpoint-30"]
    assert [e["eval_exact"] for e in result.history if "eval_exact" in e] == [0.2, 0.6, 0.5, 0.6, 0.4]


def test_without_patience_it_runs_to_the_end(tmp_path: Path) -> None:
    result = train(
        model(),
        tmp_path,
        epochs=4,
        dev_metric="exact",
        dev_score=lambda _: {"exact": 0.5},
        early_stopping=None,
    )
    assert result.steps == 24
    assert not result.stopped_early
    assert result.best == {"step": 6, "metric": "exact", "value": 0.5}


def test_without_a_dev_part_the_last_state_stays(tmp_path: Path) -> None:
    tuned = model()
    result = train(tuned, tmp_path, dev=0)
    assert result.best is None
    assert not any("eval_loss" in e for e in result.history)
    saved = load_file(tmp_path / "checkpoints" / f"checkpoint-{result.steps}" / "trained.safetensors")
    assert torch.equal(saved["prefix.kv"], tuned.trainable()["prefix.kv"])


def test_an_evaluation_does_not_touch_the_training(tmp_path: Path) -> None:
    with_dev, without = (model("projected", dropout=0.3) for _ in range(2))
    train(with_dev, tmp_path / "a", dev_metric="exact", dev_score=lambda _: {"exact": torch.rand(()).item()})
    kept = load_file(tmp_path / "a" / "checkpoints" / "checkpoint-12" / "trained.safetensors")
    train(without, tmp_path / "b", dev=0)
    assert all(torch.equal(p, kept[n]) for n, p in without.trainable().items())


def test_dev_samples_are_drawn_by_seed() -> None:
    data = samples(30)
    assert draw(data, 10, 1) == draw(data, 10, 1) != draw(data, 10, 2)
    assert len(set(s.example_id for s in draw(data, 10, 1))) == 10
    assert sorted(draw(data, 99, 1), key=lambda s: int(s.example_id)) == data


def test_random_state_is_given_back() -> None:
    import random

    import numpy as np

    torch.manual_seed(1)
    with unchanged_random_state():
        torch.rand(3), random.random(), np.random.rand()
    first = torch.rand(1)
    torch.manual_seed(1)
    assert torch.equal(first, torch.rand(1))


def test_weights_of_samples_count(tmp_path: Path) -> None:
    """A sample of weight 3 is worth three copies of it."""
    from dataclasses import replace

    data = samples(4)
    heavy = [replace(data[0], weight=3.0), *data[1:]]
    results = []
    for name, part in (("a", heavy), ("b", [data[0], data[0], *data])):
        tuned = model()
        config = TrainConfig(batch_size=6, max_steps=3, logging_steps=1)
        results.append(losses(fit(tuned, part, [], config, seed=1, out=tmp_path / name, pad_id=0)))
    assert results[0] == pytest.approx(results[1], abs=1e-5)


def test_samples_hash_sees_every_change() -> None:
    from dataclasses import replace

    data = samples(3)
    other = [
        data,
        data[::-1],
        data[:2],
        [replace(data[0], weight=2.0), *data[1:]],
        [replace(data[0], ids=(*data[0].ids[:-1], 1)), *data[1:]],
        [replace(data[0], trained=(*data[0].trained[:-1], False)), *data[1:]],
    ]
    assert len({samples_hash(x) for x in other}) == len(other)
    assert samples_hash(data) == samples_hash([replace(s, example_id="x") for s in data])
