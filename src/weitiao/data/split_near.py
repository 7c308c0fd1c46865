"""Near-duplicate prompts by MinHash, for splits that keep them together. Memory: some 400 bytes a row.

What many prompts share (an instruction, a template) does not count, or all rows would be near each other. Which
trigrams these are is learnt from the prompts with the smallest hashes, so that the order of the rows does not matter.

Source: Broder 1997 (resemblance), Li & Koenig 2010 (a few bits of each minimum are enough for the estimate).
"""

from __future__ import annotations

import heapq
import zlib
from collections import Counter
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from weitiao.types import Example

_PERMUTATIONS = 128
_FOUND = 0.99  # chance that two texts of just the wanted similarity are compared at all
_SAMPLE, _COMMON_SHARE, _MIN_SAMPLE = 256, 0.2, 30
_NEIGHBOURS = 64  # texts of a band's bucket that one is compared with
_BLOCK = 1 << 16  # pairs compared at once
_rng = np.random.default_rng(20)
_FACTORS = _rng.integers(2**63, size=_PERMUTATIONS, dtype=np.uint64) | np.uint64(1)
_TERMS = _rng.integers(2**63, size=_PERMUTATIONS, dtype=np.uint64)


def near_pairs(examples: Iterable[Example], similarity: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pairs of rows whose prompts share at least ``similarity`` of their trigrams; enough of them to connect all.

    Args:
        examples: Gone through twice.
        similarity: Jaccard similarity, above 0 and at most 1; it is estimated, with an error of some 0.04.

    Raises:
        TypeError: The examples can be gone through once only.
    """
    if iter(examples) is examples:
        raise TypeError("near-duplicates need examples that can be gone through again, not an iterator")
    rows = _rows_of_band(similarity)
    common = _common(examples)
    signatures, bands = bytearray(), bytearray()
    for example in examples:
        minima = _minima(_text(example), common)
        signatures += (minima & np.uint64(0xFF)).astype(np.uint8).tobytes()
        bands += _bands(minima, rows).tobytes()
    return _pairs(
        np.frombuffer(bytes(signatures), dtype=np.uint8).reshape(-1, _PERMUTATIONS),
        np.frombuffer(bytes(bands), dtype=np.uint64).reshape(-1, _PERMUTATIONS // rows),
        similarity,
    )


def _rows_of_band(similarity: float) -> int:
    """The longest bands with which near texts are still found."""
    chances = {r: 1 - (1 - similarity**r) ** (_PERMUTATIONS // r) for r in range(1, 17)}
    return max((r for r, chance in chances.items() if chance >= _FOUND), default=1)


def _text(example: Example) -> str:
    return "\n".join(message.content for message in example.prompt)


def _common(examples: Iterable[Example]) -> frozenset[str]:
    """Trigrams that a good part of the prompts have."""
    from weitiao.data.augment.near import shingles

    kept: list[tuple[int, str]] = []  # a heap of the smallest hashes, the largest of them first
    seen: set[int] = set()
    for example in examples:
        text = _text(example)
        number = -zlib.crc32(text.encode("utf-8", "surrogatepass"))
        if number in seen:
            continue
        if len(kept) < _SAMPLE:
            heapq.heappush(kept, (number, text))
        elif number > kept[0][0]:
            seen.discard(heapq.heapreplace(kept, (number, text))[0])
        else:
            continue
        seen.add(number)
    if len(kept) < _MIN_SAMPLE:
        return frozenset()
    counts = Counter(shingle for _, text in kept for shingle in shingles(text))
    return frozenset(shingle for shingle, n in counts.items() if n >= _COMMON_SHARE * len(kept))


def _minima(text: str, common: frozenset[str]) -> NDArray[np.uint64]:
    """[P] smallest hash under each permutation."""
    from weitiao.data.augment.near import shingles

    found = shingles(text)
    own = (found - common) or found
    hashed = np.fromiter(
        (zlib.crc32(piece.encode("utf-8", "surrogatepass")) for piece in own), dtype=np.uint64, count=len(own)
    )
    minima = np.full(_PERMUTATIONS, 2**64 - 1, dtype=np.uint64)
    for start in range(0, len(hashed), 4096):
        block = hashed[start : start + 4096, None] * _FACTORS + _TERMS
        minima = np.minimum(minima, (block >> np.uint64(32)).min(axis=0))
    return minima


def _bands(minima: NDArray[np.uint64], rows: int) -> NDArray[np.uint64]:
    count = _PERMUTATIONS // rows
    pieces = minima[: count * rows].reshape(count, rows)
    return (pieces * _FACTORS[:rows] + _TERMS[:rows]).sum(axis=1, dtype=np.uint64)


def _pairs(
    signatures: NDArray[np.uint8], bands: NDArray[np.uint64], similarity: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pairs of near rows.

    Args:
        signatures: [N, P] lowest eight bits of every minimum.
        bands: [N, B].
        similarity: Wanted.
    """
    distinct, first, code = np.unique(signatures, axis=0, return_index=True, return_inverse=True)
    code = code.reshape(-1)
    left, right = [first[code]], [np.arange(len(signatures))]  # equal signatures
    for column in bands[first].T:
        order = np.lexsort((np.arange(len(distinct)), column))
        for shift in range(1, min(_NEIGHBOURS, len(order))):
            same = np.flatnonzero(column[order[:-shift]] == column[order[shift:]])
            if not len(same):
                break
            a, b = order[same], order[same + shift]
            near = _are_near(distinct, a, b, similarity)
            left.append(first[a[near]])
            right.append(first[b[near]])
    return np.concatenate(left).astype(np.int64), np.concatenate(right).astype(np.int64)


def _are_near(
    signatures: NDArray[np.uint8], a: NDArray[np.int64], b: NDArray[np.int64], similarity: float
) -> NDArray[np.bool_]:
    found = np.zeros(len(a), dtype=bool)
    for start in range(0, len(a), _BLOCK):
        block = slice(start, start + _BLOCK)
        alike = (signatures[a[block]] == signatures[b[block]]).mean(axis=1)
        found[block] = (alike - 1 / 256) / (1 - 1 / 256) >= similarity - 1e-9
    return found
