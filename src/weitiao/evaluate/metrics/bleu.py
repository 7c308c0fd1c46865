"""BLEU-4 over a test set, on characters and on jieba words.

Values are sacrebleu's, 0 to 100, with ``tokenize="zh"`` (`bleu_char`: every Chinese character is a token,
other text as in `13a`) and with jieba words joined by spaces and ``tokenize="none"`` (`bleu_jieba`), both
with ``effective_order=True``: where no answer of the whole set has four tokens (labels, yes/no), the highest
order that occurs is used instead of calling a perfect result 0. In every other case this equals sacrebleu's
default.

Pieces of a sample: for each of the two tokenisations [hypothesis length, reference length, matches of
order 1 to 4, totals of order 1 to 4].

Source: Papineni et al. 2002, eq. for BP and BLEU in section 2.3; Post 2018 (sacrebleu).
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weitiao.data.words import cut

NAMES: tuple[str, ...] = ("bleu_char", "bleu_jieba")
ORDERS = 4
_PIECES = 2 + 2 * ORDERS


@functools.cache
def _scorer(tokenize: str) -> Any:
    from sacrebleu.metrics.bleu import BLEU

    return BLEU(tokenize=tokenize, effective_order=True)


def _counts(tokenize: str, prediction: str, reference: str) -> tuple[float, ...]:
    found = _scorer(tokenize).sentence_score(prediction, [reference])
    return (found.sys_len, found.ref_len, *found.counts, *found.totals)


def score(prediction: str, reference: str) -> tuple[float, ...]:
    """Counts of one sample for both tokenisations, [20]."""
    words = _counts("none", " ".join(cut(prediction)), " ".join(cut(reference)))
    return _counts("zh", prediction, reference) + words


def combine(sums: NDArray[np.float64], n: int) -> dict[str, NDArray[np.float64]]:
    """BLEU [...] from summed counts [..., 20]; ``n`` plays no part in a corpus metric."""
    return {
        name: _bleu(sums[..., k * _PIECES : (k + 1) * _PIECES].astype(np.float64))
        for k, name in enumerate(NAMES)
    }


def aggregate(pieces: Sequence[tuple[float, ...]]) -> dict[str, float]:
    """Both BLEU values of a test set, 0 to 100."""
    values = combine(np.asarray(pieces, dtype=np.float64).sum(axis=0), len(pieces))
    return {name: float(value) for name, value in values.items()}


def _bleu(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """[..., 10] -> [...], as sacrebleu computes it with `exp` smoothing and effective order."""
    hypothesis, reference = sums[..., 0], sums[..., 1]
    matches, totals = sums[..., 2 : 2 + ORDERS], sums[..., 2 + ORDERS :]
    smoothing = np.ones_like(hypothesis)
    logs = np.zeros_like(hypothesis)
    for order in range(ORDERS):
        match, total = matches[..., order], totals[..., order]
        missed = (total > 0) & (match == 0)
        smoothing = np.where(missed, 2 * smoothing, smoothing)
        precision = np.where(missed, 1 / smoothing, match) / np.maximum(total, 1)
        logs += np.where(total > 0, np.log(np.where(total > 0, precision, 1.0)), 0.0)
    effective = np.maximum((totals > 0).sum(axis=-1), 1)
    brevity = np.exp(np.minimum(0.0, 1 - reference / np.maximum(hypothesis, 1)))
    value = 100 * brevity * np.exp(logs / effective)
    return np.where(matches.sum(axis=-1) > 0, np.minimum(value, 100.0), 0.0)
