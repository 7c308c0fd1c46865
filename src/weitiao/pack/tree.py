"""Samples that share beginnings, merged so that each distinct token is computed once.

Appending the sorted samples one after another, only their new tokens, is a depth-first walk of their trie. A row
is such a walk. The loss lives on edges (parent node, token): several samples may continue one token differently,
which a shifted ``labels`` tensor cannot express. A token trained in n samples carries weight n.

The last trained token of a sample is a target only, nothing is predicted from it: it takes no place in the row.

A sample may begin with a context whose tokens all see each other (`Rendered.context`). The states of a context depend
on all of it, so it is shared as a whole or not at all; behind it the tree branches as usual.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from weitiao.types import Rendered


@dataclass(frozen=True, slots=True)
class Edge:
    """One prediction: `token` after the node `parent`.

    Attributes:
        parent: Index in the row of the token that it is predicted from.
        token: Id that should come next.
        weight: Sum of the weights of the samples in which it is a target.
        samples: Numbers of these samples (position in the batch).
    """

    parent: int
    token: int
    weight: float
    samples: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a batch, T nodes in depth-first order.

    Attributes:
        ids: [T] token ids.
        depth: [T] place of a token in its sample.
        first: [T] index of the first node that sees j: j itself, or the start of its context.
        last: [T] index of the last node below j; j is visible to i iff ``first[j] <= i <= last[j]``.
        context: [T] how many tokens the context of the token's sample has.
        edges: Targets.
        nodes: Per sample of the row (in the order given): index of its final input node, -1 when it has none.
    """

    ids: tuple[int, ...]
    depth: tuple[int, ...]
    first: tuple[int, ...]
    last: tuple[int, ...]
    context: tuple[int, ...]
    edges: tuple[Edge, ...]
    nodes: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.ids)


def inputs_of(sample: Rendered) -> tuple[int, ...]:
    """The tokens of a sample that something is predicted from: all before its last target.

    A sample without targets (a prompt) is returned whole.

    Raises:
        ValueError: A target inside the context, where it would see itself, or a context longer than the sample.
    """
    if sample.context and (sample.context > len(sample.ids) or any(sample.trained[: sample.context])):
        raise ValueError(
            f"{sample.example_id or 'a sample'}: a context of {sample.context} of {len(sample.ids)} tokens must end "
            "before the first target"
        )
    if not any(sample.trained):
        return sample.ids
    final = len(sample.ids) - 1
    while not sample.trained[final]:
        final -= 1
    return sample.ids[:final]


def common_length(a: Sequence[int], b: Sequence[int]) -> int:
    """How many leading ids two samples share."""
    n = min(len(a), len(b))
    for k in range(n):
        if a[k] != b[k]:
            return k
    return n


def shared_length(a: Rendered, b: Rendered) -> int:
    """How many leading input tokens of two samples are computed once: common ones, but no part of a context."""
    n = common_length(inputs_of(a), inputs_of(b))
    return n if a.context == b.context <= n else 0


def order_key(sample: Rendered) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Sorted by it, samples that share a beginning are neighbours: equal contexts together, then by ids."""
    inputs = inputs_of(sample)
    return inputs[: sample.context], inputs


def plant(samples: Sequence[Rendered], numbers: Sequence[int], *, share: bool = True) -> Row:
    """Merge samples into one row.

    Args:
        samples: Sorted by `order_key` when `share` is True; any order otherwise.
        numbers: Position of each in the batch, for `Edge.samples`.
        share: False puts the samples side by side, each with tokens of its own.

    Returns:
        The row; ``T`` is the number of distinct input tokens (all of them without `share`).

    Example:
        >>> row = plant([Rendered((7, 8, 1), (False, False, True)), Rendered((7, 8, 2), (False, False, True))], [0, 1])
        >>> row.ids, [(e.parent, e.token) for e in row.edges]
        ((7, 8), [(1, 1), (1, 2)])
    """
    ids: list[int] = []
    depth: list[int] = []
    first: list[int] = []
    last: list[int] = []
    context: list[int] = []
    weights: dict[tuple[int, int], float] = {}
    owners: dict[tuple[int, int], list[int]] = {}
    path: list[int] = []  # node of each depth of the sample before
    before: Rendered | None = None
    ends: list[int] = []
    for sample, number in zip(samples, numbers, strict=True):
        inputs = inputs_of(sample)
        shared = shared_length(before, sample) if share and before is not None else 0
        del path[shared:]
        start = len(ids)
        for position in range(shared, len(inputs)):
            path.append(len(ids))
            first.append(start if position < sample.context else len(ids))
            ids.append(inputs[position])
            depth.append(position)
            last.append(0)
            context.append(sample.context)
        ends.append(path[-1] if path else -1)
        for node in path:
            last[node] = len(ids) - 1
        before = sample
        for position, (token, trained) in enumerate(zip(sample.ids, sample.trained, strict=True)):
            if trained:
                edge = (path[position - 1], token)
                weights[edge] = weights.get(edge, 0.0) + sample.weight
                owners.setdefault(edge, []).append(number)
    edges = tuple(Edge(p, t, w, tuple(owners[p, t])) for (p, t), w in weights.items())
    return Row(tuple(ids), tuple(depth), tuple(first), tuple(last), tuple(context), edges, tuple(ends))


def unfold(row: Row) -> list[tuple[int, ...]]:
    """Inverse of `plant`: the input ids of each sample, read back along the visible tokens."""
    out = []
    for end in row.nodes:
        seen = [j for j in range(end + 1) if row.last[j] >= end]
        out.append(tuple(row.ids[j] for j in seen))
    return out
