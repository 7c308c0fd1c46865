"""The metrics, one file each.

A metric turns a pair of texts into a row of *pieces*, numbers that can be summed over samples, and
computes its values from such sums. Corpus metrics (BLEU) and means then share one bootstrap: a resample
is a weighted sum of rows.

Legend of shapes: N samples, S pieces of a sample, ``...`` any number of resamples.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from weitiao.evaluate.metrics import accuracy, bleu, exact, rouge

Array = NDArray[np.float64]


class Metric(Protocol):
    """What every module of this folder offers."""

    NAMES: tuple[str, ...]
    """Values it computes, as named in ``report.json``."""

    def score(self, prediction: str, reference: str) -> tuple[float, ...]:
        """Pieces of one sample, [S]."""
        ...

    def combine(self, sums: Array, n: int) -> dict[str, Array]:
        """Values [...] by name from sums of pieces [..., S] over n samples."""
        ...

    def aggregate(self, pieces: list[tuple[float, ...]]) -> dict[str, float]:
        """Values by name of a whole test set."""
        ...


METRICS: Mapping[str, Metric] = {"exact": exact, "bleu": bleu, "rouge": rouge, "accuracy": accuracy}
"""The names a recipe may use in ``evaluate.metrics``."""


@dataclass(frozen=True, slots=True)
class Title:
    """How a value is shown.

    Attributes:
        title: Name for people.
        scale: What a perfect answer gets: 1 or 100.
        what: One sentence on how it is computed.
    """

    title: str
    scale: int
    what: str


_CORPUS = "BLEU-4 over the whole test set with sacrebleu (smoothing `exp`, effective order)"
_ROUGE = (
    "f-measure, mean over samples; jieba words as rouge-chinese counts them where the reference holds "
    "Chinese characters, else rouge-score"
)
TITLES: Mapping[str, Title] = {
    "exact": Title("Exact match", 1, "Share of answers equal to the reference after normalisation."),
    "accuracy": Title("Label accuracy", 1, "Share of answers that are the right label of the closed set."),
    "macro_f1": Title("Macro F1", 1, "F1 of each label, mean over the labels, rare ones counting fully."),
    "bleu_char": Title("BLEU-4, characters", 100, f"{_CORPUS}; tokens `zh`: every Chinese character."),
    "bleu_jieba": Title("BLEU-4, words", 100, f"{_CORPUS}; tokens are the words jieba finds."),
    "rouge_1": Title("ROUGE-1", 1, f"Shared words: {_ROUGE}."),
    "rouge_2": Title("ROUGE-2", 1, f"Shared pairs of words: {_ROUGE}."),
    "rouge_l": Title("ROUGE-L", 1, f"Longest common subsequence: {_ROUGE}."),
}
"""Every value a report can hold, by its name in ``report.json``."""

__all__ = ["METRICS", "TITLES", "Array", "Metric", "Title"]
