"""The percentile bootstrap over samples, vectorised.

A resample of N samples with replacement is a row of N counts that sum to N; its value follows from
``counts @ pieces``. Samples of one group are no independent witnesses, so whole groups are drawn; the counts are then
scaled to sum to N, which makes each value a ratio of sums. Legend: N samples, G groups, S pieces, R resamples.

Source: Efron & Tibshirani 1993, chapter 13 (percentile interval); Koehn 2004 (paired, for BLEU); Davison & Hinkley
1997, section 3.8 (groups drawn whole).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from weitiao.types import Estimate

Array = NDArray[np.float64]
Combine = Callable[[Array, int], Mapping[str, Array]]
_CELLS = 4_000_000  # counts held at once, 32 MB


@dataclass(frozen=True, slots=True)
class Measured:
    """Pieces of all samples under one metric, and how to get values from their sums.

    Attributes:
        pieces: [N, S].
        combine: Sums [..., S] and N to values [...] by name.
    """

    pieces: Array
    combine: Combine

    def values(self) -> dict[str, float]:
        """Values over all samples."""
        return {k: float(v) for k, v in self.combine(self.pieces.sum(axis=0), len(self.pieces)).items()}


def group_notes(groups: Sequence[str] | None) -> tuple[str, ...]:
    """What a reader of the intervals has to know about the groups of N samples; nothing where each stands for itself.

    Args:
        groups: As in `resample`.
    """
    n, count = len(groups or ()), len(set(groups or ()))
    if n == count:
        return ()
    if count == 1:
        return (
            f"All {n:,} rows are one group, so the 95% intervals can only draw rows. Rows of a group resemble each "
            "other: how far another group would be from these values, the intervals do not say.",
        )
    return (
        f"The {n:,} rows are {count:,} groups (of data.split, or the rounds of a dialogue). Rows of a group resemble "
        "each other, so the 95% intervals draw groups, not rows.",
    )


def _codes(groups: Sequence[str] | None) -> NDArray[np.int64] | None:
    """[N] numbers of the groups in order of appearance; None where rows are drawn: there is one group only."""
    known: dict[str, int] = {}
    codes = [known.setdefault(group, len(known)) for group in groups or ()]
    return np.array(codes, dtype=np.int64) if len(known) > 1 else None


def _draws(n: int, resamples: int, seed: int, codes: NDArray[np.int64] | None) -> Iterator[Array]:
    """Blocks of resamples as counts, [<= R, N] each; the same for the same arguments."""
    if codes is not None and codes.max(initial=-1) + 1 < n:
        for drawn in _draws(int(codes.max()) + 1, resamples, seed, None):
            counts = drawn[:, codes]
            yield counts * (n / counts.sum(axis=1, keepdims=True))
        return
    rng = np.random.default_rng(seed)
    block = max(1, _CELLS // n)
    for start in range(0, resamples, block):
        rows = min(block, resamples - start)
        index = rng.integers(n, size=(rows, n)) + n * np.arange(rows)[:, None]
        yield np.bincount(index.ravel(), minlength=rows * n).reshape(rows, n).astype(np.float64)


def resample(
    measured: list[Measured], *, resamples: int, seed: int, groups: Sequence[str] | None = None
) -> list[dict[str, Array]]:
    """Values of every resample, [R] by name for each of ``measured``, all from the same resamples.

    Args:
        measured: Metrics over the same N samples; the same draw is used for all, so that
            differences between two of them are paired.
        resamples: R.
        seed: Seed of the draw.
        groups: [N] samples of one group are drawn together where there are several; None: each is its own.
    """
    if not measured:  # every metric that was asked for does not apply
        return []
    n = len(measured[0].pieces)
    blocks: list[list[Mapping[str, Array]]] = [[] for _ in measured]
    for counts in _draws(n, resamples, seed, _codes(groups)):
        for found, m in zip(blocks, measured, strict=True):
            found.append(m.combine(counts @ m.pieces, n))
    return [{name: np.concatenate([b[name] for b in found]) for name in found[0]} for found in blocks]


def estimate(value: float, resampled: Array, n: int) -> Estimate:
    """The 2.5th and 97.5th percentile of ``resampled`` [R] around ``value``.

    The interval is widened to contain the value where a skewed statistic or rounding would leave it outside.
    """
    low, high = np.percentile(resampled, [2.5, 97.5])
    return Estimate(value, min(float(low), value), max(float(high), value), n)
