"""Rows that resemble a row: character n-grams weighted by how rare they are (TF-IDF), which needs no word borders."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

_TOGETHER = 256  # rows compared at once with all others: what they share is a matrix of its own
_LEAST = 0.15  # cosine below which two texts have nothing in common but phrases


class Neighbour(NamedTuple):
    """A row that resembles another.

    Attributes:
        number: Which row.
        similarity: Cosine of the two texts, 0 to 1.
    """

    number: int
    similarity: float


class Neighbours:
    """Finds the rows nearest to one.

    Args:
        texts: [N] prompts without what all of them share.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        from sklearn.feature_extraction.text import TfidfVectorizer

        vectorizer = TfidfVectorizer(analyzer="char", ngram_range=(1, 3), sublinear_tf=True, dtype=np.float32)  # type: ignore[arg-type]
        try:
            self._rows = vectorizer.fit_transform(texts)
        except ValueError:  # no text has a character in it
            self._rows = None

    def of(self, numbers: Sequence[int], count: int) -> list[list[Neighbour]]:
        """The nearest other rows of each row, nearest first; equal similarities in the order of the rows.

        Args:
            numbers: Rows whose neighbours are wanted.
            count: At most so many of each.
        """
        if self._rows is None or not len(numbers):
            return [[] for _ in numbers]
        found: list[list[Neighbour]] = []
        for begin in range(0, len(numbers), _TOGETHER):
            some = list(numbers[begin : begin + _TOGETHER])
            similar = (self._rows[some] @ self._rows.T).tocsr()
            found += [self._nearest(similar, k, number, count) for k, number in enumerate(some)]
        return found

    @staticmethod
    def _nearest(similar: object, k: int, number: int, count: int) -> list[Neighbour]:
        row = similar[k]  # type: ignore[index]
        near = row.data >= _LEAST
        found = sorted(
            (-float(v), int(n)) for n, v in zip(row.indices[near], row.data[near], strict=True) if n != number
        )
        return [Neighbour(n, round(-v, 3)) for v, n in found[:count]]


def groups(near: Sequence[Sequence[Neighbour]], numbers: Sequence[int], least: float = 0.6) -> list[int]:
    """Which of some rows belong together: a group number for each, groups counted from 0 in order of appearance.

    Args:
        near: Neighbours of each row.
        numbers: The rows.
        least: Similarity from which two of them belong together.
    """
    place = {number: k for k, number in enumerate(numbers)}
    parent = list(range(len(numbers)))

    def root(k: int) -> int:
        while parent[k] != k:
            k = parent[k]
        return k

    for k, found in enumerate(near):
        for other, similarity in found:
            if other in place and similarity >= least:
                a, b = root(k), root(place[other])
                parent[max(a, b)] = min(a, b)
    roots = [root(k) for k in range(len(numbers))]
    names = {r: n for n, r in enumerate(dict.fromkeys(roots))}
    return [names[r] for r in roots]
