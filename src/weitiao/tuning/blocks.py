"""Cut a packed row into query blocks that see few keys (the CPU form of interval attention).

A row of many samples is mostly invisible to each query: a sample sees the trunk it shares and itself. Queries that
follow each other mostly see the same keys, so a row is cut where a new branch begins, long runs are cut to skip
their upper triangle, and neighbours are joined again where one larger call is cheaper than two.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

# Cost of one more SDPA call, forward and backward, in (query, key) pairs; measured with 5 to 8 heads of 64.
CALL_PAIRS = 6_000
_LONGEST = 256  # longer runs are cut: the upper triangle of a causal run is then skipped


class Block(NamedTuple):
    """Queries [start, stop) of a row and the keys at least one of them sees."""

    start: int
    stop: int
    keys: tuple[int, ...]

    @property
    def contiguous(self) -> bool:
        """True when the keys are one run, so that no gathering is needed."""
        return self.keys[-1] - self.keys[0] + 1 == len(self.keys)

    @property
    def pairs(self) -> int:
        """Scores that are computed for it."""
        return (self.stop - self.start) * len(self.keys)


def _keys(first: np.ndarray, last: np.ndarray, start: int, stop: int) -> np.ndarray:
    return np.flatnonzero((first < stop) & (last >= start))


def partition(first: Sequence[int], last: Sequence[int]) -> tuple[Block, ...]:
    """Blocks that cover the queries of one row in order.

    Args:
        first: [T] first query that sees key j.
        last: [T] last query that sees key j.

    Returns:
        Blocks with ``stop`` of one = ``start`` of the next; every visible pair lies in exactly one.
    """
    first_, last_ = np.asarray(first), np.asarray(last)
    tokens = len(first_)
    # a branch begins at t where the token before is not visible any more
    starts = [0, *(np.flatnonzero(last_[:-1] < np.arange(1, tokens)) + 1).tolist()]
    cuts: list[int] = []
    for start, stop in zip(starts, [*starts[1:], tokens], strict=True):
        pieces = -(-(stop - start) // _LONGEST)
        cuts += [start + (stop - start) * k // pieces for k in range(pieces)]
    joined: list[tuple[int, int]] = []
    cost = 0
    for start, stop in zip(cuts, [*cuts[1:], tokens], strict=True):
        own = (stop - start) * len(_keys(first_, last_, start, stop)) + CALL_PAIRS
        if joined:
            before = joined[-1][0]
            both = (stop - before) * len(_keys(first_, last_, before, stop)) + CALL_PAIRS
            if both <= cost + own:
                joined[-1] = (before, stop)
                cost = both
                continue
        joined.append((start, stop))
        cost = own
    return tuple(Block(a, b, tuple(_keys(first_, last_, a, b).tolist())) for a, b in joined)


def worthwhile(blocks: Sequence[Sequence[Block]], rows: int, tokens: int) -> bool:
    """Whether blocks cost less than one dense call over all rows."""
    sparse = sum(block.pairs + CALL_PAIRS for row in blocks for block in row)
    return sparse < rows * tokens * tokens + CALL_PAIRS
