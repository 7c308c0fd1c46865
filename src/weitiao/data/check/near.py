"""Near-duplicates: candidates by MinHash over Chinese-aware shingles, each pair then looked at closely.

Two texts are near when they ask the same thing in other words of courtesy or with one part moved, or are long and
differ in a few characters. Questions of one template that differ in a name, a year or a number are not near: they are
other questions, and so are a text with one question and the same text with another.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from os.path import commonprefix

from weitiao.data.check.finding import short
from weitiao.data.check.text import fold, numbers_of, shingles, skeleton

_PERMUTATIONS = 64
_BANDS, _BAND = 10, 6  # a pair that shares 0.87 of its pieces is looked at with a probability of 0.997
LONG = 80
"""Characters from which a few different ones do not count."""
_RATIO = 0.97
_SWAPPED = 3  # characters in one place that others may stand for
_WORD = re.compile(r"\d+|[^\W\d_\u3400-\u9fff]+|.")
_TOKEN = re.compile(r"[^\W\d_\u3400-\u9fff]+|\S")
_MIN_SKELETON = 4
_MAX_MOVED = 200
_MIN_MOVED = 8  # characters: parts of shorter texts mean something else in another place
_MAX_BUCKET = 40  # neighbours of one text that are looked at


def near_groups(texts: Sequence[str], details: Sequence[frozenset[str]] | None = None) -> list[list[int]]:
    """Numbers of texts that are near each other but not all equal, groups in order of appearance.

    Args:
        texts: Prompts without what all of them share.
        details: Of each text, short parts of it of which each one counts (the question about a long text).
    """
    parent = list(range(len(texts)))
    first: dict[str, int] = {}
    skeletons = [skeleton(text) for text in texts]
    for number, key in enumerate(skeletons):
        if len(key) >= _MIN_SKELETON:
            _join(parent, number, first.setdefault(key, number))
    _join_moved(skeletons, parent)
    _join_long(texts, details or [frozenset()] * len(texts), parent)
    groups: dict[int, list[int]] = {}
    for number in range(len(texts)):
        groups.setdefault(_root(parent, number), []).append(number)
    return [g for g in groups.values() if len(g) > 1 and len({texts[k] for k in g}) > 1]


def alike(texts: Sequence[str], group: Sequence[int]) -> str:
    """The first three different texts of a group, beside each other."""
    return " ≈ ".join(short(text) for text in list(dict.fromkeys(texts[k] for k in group))[:3])


def _join_moved(skeletons: Sequence[str], parent: list[int]) -> None:
    """Join texts that are equal but for one part that stands in another place."""
    by_words: dict[tuple[str, ...], dict[str, int]] = {}
    for number, key in enumerate(skeletons):
        if len(key) >= _MIN_MOVED:
            by_words.setdefault(tuple(sorted(_WORD.findall(key))), {}).setdefault(key, number)
    for texts in by_words.values():
        for text, number in list(texts.items())[:_MAX_BUCKET]:
            other = next((o for o in texts if o != text and is_moved(o, text)), None)
            if other is not None:
                _join(parent, texts[other], number)


def is_moved(one: str, other: str) -> bool:
    """Whether a part of a text, moved, makes the other text; numbers and words of letters stay whole.

    Example:
        >>> is_moved("2021年远天公司净利润", "远天公司2021年净利润"), is_moved("甲公司收购乙公司", "乙公司收购甲公司")
        (True, False)
    """
    left, right = _WORD.findall(one), _WORD.findall(other)
    size = len(left)
    if sorted(left) != sorted(right) or size > _MAX_MOVED:
        return False
    places = {word: chr(0x100 + k) for k, word in enumerate(dict.fromkeys(left))}
    a, b = ("".join(places[word] for word in words) for words in (left, right))
    start, end = (len(commonprefix(pair)) for pair in ([a, b], [a[::-1], b[::-1]]))  # noqa: RUF071
    return any(
        b[i : size - k] in a[i : size - k] * 2
        for i in range(start, -1, -1)
        for k in range(min(end, size - i), -1, -1)
    )


def _join_long(texts: Sequence[str], details: Sequence[frozenset[str]], parent: list[int]) -> None:
    """Join long texts that differ in a few characters."""
    folded = {k: fold(text) for k, text in enumerate(texts) if len(text) >= LONG}
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

    index = MinHashLSH(num_perm=_PERMUTATIONS, params=(_BANDS, _BAND))
    minhashes = MinHash.generator(
        ([piece.encode() for piece in shingles(text)] for _, text in distinct), num_perm=_PERMUTATIONS
    )
    numbers = {number: numbers_of(text) for number, text in distinct}
    for (number, text), minhash in zip(distinct, minhashes, strict=True):
        candidates: list[int] = [int(str(key)) for key in index.query(minhash)]
        for other in sorted(candidates)[:_MAX_BUCKET]:
            alike = numbers[number] == numbers[other] and details[number] == details[other]
            if (
                alike
                and fuzz.ratio(text, folded[other], score_cutoff=_RATIO * 100)
                and _is_same_but_slips(text, folded[other])
            ):
                _join(parent, number, other)
        index.insert(number, minhash)


def _is_same_but_slips(one: str, other: str) -> bool:
    """Whether nothing longer than a slip of the pen stands in the place of something else; more or less text may."""
    from rapidfuzz.distance import DamerauLevenshtein, Levenshtein

    left, right = _TOKEN.findall(one), _TOKEN.findall(other)
    for step in Levenshtein.opcodes(left, right):
        old = "".join(left[step.src_start : step.src_end])
        new = "".join(right[step.dest_start : step.dest_end])
        if step.tag == "replace" and DamerauLevenshtein.distance(old, new) > _SWAPPED:
            return False
    return True


def _root(parent: list[int], number: int) -> int:
    while parent[number] != number:
        parent[number] = parent[parent[number]]
        number = parent[number]
    return number


def _join(parent: list[int], left: int, right: int) -> None:
    a, b = _root(parent, left), _root(parent, right)
    parent[max(a, b)] = min(a, b)
