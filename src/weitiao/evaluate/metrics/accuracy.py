"""Label accuracy, for answers out of a closed set (see `weitiao.evaluate.closed_set`)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from weitiao.evaluate.metrics import exact

NAMES: tuple[str, ...] = ("accuracy",)


def score(prediction: str, reference: str) -> tuple[float, ...]:
    """(1,) when the prediction is the right label after normalisation, else (0,)."""
    return exact.score(prediction, reference)


def combine(sums: NDArray[np.float64], n: int) -> dict[str, NDArray[np.float64]]:
    """Share of right labels; sums [..., 1] -> [...]."""
    return {"accuracy": sums[..., 0] / n}


def aggregate(pieces: Sequence[tuple[float, ...]]) -> dict[str, float]:
    """Share of right labels, 0 to 1."""
    return {"accuracy": sum(p[0] for p in pieces) / len(pieces)}
