"""Exact match after normalisation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from weitiao.evaluate.normalise import normalise

NAMES: tuple[str, ...] = ("exact",)


def score(prediction: str, reference: str) -> tuple[float, ...]:
    """(1,) when the two are equal after `weitiao.evaluate.normalise`, else (0,)."""
    return (float(normalise(prediction) == normalise(reference)),)


def combine(sums: NDArray[np.float64], n: int) -> dict[str, NDArray[np.float64]]:
    """Share of equal answers; sums [..., 1] -> [...]."""
    return {"exact": sums[..., 0] / n}


def aggregate(pieces: Sequence[tuple[float, ...]]) -> dict[str, float]:
    """Share of equal answers, 0 to 1."""
    return {"exact": sum(p[0] for p in pieces) / len(pieces)}
