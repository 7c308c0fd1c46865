"""Reading the prompts of a batch: a beginning that several of them share is computed once.

Prompts with the same prefix are planted as a tree (`weitiao.pack`) where the cost model says so, run as
packed rows, and the keys and values along each prompt's path are gathered into left-padded rows of its
own. A token's keys depend on its ancestors and its depth only (those of a context on all of it, which is shared as a
whole or not at all), so the gathered rows are what reading each prompt alone would give. The prefix goes into the row
as what it is, the cache of the virtual tokens in front.

Legend: N prompts, R packed rows, T slots of a row, W columns of the cache, L layers, K key/value heads, P
prefix length, D head size, C hidden size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from weitiao.infer.cache import RowCache
from weitiao.pack import CostModel, plan
from weitiao.pack.batch import padded
from weitiao.pack.plan import Mode
from weitiao.pack.tree import Row, plant
from weitiao.tuning.attention import Visibility
from weitiao.tuning.blocks import CALL_PAIRS
from weitiao.tuning.positions import scheme_of
from weitiao.types import Rendered


@dataclass(frozen=True)
class Prefilled:
    """Prompts that were read.

    Attributes:
        cache: Keys and values, prefix and prompt of each row, left padded.
        hidden: [N, C] final hidden state of each prompt's last token.
        pads: [N] unused columns on the left.
        positions: [N] place of the first token of the answer.
        contexts: [N] tokens of each prompt's context.
        computed: Distinct prompt tokens that went through the model.
    """

    cache: RowCache
    hidden: Tensor
    pads: tuple[int, ...]
    positions: tuple[int, ...]
    contexts: tuple[int, ...]
    computed: int


class _Planted(NamedTuple):
    """A packed row, the prompts in it, and their prefix."""

    row: Row
    numbers: tuple[int, ...]
    prefix: Tensor | None


class _Read(NamedTuple):
    """What a forward pass over packed rows leaves behind."""

    layers: list[tuple[Tensor, Tensor]]  # per layer keys and values [R * T, K, D]
    hidden: Tensor  # [R * T, C]
    paths: dict[int, np.ndarray]  # prompt -> its slots, in order


def cost_model(model: Any, prefix: int) -> CostModel:
    """Work of reading, for the planner: forward passes only, no head.

    Args:
        model: A causal model of transformers.
        prefix: Virtual tokens that every query sees.
    """
    config = model.config
    embedding = model.get_input_embeddings()
    body = sum(p.numel() for p in model.base_model.parameters()) - sum(
        p.numel() for p in embedding.parameters()
    )
    pair = 4 * config.num_hidden_layers * config.hidden_size
    return CostModel(2.0 * body, pair, float(CALL_PAIRS * pair), prefix)


@torch.no_grad()
def prefill(
    model: Any,
    prompts: Sequence[Sequence[int]],
    prefixes: Sequence[Tensor | None],
    *,
    pad_id: int,
    mode: Mode = "auto",
) -> Prefilled:
    """Read prompts.

    Args:
        model: A causal model with interval attention, in eval mode.
        prompts: N prompts of at least one token.
        prefixes: [N] prefix [L, 2, K, P, D] of each prompt or None; the same object means the same prefix.
        pad_id: Id for unused slots.
        mode: How prompts are put into rows; auto takes the cheapest.
    """
    scheme = scheme_of(model)
    contexts = tuple(scheme.context_of(prompt) for prompt in prompts)
    parts = _parts(model, prompts, contexts, prefixes, mode)
    reads = [_read(model, part, pad_id) for part in parts]
    lengths = [0 if p is None else p.shape[3] for p in prefixes]
    widths = [p + len(prompt) for p, prompt in zip(lengths, prompts, strict=True)]
    total = max(widths)
    index, ends = _index(reads, prefixes, widths)
    hidden = torch.cat([r.hidden for r in reads])[torch.tensor(ends, device=model.device)]
    return Prefilled(
        cache=_gather(reads, _distinct(prefixes), index.to(model.device)),
        hidden=hidden,
        pads=tuple(total - w for w in widths),
        positions=tuple(scheme.start(p) + len(prompt) for p, prompt in zip(lengths, prompts, strict=True)),
        contexts=contexts,
        computed=sum(len(planted.row) for part in parts for planted in part),
    )


def _distinct(prefixes: Sequence[Tensor | None]) -> list[Tensor]:
    return list({id(p): p for p in prefixes if p is not None}.values())


def _parts(
    model: Any,
    prompts: Sequence[Sequence[int]],
    contexts: Sequence[int],
    prefixes: Sequence[Tensor | None],
    mode: Mode,
) -> list[list[_Planted]]:
    """Packed rows in one forward pass each; prompts that are best read one a row share a pass."""
    groups: dict[int, list[int]] = {}
    for number, prefix in enumerate(prefixes):
        groups.setdefault(id(prefix), []).append(number)
    parts: list[list[_Planted]] = []
    lone: list[_Planted] = []
    for numbers in groups.values():
        prefix = prefixes[numbers[0]]
        samples = [
            Rendered(tuple(prompts[n]), (False,) * len(prompts[n]), context=contexts[n]) for n in numbers
        ]
        cost = cost_model(model, 0 if prefix is None else prefix.shape[3])
        chosen = plan(samples, mode=mode, row_tokens=None, cost=cost)
        planted = []
        for row in chosen.rows:
            members = [samples[k] for k in row]
            share = chosen.mode == "tree"
            planted.append(_Planted(plant(members, row, share=share), tuple(numbers[k] for k in row), prefix))
        if all(len(p.numbers) == 1 for p in planted):
            lone += planted
        else:
            parts.append(planted)
    return [*parts, lone] if lone else parts


def _read(model: Any, part: Sequence[_Planted], pad_id: int) -> _Read:
    rows = [p.row for p in part]
    width = max(map(len, rows))
    scheme = scheme_of(model)
    starts = torch.tensor([scheme.start(0 if p.prefix is None else p.prefix.shape[3]) for p in part])
    prefix, visible = _stacked([p.prefix for p in part])
    own, zeros = list(range(width)), [0] * width
    first, last = padded([r.first for r in rows], width, own), padded([r.last for r in rows], width, own)
    place = padded([r.depth for r in rows], width, zeros) + starts[:, None]
    positions = scheme.position_ids(place, padded([r.context for r in rows], width, zeros))
    device = model.device
    out = model.base_model(
        input_ids=padded([r.ids for r in rows], width, [pad_id] * width).to(device),
        position_ids=positions.to(device),
        use_cache=True,
        visibility=Visibility(
            first.to(device), last.to(device), width, None if visible is None else visible.to(device)
        ),
        prefix=None if prefix is None else prefix.to(device),
    )
    layers = [(_flat(layer.keys), _flat(layer.values)) for layer in out.cache.layers]
    paths = {}
    for r, planted in enumerate(part):
        ends = np.asarray(planted.row.last)
        for number, end in zip(planted.numbers, planted.row.nodes, strict=True):
            paths[number] = r * width + np.flatnonzero(ends[: end + 1] >= end)
    return _Read(layers, out.last_hidden_state.flatten(0, 1), paths)


def _flat(x: Tensor) -> Tensor:
    """[R, K, T, D] -> [R * T, K, D]."""
    return x.transpose(1, 2).flatten(0, 1)


def _stacked(prefixes: Sequence[Tensor | None]) -> tuple[Tensor | None, Tensor | None]:
    """One prefix for all rows, or [L, 2, R, K, P, D] with the slots that each row has, [R, P]."""
    kinds = _distinct(prefixes)
    if not kinds:
        return None, None
    if len(kinds) == 1 and all(p is not None for p in prefixes):
        return kinds[0], None
    longest = max(p.shape[3] for p in kinds)
    layers, two, heads, _, size = kinds[0].shape
    out = kinds[0].new_zeros(layers, two, len(prefixes), heads, longest, size)
    visible = torch.zeros(len(prefixes), longest, dtype=torch.bool)
    for r, prefix in enumerate(prefixes):
        if prefix is not None:
            out[:, :, r, :, : prefix.shape[3]] = prefix
            visible[r, : prefix.shape[3]] = True
    return out, visible


def _index(
    reads: Sequence[_Read], prefixes: Sequence[Tensor | None], widths: Sequence[int]
) -> tuple[Tensor, list[int]]:
    """[N, W] where each column comes from among all slots, then all prefixes; and where each prompt ends."""
    offset = 0
    slots: dict[int, np.ndarray] = {}
    for read in reads:
        slots |= {number: path + offset for number, path in read.paths.items()}
        offset += len(read.hidden)
    places: dict[int, np.ndarray] = {}
    for prefix in _distinct(prefixes):
        places[id(prefix)] = np.arange(offset, offset + prefix.shape[3])
        offset += prefix.shape[3]
    index = np.zeros((len(prefixes), max(widths)), dtype=np.int64)
    for number, prefix in enumerate(prefixes):
        path = slots[number]
        own = path if prefix is None else np.concatenate([places[id(prefix)], path])
        index[number, index.shape[1] - widths[number] :] = own
    return torch.from_numpy(index), [int(slots[n][-1]) for n in range(len(prefixes))]


def _gather(reads: Sequence[_Read], prefixes: Sequence[Tensor], index: Tensor) -> RowCache:
    layers = []
    for number in range(len(reads[0].layers)):
        pair = []
        for which in (0, 1):
            read = [r.layers[number][which] for r in reads]
            fixed = [p[number, which].transpose(0, 1).to(read[0]) for p in prefixes]
            rows = torch.cat([*read, *fixed])[index]  # [N, W, K, D]
            pair.append(rows.transpose(1, 2))
        layers.append((pair[0], pair[1]))
    return RowCache(layers)
