"""The loss of each sample, each time it is trained on: as if it had been computed alone."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from train_jobs import model, samples, train
from weitiao.pack import pack
from weitiao.train.losses import SampleLosses
from weitiao.train.sampler import EpochSampler


@pytest.mark.parametrize("packing", ["tree", "pack", "pad"])
@pytest.mark.parametrize("micro", [None, 2])
def test_each_sample_has_its_own_loss(packing: str, micro: int | None, tmp_path: Path) -> None:
    """With a learning rate of next to nothing every visit is a visit to the first weights."""
    tuned = model()
    alone = []
    for sample in samples(22):
        batch = pack([sample])
        with torch.no_grad():
            nll = tuned(batch).nll
        alone.append((nll.mean().item(), nll.max().item()))
    result = train(
        tuned, tmp_path, packing=packing, micro_batch_size=micro, learning_rate=1e-12, dev=0, number=22
    )
    mean, worst = torch.tensor(alone).unbind(1)
    assert result.losses.mean.shape == (2, 22)
    for visit in range(2):
        torch.testing.assert_close(result.losses.mean[visit], mean, atol=2e-6, rtol=0)
        torch.testing.assert_close(result.losses.worst[visit], worst, atol=2e-6, rtol=0)
    assert result.losses.visits.tolist() == [2] * 22


def test_a_pass_that_is_cut_short_leaves_gaps(tmp_path: Path) -> None:
    result = train(model(), tmp_path, max_steps=7, number=22, dev=0)  # 6 steps a pass, then one of 4
    assert result.losses.mean.shape == (2, 22)
    again = EpochSampler(22, 5)
    again.set_epoch(1)
    seen = list(again)[:4]
    visited = (~result.losses.mean[1].isnan()).nonzero()[:, 0].tolist()
    assert visited == sorted(seen)
    assert not result.losses.mean[0].isnan().any()


def test_losses_fall_where_there_is_something_to_learn(tmp_path: Path) -> None:
    result = train(model(), tmp_path, epochs=6, learning_rate=0.05, number=22, dev=0)
    assert result.losses.mean[-1].mean() < result.losses.mean[0].mean()


def test_tables_come_back_from_their_file(tmp_path: Path) -> None:
    losses = SampleLosses(3)
    batch = pack(samples(2))
    losses.add([2, 0], batch, torch.arange(1.0, len(batch.token) + 1))
    save_file(losses.tensors(), tmp_path / "losses.safetensors")
    again = SampleLosses.load(tmp_path / "losses.safetensors")
    assert again.visits.tolist() == [1, 0, 1]
    for name, table in losses.tensors().items():
        assert torch.equal(again.tensors()[name].nan_to_num(-1), table.nan_to_num(-1))
    assert losses.mean[0, 0].isfinite()
    assert losses.mean[0, 1].isnan()
