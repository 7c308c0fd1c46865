"""Near-duplicates: candidates by MinHash over Chinese-aware shingles, each pair then looked at closely.

Two texts are near when they ask the same thing in other words of courtesy, or are long and differ in a few
characters. Questions of one template that differ in a name, a year or a number are not near: they are other questions.
"""

from __future__ import annotations

from collections.abc import Sequence

from weitiao.data.check.text import fold, numbers_of, shingles, skeleton

_PERMUTATIONS = 64
_THRESHOLD = 0.85  # of the candidates
_LONG = 80  # characters from which a few different ones do not count
_RATIO = 0.97
_MIN_SKELETON = 4
_MAX_BUCKET = 40  # neighbours of one text that are looked at


def near_groups(texts: Sequence[str]) -> list[list[int]]:
    """Numbers of texts that are near each other but not all equal, groups in order of appearance.

    Args:
        texts: Prompts without what all of them share.
    """
    parent = list(range(len(texts)))
    first: dict[str, int] = {}
    skeletons = [skeleton(text) for text in texts]
    for number, key in enumerate(skeletons):
        if len(key) >= _MIN_SKELETON:
            _join(parent, number, first.setdefault(key, number))
    _join_long(texts, parent)
    groups: dict[int, list[int]] = {}
    for number in range(len(texts)):
        groups.setdefault(_root(parent, number), []).append(number)
    return [g for g in groups.values() if len(g) > 1 and len({texts[k] for k in g}) > 1]


def _join_long(texts: Sequence[str], parent: list[int]) -> None:
    """Join long texts that differ in a few characters."""
    folded = {k: fold(text) for k, text in enumerate(texts) if len(text) >= _LONG}
    by_text: dict[str, list[int]] = {}
    for number, text in folded.items():
        by_text.setdefault(text, []).append(number)
    for same in by_text.values():
        for number in same[1:]:
            _join(parent, same[0], number)
    distinct = [(same[0], text) for text, same in by_text.items()]
    if len(distinct) < 2:
        return
    from datasketch import MinHash, MinHashLSH
    from rapidfuzz import fuzz

    index = MinHashLSH(threshold=_THRESHOLD, num_perm=_PERMUTATIONS)
    minhashes = MinHash.generator(
        ([piece.encode() for piece in shingles(text)] for _, text in distinct), num_perm=_PERMUTATIONS
    )
    numbers = {number: numbers_of(text) for number, text in distinct}
    for (number, text), minhash in zip(distinct, minhashes, strict=True):
        candidates: list[int] = [int(str(key)) for key in index.query(minhash)]
        for other in sorted(candidates)[:_MAX_BUCKET]:
            alike = numbers[number] == numbers[other]
            if alike and fuzz.ratio(text, folded[other], score_cutoff=_RATIO * 100):
                _join(parent, number, other)
        index.insert(number, minhash)


def _root(parent: list[int], number: int) -> int:
    while parent[number] != number:
        parent[number] = parent[parent[number]]
        number = parent[number]
    return number


def _join(parent: list[int], left: int, right: int) -> None:
    a, b = _root(parent, left), _root(parent, right)
    parent[max(a, b)] = min(a, b)
