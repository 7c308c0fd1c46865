"""Near-duplicates: texts whose character trigrams are much the same."""

from __future__ import annotations

import hashlib
import math
import unicodedata
from collections import defaultdict

_SHINGLE = 3


def shingles(text: str) -> frozenset[str]:
    """Character trigrams without case, width, punctuation and white space; a shorter text is one shingle."""
    plain = "".join(c for c in unicodedata.normalize("NFKC", text).casefold() if c.isalnum())
    if len(plain) <= _SHINGLE:
        return frozenset((plain,))
    return frozenset(plain[k : k + _SHINGLE] for k in range(len(plain) - _SHINGLE + 1))


def similarity(a: frozenset[str], b: frozenset[str]) -> float:
    """Jaccard: what two sets share of all they have."""
    return len(a & b) / len(a | b)


class NearIndex:
    """Texts, and whether another is a near-duplicate of one of them. Exact, not an estimate.

    Two sets with a Jaccard similarity of at least t share, in any fixed order of the shingles, one of the first
    ``n - ceil(t * n) + 1`` of each; so only texts that share such a shingle are compared.

    Args:
        threshold: Similarity from which two texts are near-duplicates, above 0.

    Source: prefix filtering, Chaudhuri, Ganti and Kaushik, "A primitive operator for similarity joins" (ICDE 2006).
    """

    def __init__(self, threshold: float) -> None:
        self.threshold = threshold
        self._sets: list[frozenset[str]] = []
        self._texts: list[str] = []
        self._by_shingle: dict[str, list[int]] = defaultdict(list)

    def add(self, text: str) -> None:
        """Take a text in."""
        found = shingles(text)
        for shingle in self._prefix(found):
            self._by_shingle[shingle].append(len(self._sets))
        self._sets.append(found)
        self._texts.append(text)

    def near(self, text: str) -> str | None:
        """The first text taken in that this one is a near-duplicate of."""
        found = shingles(text)
        candidates = {n for shingle in self._prefix(found) for n in self._by_shingle.get(shingle, ())}
        close = (n for n in sorted(candidates) if similarity(found, self._sets[n]) >= self.threshold)
        number = next(close, None)
        return None if number is None else self._texts[number]

    def _prefix(self, found: frozenset[str]) -> list[str]:
        # The small number keeps a product such as 0.7 * 10 = 7.000000000000001 from rounding up too far.
        least = math.ceil(self.threshold * len(found) - 1e-9)
        return sorted(found, key=_order)[: len(found) - least + 1]


def _order(shingle: str) -> bytes:
    """Any order that is the same on every machine and mixes frequent and rare shingles."""
    return hashlib.blake2b(shingle.encode("utf-8", "surrogatepass"), digest_size=8).digest()
