"""ROUGE-1, -2 and -L (f-measure, mean over samples), Chinese and English.

A reference with a Chinese character is scored on jieba words as rouge-chinese does it, any other one on
lower-cased alphanumeric words as rouge-score does it (no stemming). The values are those of the libraries;
only the longest common subsequence is computed here, because both fill a Python table of N x M cells, which
takes seconds on answers of a thousand words. An answer without a word scores 0 (rouge-chinese raises there).

Source: Lin 2004, sections 2 and 3; rouge-chinese 1.0.3; rouge-score 0.1.2.
"""

from __future__ import annotations

import functools
import warnings
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weitiao.data.words import cut, has_han

NAMES: tuple[str, ...] = ("rouge_1", "rouge_2", "rouge_l")


def score(prediction: str, reference: str) -> tuple[float, ...]:
    """F-measures (ROUGE-1, ROUGE-2, ROUGE-L) of one sample, each 0 to 1."""
    return _chinese(prediction, reference) if has_han(reference) else _english(prediction, reference)


def combine(sums: NDArray[np.float64], n: int) -> dict[str, NDArray[np.float64]]:
    """Means; sums [..., 3] -> three times [...]."""
    return {name: sums[..., k] / n for k, name in enumerate(NAMES)}


def aggregate(pieces: Sequence[tuple[float, ...]]) -> dict[str, float]:
    """Means over a test set, each 0 to 1."""
    return {name: sum(p[k] for p in pieces) / len(pieces) for k, name in enumerate(NAMES)}


@functools.cache
def _libraries() -> tuple[Any, Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecated escapes in rouge-chinese
        from rouge_chinese import Rouge
        from rouge_score.tokenizers import DefaultTokenizer
    return Rouge(), DefaultTokenizer(use_stemmer=False)


def _chinese_words(text: str) -> list[str]:
    """Words as rouge-chinese gets them: cut into sentences, white space collapsed, split at spaces."""
    sentences = _libraries()[0].cut_sent(" ".join(cut(text)))
    return [word for s in sentences if s for word in " ".join(s.split()).split(" ")]


def _chinese(prediction: str, reference: str) -> tuple[float, ...]:
    found, wanted = _chinese_words(prediction), _chinese_words(reference)
    if not found or not wanted:
        return (0.0, 0.0, 0.0)
    shared = []
    for order in (1, 2):
        a, b = set(_ngrams(found, order)), set(_ngrams(wanted, order))  # types, not occurrences
        shared.append(_f_measure(len(a & b), len(a), len(b), epsilon=1e-8))
    lcs = _f_measure(lcs_length(found, wanted), len(found), len(wanted), epsilon=1e-8)
    return (*shared, lcs)


def _english(prediction: str, reference: str) -> tuple[float, ...]:
    tokenize = _libraries()[1].tokenize
    found, wanted = tokenize(prediction), tokenize(reference)
    shared = []
    for order in (1, 2):
        a, b = Counter(_ngrams(found, order)), Counter(_ngrams(wanted, order))
        shared.append(_f_measure((a & b).total(), a.total(), b.total()))
    return (*shared, _f_measure(lcs_length(found, wanted), len(found), len(wanted)))


def _ngrams(words: Sequence[str], order: int) -> list[tuple[str, ...]]:
    return [tuple(words[k : k + order]) for k in range(len(words) - order + 1)]


def _f_measure(shared: int, found: int, wanted: int, *, epsilon: float = 0.0) -> float:
    """F1; ``epsilon`` is what rouge-chinese adds to the denominator."""
    if not shared:
        return 0.0
    precision, recall = shared / found, shared / wanted
    return 2 * precision * recall / (precision + recall + epsilon)


def lcs_length(a: Sequence[str], b: Sequence[str]) -> int:
    """Length of the longest common subsequence, with one big integer as a row of bits.

    Example:
        >>> lcs_length("abcbdab", "bdcaba")
        4

    Source: Hyyrö 2004, "Bit-parallel LCS-length computation revisited", fig. 2.
    """
    positions: dict[str, int] = {}
    for k, word in enumerate(a):
        positions[word] = positions.get(word, 0) | (1 << k)
    full = (1 << len(a)) - 1
    row = full
    for word in b:
        hit = row & positions.get(word, 0)
        row = ((row + hit) | (row - hit)) & full
    return len(a) - row.bit_count()
