"""Who falls into which part or fold, from the numbers of components. Legend: C components, N rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from weitiao.data.split_keys import Hashes, Numbers

TRAIN, DEV, TEST = 0, 1, 2
_EQUAL = 1e-6  # rows owed that differ by less are the same: what sums of shares leave over decides nothing
PartNumbers = NDArray[np.int8]
FoldNumbers = NDArray[np.int64]


class Span(NamedTuple):
    """The numbers, of [0, 1), that make a component fall into a part."""

    part: int
    low: float
    high: float


class Dealt(NamedTuple):
    """Parts [C], and how many components were lent to a part that their class lacked."""

    parts: PartNumbers
    num_lent: int


def spans(dev: float, test: float) -> list[Span]:
    """``0 ... test ... test + dev ... 1``; a part without a share has none."""
    cuts = [Span(TEST, 0.0, test), Span(DEV, test, test + dev), Span(TRAIN, test + dev, 1.0)]
    return [span for span in cuts if span.high > span.low]


def by_number(numbers: Numbers, dev: float, test: float) -> PartNumbers:
    """[C] the part that each number says."""
    parts = np.full(len(numbers), TRAIN, dtype=np.int8)
    parts[numbers < test + dev] = DEV
    parts[numbers < test] = TEST
    return parts


def by_shares(
    numbers: Numbers, sizes: NDArray[np.int64], strata: Hashes | None, shares: Sequence[float]
) -> NDArray[np.int64]:
    """[C] which share each component falls to, so that rows are as the shares say, in every class and in all.

    Class by class, the largest components first, each goes where most rows are owed. What is owed at the end of a
    class goes on to the next, so that many small classes do not all round the same way.

    Args:
        numbers: [C] decide between components of equal size.
        sizes: [C] rows of each.
        strata: [C] classes, or None.
        shares: Sum to 1.
    """
    keys = [numbers, -sizes] if strata is None else [numbers, -sizes, strata]
    order = np.lexsort(keys)
    owed = [0.0] * len(shares)
    dealt = np.empty(len(numbers), dtype=np.int64)
    for component, size in zip(order.tolist(), sizes[order].tolist(), strict=True):
        owed = [rows + share * size for rows, share in zip(owed, shares, strict=True)]
        most = max(owed)
        place = next(k for k, rows in enumerate(owed) if rows > most - _EQUAL)
        owed[place] -= size
        dealt[component] = place
    return dealt


def lend(parts: PartNumbers, numbers: Numbers, strata: Hashes, wanted: Sequence[Span]) -> Dealt:
    """Give every class that has enough components one in every part.

    A class that has one in every part by itself is left alone, so it never moves when it grows. Of the others the
    component whose number is nearest to the part's span is lent, from a part that keeps one.

    Args:
        parts: [C] by number.
        numbers: [C].
        strata: [C] class of each.
        wanted: The parts that there are.
    """
    parts = parts.copy()
    num_lent = 0
    order = np.argsort(strata, kind="stable")
    starts = np.flatnonzero(np.concatenate([[True], np.diff(strata[order]) > 0])) if len(order) else []
    for members in np.split(order, starts[1:]):
        if len(members) < len(wanted):
            continue
        for span in wanted:
            counts = np.bincount(parts[members], minlength=3)
            if counts[span.part]:
                continue
            donors = members[counts[parts[members]] > 1]
            far = np.maximum(span.low - numbers[donors], numbers[donors] - span.high)
            parts[donors[np.lexsort((numbers[donors], far))[0]]] = span.part
            num_lent += 1
    return Dealt(parts, num_lent)


def by_time(times: Numbers, dev_from: float, test_from: float) -> PartNumbers:
    """[C] the part that each time says."""
    parts = np.full(len(times), TRAIN, dtype=np.int8)
    parts[times >= dev_from] = DEV
    parts[times >= test_from] = TEST
    return parts


def fold_of(numbers: Numbers, folds: int, strata: Hashes | None) -> FoldNumbers:
    """[C] fold of each component, from 0.

    By hash a fold is a part of the numbers, so new rows move no old one. With classes the components are dealt one
    by one, class by class in the order of their numbers: of every class, and in all, two folds differ by at most one
    component, and new rows may move old ones.

    Args:
        numbers: [C].
        folds: How many.
        strata: [C] classes, or None for folds by hash.
    """
    if strata is None:
        return np.minimum((numbers * folds).astype(np.int64), folds - 1)
    dealt = np.empty(len(numbers), dtype=np.int64)
    dealt[np.lexsort((numbers, strata))] = np.arange(len(numbers)) % folds
    return dealt


def of_fold(
    fold_numbers: FoldNumbers, fold: int, folds: int, numbers: Numbers, strata: Hashes | None, dev: float
) -> Dealt:
    """Parts of the run of one fold: its rows are the test part, of the others the share ``dev`` is the dev part.

    The dev part is drawn anew for every fold, so that no row is left out of training in all of them.

    Args:
        fold_numbers: [C] from `fold_of`.
        fold: Which one, from 0.
        folds: How many.
        numbers: [C].
        strata: [C] classes, or None.
        dev: Share of the rows that are not tested.
    """
    turned = (numbers * folds + fold / folds) % 1.0
    parts = by_number(turned, dev, 0.0)
    rest = np.flatnonzero(fold_numbers != fold)
    num_lent = 0
    if dev > 0:  # of few rows none may have fallen into the dev part
        everything = np.zeros(len(rest), dtype=np.uint64)
        for classes in ([] if strata is None else [strata[rest]]) + [everything]:
            parts[rest], more = lend(parts[rest], turned[rest], classes, spans(dev, 0.0))
            num_lent += more
    parts[fold_numbers == fold] = TEST
    return Dealt(parts, num_lent)
