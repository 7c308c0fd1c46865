"""A head start in copying: two attention heads that continue a repeated sequence are written into a new Llama base.

Small models find this circuit by themselves only after many millions of tokens. Its form is known (Olsson et al.
2022, "In-context Learning and Induction Heads", arXiv 2209.11895), so it is written into the first two layers and stays
there, while everything around it learns to use it:

* layer 0, head 0 attends to the previous token and writes that token's identity into a subspace of the residual;
* layer 1, head 0 looks for positions whose previous token equals the current one and copies the token found there.

With rotary positions a head attends to "one back" when its query and key are the same constant vector, turned by one
position; the constant comes from one embedding coordinate that is equal for all tokens. Matching identities uses the
slowly turning pairs of dimensions only, so that distance does not spoil the match.

Legend: W hidden size, D head size, f index of a rotary pair (dimensions f and f + D / 2).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

_CONSTANT = 0  # coordinate of the embedding that all tokens share
_FAST = 12  # rotary pairs that tell neighbours apart
_LOUD = 2.5  # the previous token's identity beside the token's own
_SLOW = 0.006  # radians a position: pairs that turn slower than this compare identities


def _frequencies(config: Any) -> Tensor:
    size = config.hidden_size // config.num_attention_heads
    theta = float(config.rope_parameters["rope_theta"])
    return theta ** (-torch.arange(0, size, 2).float() / size)


def _fixed(parameter: Tensor, dim: int, indices: slice) -> None:
    """Keep a part of a parameter as it is: its gradient is zero, so neither AdamW nor Muon moves it."""

    def still(gradient: Tensor) -> Tensor:
        kept = gradient.clone()
        kept.movedim(dim, 0)[indices] = 0
        return kept

    parameter.register_hook(still)


def _fix(model: Any, head: slice) -> None:
    """Hold the two heads and what they read by: full-size updates would wash them out within a hundred steps."""
    _fixed(model.get_input_embeddings().weight, 1, slice(_CONSTANT, _CONSTANT + 1))
    for layer in model.model.layers[:2]:
        for name in ("q_proj", "k_proj", "v_proj"):
            _fixed(getattr(layer.self_attn, name).weight, 0, head)
        _fixed(layer.self_attn.o_proj.weight, 1, head)
        _fixed(layer.input_layernorm.weight, 0, slice(None))


@torch.no_grad()
def write_induction_heads(
    model: Any, *, seed: int, sharpness: float = 240.0, match: float = 25.0, push: float = 6.0
) -> None:
    """Write the two heads into a freshly initialised Llama model, in place.

    Args:
        model: `LlamaForCausalLM` with as many key heads as query heads and at least two layers.
        seed: Of the random projections that carry identities.
        sharpness: Score of the previous token above others, before the softmax, per fast pair.
        match: Score of an equal identity.
        push: How far the copied token's direction is added, in units of an embedding's norm.
    """
    config = model.config
    width, half = config.hidden_size, config.hidden_size // config.num_attention_heads // 2
    size = 2 * half
    draw = torch.Generator().manual_seed(seed)
    embedding = model.get_input_embeddings().weight
    if embedding.is_meta:  # only the shape is wanted
        return
    # about the size that a trained, tied embedding has: much smaller ones would outgrow what is written here
    spread = 0.05
    embedding.normal_(0, spread, generator=draw)
    embedding[:, _CONSTANT] = 4 * spread
    model.model.norm.weight.fill_(0.3)  # else each token would predict itself
    constant = 4 / (1 + 15 / width) ** 0.5  # that coordinate behind the first norm
    directions = torch.linalg.qr(torch.randn(width, 2 * size, generator=draw)).Q.T  # [2 D, W] orthonormal
    directions[:, _CONSTANT] = 0
    identity, store = directions[:size], directions[size:]
    for layer in model.model.layers:  # nothing else speaks at first: these would be louder than an embedding
        layer.self_attn.o_proj.weight.zero_()
        layer.mlp.down_proj.weight.zero_()
    first, second = model.model.layers[0].self_attn, model.model.layers[1].self_attn
    head = slice(0, size)

    turn = _frequencies(config)[:_FAST]
    strength = (sharpness**0.5) / constant
    for layer in (first, second):
        for name in ("q_proj", "k_proj", "v_proj"):
            getattr(layer, name).weight[head] = 0
    first.k_proj.weight[:_FAST, _CONSTANT] = strength
    first.q_proj.weight[:_FAST, _CONSTANT] = strength * torch.cos(turn)
    first.q_proj.weight[half : half + _FAST, _CONSTANT] = -strength * torch.sin(turn)
    first.v_proj.weight[head] = identity
    first.o_proj.weight[:, head] = _LOUD * spread * store.T

    slow = [f for f in range(half) if _frequencies(config)[f] < _SLOW]
    rows = torch.tensor([*slow, *(f + half for f in slow)])
    scale = (match * size**0.5 / len(rows)) ** 0.5
    second.q_proj.weight[rows] = scale * identity[: len(rows)]
    second.k_proj.weight[rows] = scale * store[: len(rows)]
    second.v_proj.weight[head] = identity
    second.o_proj.weight[:, head] = push * spread * (width / size) ** 0.5 * identity.T
    _fix(model, head)
