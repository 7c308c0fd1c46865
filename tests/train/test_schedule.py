"""Steps, evaluations, checkpoints and learning rates of a run."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weitiao.config import TrainConfig
from weitiao.train.sampler import EpochSampler
from weitiao.train.schedule import Schedule

CONFIGS = st.builds(
    TrainConfig,
    epochs=st.floats(0.1, 6),
    batch_size=st.sampled_from([1, 4, 16]),
    warmup=st.floats(0, 0.99),
    scheduler=st.sampled_from(["cosine", "linear", "constant"]),
    save_steps=st.none() | st.integers(1, 9),
)


@given(config=CONFIGS, samples=st.integers(1, 300))
def test_the_rate_rises_to_the_peak_then_never_rises_and_is_never_zero(
    config: TrainConfig, samples: int
) -> None:
    plan = Schedule.of(config, samples)
    rates = [plan.rate(step) for step in range(plan.steps)]
    assert all(0 < rate <= 1 for rate in rates)
    peak = plan.warmup_steps
    assert rates[:peak] == sorted(rates[:peak])
    assert rates[peak:] == sorted(rates[peak:], reverse=True)
    assert rates[peak] == 1
    if config.scheduler != "constant":
        assert plan.rate(plan.steps) == pytest.approx(0, abs=1e-9)


@given(config=CONFIGS, samples=st.integers(1, 300))
def test_the_end_is_evaluated_and_saved(config: TrainConfig, samples: int) -> None:
    plan = Schedule.of(config, samples)
    assert plan.evaluates_after(plan.steps)
    assert plan.saves_after(plan.steps)
    evaluations = sum(map(plan.evaluates_after, range(1, plan.steps + 1)))
    assert evaluations == math.ceil(plan.steps / plan.steps_per_epoch)


@pytest.mark.parametrize(
    ("options", "samples", "steps", "per_epoch"),
    [
        ({"epochs": 3, "batch_size": 16}, 33, 9, 3),
        ({"epochs": 0.5, "batch_size": 16}, 64, 2, 4),
        ({"epochs": 1.1, "batch_size": 1}, 10, 11, 10),
        ({"epochs": 3, "max_steps": 5, "batch_size": 16}, 64, 5, 4),
        ({"epochs": 1, "batch_size": 16}, 3, 1, 1),
    ],
)
def test_steps(options: dict[str, float], samples: int, steps: int, per_epoch: int) -> None:
    plan = Schedule.of(TrainConfig(**options), samples)  # type: ignore[arg-type]
    assert (plan.steps, plan.steps_per_epoch) == (steps, per_epoch)


def test_micro_batches_divide_the_batch() -> None:
    plan = Schedule.of(TrainConfig(batch_size=16, micro_batch_size=4), 100)
    assert (plan.micro_batch, plan.accumulation) == (4, 4)
    with pytest.raises(ValueError, match="does not divide"):
        Schedule.of(TrainConfig(batch_size=16, micro_batch_size=3), 100)


@given(size=st.integers(1, 50), seed=st.integers(0, 10**6), epoch=st.integers(0, 20))
def test_the_order_depends_on_seed_and_epoch_alone(size: int, seed: int, epoch: int) -> None:
    sampler, again = EpochSampler(size, seed), EpochSampler(size, seed)
    list(sampler)
    for each in (sampler, again):
        each.set_epoch(epoch)
    assert list(sampler) == list(again)
    assert sorted(again) == list(range(size))


def test_epochs_and_seeds_have_their_own_orders() -> None:
    orders = set()
    for seed in range(3):
        for epoch in range(3):
            sampler = EpochSampler(20, seed)
            sampler.set_epoch(epoch)
            orders.add(tuple(sampler))
    assert len(orders) == 9
