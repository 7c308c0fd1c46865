"""The loss of each optimizer step, and the steps whose loss stands out with the rows that are behind it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_WINDOW = 25  # steps on each side that a step is compared with
_HEIGHT = 4.0  # times the spread of its surroundings (scaled median absolute deviation)
_ROWS = 3
_SCALE = 1.4826  # of the median absolute deviation of a normal distribution to its standard deviation


@dataclass(frozen=True)
class Step:
    """One optimizer step.

    Attributes:
        number: From 1 on.
        visit: Pass over the training part that it belongs to, from 0 on.
        loss: Mean negative log-likelihood of its targets, in nats.
        rows: Samples in it.
    """

    number: int
    visit: int
    loss: float
    rows: tuple[int, ...]


@dataclass(frozen=True)
class Spike:
    """A step whose loss stands out.

    Attributes:
        step: The step.
        usual: What the steps around it let expect.
        rows: The samples that contribute most to it, and their share of its loss, largest first.
    """

    step: Step
    usual: float
    rows: tuple[tuple[int, float], ...]


def steps_of(
    mean: NDArray[np.float32],
    targets: NDArray[np.int64],
    weights: NDArray[np.float64],
    orders: Sequence[Sequence[int]],
    batch_size: int,
) -> list[Step]:
    """All steps that were made.

    Args:
        mean: [V, N] loss per target, NaN where a sample was not visited.
        targets: [N] targets of each sample.
        weights: [N] weight of each of its targets.
        orders: [V] order of the samples of each pass.
        batch_size: Samples of a step.
    """
    steps: list[Step] = []
    share = targets * weights
    for visit, (losses, order) in enumerate(zip(mean, orders, strict=True)):
        for begin in range(0, len(order), batch_size):
            rows = np.asarray(order[begin : begin + batch_size])
            if np.isnan(losses[rows]).any():  # the run ended before this step
                return steps
            loss = float((losses[rows] * share[rows]).sum() / share[rows].sum())
            steps.append(Step(len(steps) + 1, visit, loss, tuple(rows.tolist())))
    return steps


def spikes_of(
    steps: Sequence[Step],
    mean: NDArray[np.float32],
    targets: NDArray[np.int64],
    weights: NDArray[np.float64],
    *,
    limit: int = 10,
) -> list[Spike]:
    """The steps that stand out most from those around them, in the order of the run.

    Args:
        steps: All steps.
        mean: [V, N] as for `steps_of`.
        targets: [N].
        weights: [N].
        limit: At most so many.
    """
    losses = np.array([step.loss for step in steps])
    found: list[tuple[float, Spike]] = []
    for k in range(_WINDOW, len(steps)):  # before that nothing has been learnt that a row could contradict
        usual, spread = _surroundings(losses, k)
        height = (losses[k] - usual) / max(spread, 1e-3)
        if height >= _HEIGHT:
            found.append((height, Spike(steps[k], usual, _behind(steps[k], mean, targets * weights))))
    chosen = sorted(found, key=lambda item: -item[0])[:limit]
    return sorted((spike for _, spike in chosen), key=lambda spike: spike.step.number)


def _surroundings(losses: NDArray[np.float64], k: int) -> tuple[float, float]:
    """What the loss of step `k` would be by a line through the steps around it (Theil-Sen), and their spread."""
    near = np.r_[max(0, k - _WINDOW) : k, k + 1 : min(len(losses), k + _WINDOW + 1)]
    x, y = near - k, losses[near]
    first, second = np.triu_indices(len(near), 1)
    slope = np.median((y[second] - y[first]) / (x[second] - x[first]))
    level = y - slope * x
    usual = float(np.median(level))
    return usual, _SCALE * float(np.median(np.abs(level - usual)))


def _behind(
    step: Step, mean: NDArray[np.float32], share: NDArray[np.float64]
) -> tuple[tuple[int, float], ...]:
    """The samples of a step that contribute most to its loss, with their shares."""
    rows = np.array(step.rows)
    parts = mean[step.visit, rows] * share[rows]
    order = np.argsort(-parts, kind="stable")[:_ROWS]
    return tuple((int(rows[n]), float(parts[n] / parts.sum())) for n in order)
