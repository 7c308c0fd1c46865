"""Near-duplicates: texts whose character trigrams are much the same."""

from __future__ import annotations

import math
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator

_SHINGLE = 3
_ROUNDING = 1e-9
_GROWTH = 1.25  # shingles are counted anew when there are so many times more texts


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
    ``n - ceil(t * n) + 1`` of each; so only texts that share such a shingle are compared. The rare shingles come first:
    what many texts have in common (请问, 是多少) brings none of them together, and a look-up meets few texts however
    many there are. Of these, the ones are left out whose size, or whose place of the shared shingle, leaves too little.

    Args:
        threshold: Similarity from which two texts are near-duplicates, above 0.
        texts: The first texts. How rare a shingle is, is counted in them, and anew when many more were taken in: what a
            model likes to say (麻烦告诉我一下) is rare at first and frequent soon.

    Source: prefix filtering, Chaudhuri, Ganti and Kaushik, "A primitive operator for similarity joins" (ICDE 2006);
    order by frequency and positions, Xiao et al., "Efficient similarity joins for near duplicate detection" (WWW 2008).
    """

    def __init__(self, threshold: float, texts: Iterable[str] = ()) -> None:
        self.threshold = threshold
        self._sets: list[frozenset[str]] = []
        self._texts: list[str] = []
        self._known: set[frozenset[str]] = set()
        self._by_shingle: dict[str, list[tuple[int, int]]] = defaultdict(list)
        self._count: Counter[str] = Counter()
        self._num_counted = 0
        for text in texts:
            self._take(text)
        self._count_anew()

    def add(self, text: str) -> None:
        """Take a text in."""
        if not self._take(text):
            return
        if len(self._sets) > _GROWTH * self._num_counted:
            self._count_anew()
        else:
            self._post(len(self._sets) - 1)

    def _take(self, text: str) -> bool:
        """Whether it is new; what is near another text of the same shingles is near that one, which came first."""
        found = shingles(text)
        if found in self._known:
            return False
        self._known.add(found)
        self._sets.append(found)
        self._texts.append(text)
        return True

    def _count_anew(self) -> None:
        self._count = Counter(shingle for found in self._sets for shingle in found)
        self._num_counted = len(self._sets)
        self._by_shingle.clear()
        for number in range(len(self._sets)):
            self._post(number)

    def _post(self, number: int) -> None:
        for place, shingle in enumerate(self._prefix(self._sets[number])):
            self._by_shingle[shingle].append((number, place))

    def near(self, text: str) -> str | None:
        """The first text taken in that this one is a near-duplicate of."""
        found = shingles(text)
        for number in sorted(self._candidates(found)):
            if similarity(found, self._sets[number]) >= self.threshold:
                return self._texts[number]
        return None

    def _candidates(self, found: frozenset[str]) -> Iterator[int]:
        """Texts that can be near: what they may share at most, from the first shared shingle on, is enough."""
        size, seen = len(found), set[int]()
        share = self.threshold / (
            1 + self.threshold
        )  # of both sizes together, which the intersection has at least
        for here, shingle in enumerate(self._prefix(found)):
            for number, there in self._by_shingle.get(shingle, ()):
                if number in seen:
                    continue
                seen.add(number)
                other = len(self._sets[number])
                if min(size - here, other - there) >= share * (size + other) - _ROUNDING:
                    yield number

    def _prefix(self, found: frozenset[str]) -> list[str]:
        # The small number keeps a product such as 0.7 * 10 = 7.000000000000001 from rounding up too far.
        least = math.ceil(self.threshold * len(found) - _ROUNDING)
        return sorted(found, key=self._order)[: len(found) - least + 1]

    def _order(self, shingle: str) -> tuple[float, str]:
        """A shingle that was not there when they were counted may be rare or not: it goes between the two."""
        return self._count[shingle] or math.sqrt(self._num_counted), shingle
