"""Answers against references: values with their intervals."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from weitiao.errors import DataError
from weitiao.evaluate.bootstrap import Measured, estimate, resample
from weitiao.evaluate.closed_set import ClosedSet, find_closed_set, label_pieces, macro_f1
from weitiao.evaluate.metrics import METRICS
from weitiao.types import Estimate


def score(
    predictions: Sequence[str],
    references: Sequence[str],
    metrics: Sequence[str],
    *,
    bootstrap: int = 1000,
    seed: int = 0,
) -> dict[str, Estimate]:
    """Score answers.

    Args:
        predictions: N answers as decoded.
        references: N references.
        metrics: Names out of `weitiao.evaluate.metrics.METRICS`. With ``exact`` or ``accuracy`` and
            references that are a closed set of labels, ``accuracy`` and ``macro_f1`` are given; without a
            closed set they are left out.
        bootstrap: Resamples of the 95% percentile interval.
        seed: Seed of the resamples.

    Returns:
        Estimates by name, in the order of ``metrics``. ``exact``, ``accuracy``, ``macro_f1`` and
        ``rouge_*`` lie between 0 and 1, ``bleu_*`` between 0 and 100.

    Raises:
        DataError: There is no sample.
        ValueError: An unknown metric, or not as many predictions as references.
    """
    measured = measure(predictions, references, metrics, find_closed_set(references))
    draws = resample(measured, resamples=bootstrap, seed=seed)
    return {
        name: estimate(value, drawn[name], len(references))
        for m, drawn in zip(measured, draws, strict=True)
        for name, value in m.values().items()
    }


def metric_names(metrics: Sequence[str], closed_set: ClosedSet) -> list[str]:
    """Metrics that are computed: those asked for, ``accuracy`` where it applies, no repeats."""
    unknown = [m for m in metrics if m not in METRICS]
    if unknown:
        raise ValueError(f"unknown metric {unknown[0]!r}, expected some of {', '.join(METRICS)}")
    names = [m for m in dict.fromkeys(metrics) if m != "accuracy" or closed_set]
    if closed_set and "exact" in names and "accuracy" not in names:
        names.insert(names.index("exact") + 1, "accuracy")
    return names


def measure(
    predictions: Sequence[str], references: Sequence[str], metrics: Sequence[str], closed_set: ClosedSet
) -> list[Measured]:
    """Pieces of every sample under every metric; see `score` for arguments and errors."""
    if len(predictions) != len(references):
        raise ValueError(f"{len(predictions)} predictions but {len(references)} references")
    if not references:
        raise DataError(
            "expected at least one test sample with a reference to score, found none",
            remedy="raise data.split.test, or name files under data.test",
        )
    measured = []
    for name in metric_names(metrics, closed_set):
        metric = METRICS[name]
        pieces = [metric.score(p, r) for p, r in zip(predictions, references, strict=True)]
        measured.append(Measured(np.asarray(pieces, dtype=np.float64), metric.combine))
        if name == "accuracy":
            measured.append(Measured(label_pieces(predictions, references, closed_set.labels), macro_f1))
    return measured
