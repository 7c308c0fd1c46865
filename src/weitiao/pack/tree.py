"""Samples that share beginnings, merged so that each distinct token is computed once.

Appending the sorted samples one after another, only their new tokens, is a depth-first walk of their trie. A row
is such a walk. The loss lives on edges (parent node, token): several samples may continue one token differently,
which a shifted ``labels`` tensor cannot express. A token trained in n samples carries weight n.

The last trained token of a sample is a target only, nothing is predicted from it: it takes no place in the row.
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
        depth: [T] position of a token in its sample.
        last: [T] index of the last node below j; j is visible to i iff ``j <= i <= last[j]``.
        edges: Targets.
        nodes: Per sample of the row (in the order given): index of its final input node, -1 when it has none.
    """

    ids: tuple[int, ...]
    depth: tuple[int, ...]
    last: tuple[int, ...]
    edges: tuple[Edge, ...]
    nodes: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.ids)


def inputs_of(sample: Rendered) -> tuple[int, ...]:
    """The tokens of a sample that something is predicted from: all before its last target.

    A sample without targets (a prompt) is returned whole.
    """
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


def plant(samples: Sequence[Rendered], numbers: Sequence[int], *, share: bool = True) -> Row:
    """Merge samples into one row.

    Args:
        samples: Sorted by ids when `share` is True; any order otherwise.
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
    last: list[int] = []
    weights: dict[tuple[int, int], float] = {}
    owners: dict[tuple[int, int], list[int]] = {}
    path: list[int] = []  # node of each depth of the sample before
    before: tuple[int, ...] = ()
    ends: list[int] = []
    for sample, number in zip(samples, numbers, strict=True):
        inputs = inputs_of(sample)
        shared = common_length(before, inputs) if share else 0
        del path[shared:]
        for position in range(shared, len(inputs)):
            path.append(len(ids))
            ids.append(inputs[position])
            depth.append(position)
            last.append(0)
        ends.append(path[-1] if path else -1)
        for node in path:
            last[node] = len(ids) - 1
        before = inputs
        for position, (token, trained) in enumerate(zip(sample.ids, sample.trained, strict=True)):
            if trained:
                edge = (path[position - 1], token)
                weights[edge] = weights.get(edge, 0.0) + sample.weight
                owners.setdefault(edge, []).append(number)
    edges = tuple(Edge(p, t, w, tuple(owners[p, t])) for (p, t), w in weights.items())
    return Row(tuple(ids), tuple(depth), tuple(last), edges, tuple(ends))


def unfold(row: Row) -> list[tuple[int, ...]]:
    """Inverse of `plant`: the input ids of each sample, read back along the visible tokens."""
    out = []
    for end in row.nodes:
        seen = [j for j in range(end + 1) if row.last[j] >= end]
        out.append(tuple(row.ids[j] for j in seen))
    return out
