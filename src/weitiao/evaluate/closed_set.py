"""Whether answers form a closed set of labels, and what is then measured besides accuracy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weitiao.evaluate.normalise import normalise

MAX_LABELS = 50
MAX_LABEL_LENGTH = 20
MIN_PER_LABEL = 3
CLOSED_SET_RULE = (
    "References are a closed set of labels when, after normalisation, there are "
    f"2 to {MAX_LABELS} different ones, none longer than {MAX_LABEL_LENGTH} characters, "
    f"and on average at least {MIN_PER_LABEL} samples for each."
)


@dataclass(frozen=True, slots=True)
class ClosedSet:
    """What was found out about the references.

    Attributes:
        labels: The labels in sorted order; empty when the references are no closed set.
        reason: One sentence: why they are, or are not.
    """

    labels: tuple[str, ...]
    reason: str

    def __bool__(self) -> bool:
        return bool(self.labels)


def find_closed_set(references: Sequence[str]) -> ClosedSet:
    """Apply the rule `CLOSED_SET_RULE` to the references of a test set."""
    labels = sorted({normalise(r) for r in references})
    longest = max((len(label) for label in labels), default=0)
    n = len(references)
    if len(labels) < 2:
        return ClosedSet((), f"all {n} references are the same")
    if len(labels) > MAX_LABELS:
        return ClosedSet((), f"{len(labels)} different references, more than {MAX_LABELS}")
    if longest > MAX_LABEL_LENGTH:
        return ClosedSet((), f"a reference of {longest} characters, longer than {MAX_LABEL_LENGTH}")
    if n < MIN_PER_LABEL * len(labels):
        return ClosedSet(
            (), f"{n} references with {len(labels)} different ones, fewer than {MIN_PER_LABEL} for each"
        )
    return ClosedSet(tuple(labels), f"{len(labels)} labels over {n} references")


def confusion_matrix(
    predictions: Sequence[str], references: Sequence[str], labels: Sequence[str]
) -> NDArray[np.int64]:
    """Count answers by label.

    Args:
        predictions: Answers, normalised here.
        references: References, each normalising to one of ``labels``.
        labels: The closed set, K labels.

    Returns:
        [K, K + 1]; rows are references, columns predictions, the last column is any other answer.
    """
    number = {label: k for k, label in enumerate(labels)}
    matrix = np.zeros((len(labels), len(labels) + 1), dtype=np.int64)
    for prediction, reference in zip(predictions, references, strict=True):
        matrix[number[normalise(reference)], number.get(normalise(prediction), len(labels))] += 1
    return matrix


def label_pieces(
    predictions: Sequence[str], references: Sequence[str], labels: Sequence[str]
) -> NDArray[np.float64]:
    """Pieces of macro F1, [N, 2K]: for each label, given and right (0, 1); given plus wanted (0 to 2)."""
    number = {label: k for k, label in enumerate(labels)}
    pieces = np.zeros((len(references), 2 * len(labels)))
    for row, prediction, reference in zip(pieces, predictions, references, strict=True):
        wanted, given = number[normalise(reference)], number.get(normalise(prediction))
        row[len(labels) + wanted] += 1
        if given is not None:
            row[len(labels) + given] += 1
            row[wanted] += given == wanted
    return pieces


def macro_f1(sums: NDArray[np.float64], n: int) -> dict[str, NDArray[np.float64]]:
    """Mean F1 over the labels that occur in a resample; sums [..., 2K] -> [...]."""
    labels = sums.shape[-1] // 2
    right, seen = sums[..., :labels], sums[..., labels:]
    f1 = 2 * right / np.maximum(seen, 1)
    return {"macro_f1": f1.sum(axis=-1) / np.maximum((seen > 0).sum(axis=-1), 1)}


def describe_confusion(
    predictions: Sequence[str], references: Sequence[str], labels: Sequence[str]
) -> dict[str, Any]:
    """The confusion matrix with precision, recall and F1 of each label, for ``report.json``."""
    matrix = confusion_matrix(predictions, references, labels)
    right, wanted, given = matrix.diagonal(), matrix.sum(axis=1), matrix[:, :-1].sum(axis=0)
    per_label = [
        {
            "label": label,
            "precision": float(right[k] / given[k]) if given[k] else 0.0,
            "recall": float(right[k] / wanted[k]) if wanted[k] else 0.0,
            "f1": float(2 * right[k] / (given[k] + wanted[k])) if given[k] + wanted[k] else 0.0,
            "support": int(wanted[k]),
        }
        for k, label in enumerate(labels)
    ]
    return {"labels": list(labels), "matrix": matrix.tolist(), "per_label": per_label}
