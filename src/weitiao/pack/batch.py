"""A plan turned into tensors.

Legend: R rows, T slots of a row, E edges (targets), N pairs of (edge, sample).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

from weitiao.pack.plan import CostModel, Mode, Plan, plan
from weitiao.pack.tree import Row, plant
from weitiao.types import Rendered


@dataclass(frozen=True)
class Batch:
    """Samples of one forward pass.

    Attributes:
        input_ids: Long [R, T].
        position_ids: Long [R, T], place in the sample (0 for padding); what a prefix adds, and how the model counts
            places, comes later (`weitiao.tuning.positions`).
        context: Long [R, T], how many tokens the context of the token's sample has (0: causal, or padding).
        first: Long [R, T] first query that sees key j.
        last: Long [R, T] last query that sees key j.
        parent: Long [E], ``r * T + t`` of the hidden state a target is predicted from.
        token: Long [E], the target.
        weight: Float [E], how many samples (times their weight) have this target.
        pair_edge: Long [N] edge of a (edge, sample) pair.
        pair_sample: Long [N] sample of a (edge, sample) pair.
        num_samples: Samples in the batch.
        tokens_rendered: Tokens of all samples as rendered.
        tokens_computed: Slots that hold a token.
    """

    input_ids: Tensor
    position_ids: Tensor
    context: Tensor
    first: Tensor
    last: Tensor
    parent: Tensor
    token: Tensor
    weight: Tensor
    pair_edge: Tensor
    pair_sample: Tensor
    num_samples: int
    tokens_rendered: int
    tokens_computed: int

    def to(self, device: torch.device | str) -> Batch:
        """The same batch on another device."""
        moved = {f.name: getattr(self, f.name) for f in fields(self)}
        return replace(self, **{k: v.to(device) for k, v in moved.items() if isinstance(v, Tensor)})

    def per_sample(self, nll: Tensor) -> Tensor:
        """[num_samples] summed negative log-likelihood of each sample's own targets, from `nll` [E]."""
        out = nll.new_zeros(self.num_samples)
        return out.index_add_(0, self.pair_sample, nll[self.pair_edge])

    def targets_per_sample(self) -> Tensor:
        """[num_samples] number of targets of each sample."""
        return torch.bincount(self.pair_sample, minlength=self.num_samples)


def padded(lists: Sequence[Sequence[int]], width: int, fill: Sequence[int]) -> Tensor:
    """LongTensor [len(lists), width]; short lists go on with `fill` [width]."""
    return torch.tensor([[*row, *fill[len(row) :]] for row in lists], dtype=torch.long).reshape(-1, width)


def collate(samples: Sequence[Rendered], chosen: Plan, *, pad_id: int = 0) -> Batch:
    """Tensors of a plan.

    Args:
        samples: The samples the plan was made for, in the same order.
        chosen: Their plan.
        pad_id: Id in unused slots; such a slot sees itself and nobody sees it.
    """
    rows: list[Row] = [
        plant([samples[n] for n in numbers], numbers, share=chosen.mode == "tree") for numbers in chosen.rows
    ]
    width = max(len(row) for row in rows)
    own = list(range(width))
    parents, tokens, weights, pair_edge, pair_sample = [], [], [], [], []
    for r, row in enumerate(rows):
        for edge in row.edges:
            pair_edge += [len(tokens)] * len(edge.samples)
            pair_sample += edge.samples
            parents.append(r * width + edge.parent)
            tokens.append(edge.token)
            weights.append(edge.weight)
    return Batch(
        input_ids=padded([r.ids for r in rows], width, [pad_id] * width),
        position_ids=padded([r.depth for r in rows], width, [0] * width),
        context=padded([r.context for r in rows], width, [0] * width),
        first=padded([r.first for r in rows], width, own),
        last=padded([r.last for r in rows], width, own),
        parent=torch.tensor(parents, dtype=torch.long),
        token=torch.tensor(tokens, dtype=torch.long),
        weight=torch.tensor(weights, dtype=torch.float32),
        pair_edge=torch.tensor(pair_edge, dtype=torch.long),
        pair_sample=torch.tensor(pair_sample, dtype=torch.long),
        num_samples=len(samples),
        tokens_rendered=sum(map(len, samples)),
        tokens_computed=sum(map(len, rows)),
    )


def pack(
    samples: Sequence[Rendered],
    *,
    mode: Mode = "auto",
    row_tokens: int | None = None,
    cost: CostModel | None = None,
    pad_id: int = 0,
) -> Batch:
    """Plan and collate in one go; without a cost model the fewest computed slots win."""
    chosen = plan(samples, mode=mode, row_tokens=row_tokens, cost=cost or CostModel(1.0, 0.0))
    return collate(samples, chosen, pad_id=pad_id)
