"""Which samples share a row: the cheapest of tree, pack and pad under a cost model.

Work is counted in floating point operations: linear layers cost per computed token (padding included), attention
per visible (query, key) pair, and each branch of a row costs a call. Wide rows share more, narrow rows pad less.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from weitiao.pack.tree import inputs_of, order_key, shared_length
from weitiao.types import Rendered

Mode = Literal["auto", "tree", "pack", "pad"]

_BUDGETS = (256, 512, 1024, 2048, 4096, 8192, 16384)


@dataclass(frozen=True, slots=True)
class CostModel:
    """Operations of one training step, forward and backward.

    Attributes:
        per_token: Of a token in all layers, without attention and head.
        per_pair: Of one visible (query, key) pair in all layers.
        per_call: Equivalent of starting one more attention call in all layers.
        prefix: Virtual tokens that every query sees.
    """

    per_token: float
    per_pair: float
    per_call: float = 0.0
    prefix: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """Rows of sample numbers and what they cost.

    Attributes:
        mode: tree, pack or pad.
        rows: Numbers of the samples in each row, in the order in which they are planted.
        tokens: Distinct input tokens in all rows.
        slots: Rows times the longest row: what the linear layers compute.
        cost: By the cost model.
    """

    mode: Literal["tree", "pack", "pad"]
    rows: tuple[tuple[int, ...], ...]
    tokens: int
    slots: int
    cost: float


def _pairs(start: int, stop: int, context: int) -> int:
    """Visible pairs of the tokens at depth start .. stop - 1: each sees its ancestors, its context and itself."""
    both_ways = context * (context - 1) // 2 if start < context else 0
    return (stop * (stop + 1) - start * (start + 1)) // 2 + both_ways


def _fill(
    inputs: Sequence[Sequence[int]], order: Sequence[int], budget: int, shares: Sequence[int]
) -> list[list[int]]:
    """Rows of consecutive samples within a token budget; a longer sample gets a row of its own."""
    rows: list[list[int]] = []
    room = -1
    for place, number in enumerate(order):
        new = len(inputs[number]) - (shares[place] if rows else 0)
        if not rows or new > room:
            rows.append([])
            room, new = max(budget, len(inputs[number])), len(inputs[number])
        rows[-1].append(number)
        room -= new
    return rows


def _measure(
    mode: Literal["tree", "pack", "pad"],
    samples: Sequence[Rendered],
    inputs: Sequence[Sequence[int]],
    rows: Sequence[Sequence[int]],
    share_of: dict[int, int],
    cost: CostModel,
) -> Plan:
    lengths, pairs, calls = [], 0, 0
    for row in rows:
        length = 0
        for place, number in enumerate(row):
            shared = share_of[number] if place else 0
            length += len(inputs[number]) - shared
            pairs += _pairs(shared, len(inputs[number]), samples[number].context)
            calls += len(inputs[number]) > shared
        lengths.append(length)
    slots = len(rows) * max(lengths)
    pairs += cost.prefix * slots
    total = slots * cost.per_token + pairs * cost.per_pair + calls * cost.per_call
    return Plan(mode, tuple(tuple(r) for r in rows), sum(lengths), slots, total)


def _candidates(
    samples: Sequence[Rendered], mode: Mode, row_tokens: int | None, cost: CostModel
) -> Iterator[Plan]:
    inputs = [inputs_of(s) for s in samples]
    longest, total = max(map(len, inputs)), sum(map(len, inputs))
    budgets = [row_tokens] if row_tokens else [b for b in _BUDGETS if longest <= b < total] + [total]
    none = dict.fromkeys(range(len(inputs)), 0)
    if mode in ("auto", "tree"):
        order = sorted(range(len(inputs)), key=lambda n: order_key(samples[n]))
        shares = [0, *(shared_length(samples[a], samples[b]) for a, b in pairwise(order))]
        share_of = dict(zip(order, shares, strict=True))
        for budget in budgets:
            yield _measure("tree", samples, inputs, _fill(inputs, order, budget, shares), share_of, cost)
    if mode in ("auto", "pack"):
        order = sorted(range(len(inputs)), key=lambda n: -len(inputs[n]))
        for budget in budgets:
            yield _measure(
                "pack", samples, inputs, _fill(inputs, order, budget, [0] * len(order)), none, cost
            )
    if mode in ("auto", "pad"):
        yield _measure("pad", samples, inputs, [[n] for n in range(len(inputs))], none, cost)


def plan(
    samples: Sequence[Rendered], *, mode: Mode = "auto", row_tokens: int | None = None, cost: CostModel
) -> Plan:
    """Choose rows for the samples of one batch.

    Args:
        samples: At least one.
        mode: auto takes the cheapest of all, the others are tried with every row budget.
        row_tokens: Token budget of a row; None lets the cost model choose.
        cost: Cost model of the model that will compute the batch.

    Returns:
        The cheapest plan; it never costs more than padding.
    """
    if not samples:
        raise ValueError("a batch needs at least one sample")
    return min(_candidates(samples, mode, row_tokens, cost), key=lambda p: p.cost)
