"""How training went for each row, and which rows are the likeliest to be labelled wrongly.

Confidence and variability follow dataset cartography (Swayamdipta et al. 2020, arXiv 2009.10795): the mean and the
spread, over the passes, of the probability of the given answer; here the geometric mean over its tokens, so that long
answers do not look wrong because they are long. A wrong label is learnt late or not at all: its confidence is low
and its loss is still high in the last passes.

Legend: V visits (passes over the training part), N rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

By = Literal["suspicion", "confidence", "variability", "late_loss"]
ORDERS: tuple[str, ...] = get_args(By)
_LATE = 3  # the last third of the passes


@dataclass(frozen=True)
class Dynamics:
    """What training says about N rows; NaN for rows that were never trained on.

    Attributes:
        confidence: [N] mean probability of the given answer, 0 to 1.
        variability: [N] standard deviation of that probability.
        late_loss: [N] mean loss in the last third of the passes, nats per target.
        suspicion: [N] 0 to 1: how many of the rows have a higher confidence and a lower late loss, on average.
    """

    confidence: NDArray[np.float64]
    variability: NDArray[np.float64]
    late_loss: NDArray[np.float64]
    suspicion: NDArray[np.float64]

    def order(self, by: By = "suspicion") -> list[int]:
        """Rows from the most to the least suspicious; those never trained on are left out.

        Args:
            by: ``suspicion`` (low confidence and high late loss), ``confidence`` (lowest first), ``variability`` or
                ``late_loss`` (highest first).
        """
        values = -self.confidence if by == "confidence" else getattr(self, by)
        known = np.flatnonzero(~np.isnan(values))
        return known[np.argsort(-values[known], kind="stable")].tolist()


def complete_passes(mean: NDArray[np.float32]) -> NDArray[np.float32]:
    """The passes without a last one that was not finished: rows it had not reached would look wrong beside the others.

    Args:
        mean: [V, N] as for `dynamics`.
    """
    visited = (~np.isnan(mean)).sum(axis=1)
    return mean[:-1] if len(mean) > 1 and visited[-1] < visited[0] else mean


def dynamics(mean: NDArray[np.float32]) -> Dynamics:
    """What the losses of N rows over V passes say.

    Args:
        mean: [V, N] loss in nats per target token, NaN where a row was not visited.
    """
    losses = mean.astype(np.float64)
    visited = ~np.isnan(losses)
    known = visited.any(0)
    probability = np.exp(-losses)
    passes = len(losses)
    first_late = passes - max(1, passes // _LATE)
    late = np.where(visited, losses, 0.0)
    # a row that was visited less often than others: its last passes are those it has
    rank_from_end = np.cumsum(visited[::-1], axis=0)[::-1]
    is_late = visited & (rank_from_end <= passes - first_late)
    count, num_late = np.maximum(visited.sum(0), 1), np.maximum(is_late.sum(0), 1)
    filled = np.where(visited, probability, 0.0)
    confidence = filled.sum(0) / count
    variability = np.sqrt((np.where(visited, probability - confidence, 0.0) ** 2).sum(0) / count)
    late_loss = (late * is_late).sum(0) / num_late
    for values in (confidence, variability, late_loss):
        values[~known] = np.nan
    suspicion = (_ranks(-confidence) + _ranks(late_loss)) / 2
    return Dynamics(confidence, variability, late_loss, suspicion)


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share of the values that are lower, equal ones counted half; NaN stays."""
    known = values[~np.isnan(values)]
    ordered = np.sort(known)
    below = np.searchsorted(ordered, values, "left") + np.searchsorted(ordered, values, "right")
    result = below / (2 * max(len(known), 1))
    return np.where(np.isnan(values), np.nan, result)
