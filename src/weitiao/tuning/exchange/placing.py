"""An imported prefix on a base: as the cache entry that decoding reads, and as the tensors that train on.

Legend: L layers, K key/value heads, P prefix length, D head size, E size of an embedding, I hidden size of the MLP.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from weitiao.errors import AdapterError
from weitiao.tuning.exchange.encoder import Encoder, Projection
from weitiao.tuning.exchange.turning import Turn, TurnedPrefix
from weitiao.tuning.positions import scheme_of
from weitiao.tuning.prefix import DeepPrefix, PrefixShape


def text_start(model: Any, length: int) -> int:
    """Position of the first text token behind a prefix of `length` tokens on this base: `length`, or 0."""
    return scheme_of(model).start(length)


def turn_between(model: Any, have: int, want: int, length: int) -> Turn | None:
    """What moves a prefix made for text at `have` to a base that is used with text at `want`; None when equal.

    Args:
        model: The base; its weights are not looked at.
        have: Position of the first text token that the numbers were made for, 0 or P.
        want: The one they are to be used with, 0 or P.
        length: P.

    Raises:
        AdapterError: Another start than 0 and P, or a base on which a prefix cannot be moved.
    """
    if have == want:
        return None
    if {have, want} != {0, length}:
        raise AdapterError(
            f"the text begins at position {have} behind a prefix of {length} tokens; expected 0 or {length}",
            remedy="restore position_start in adapter_config.json",
        )
    return Turn(model, want - have)


def on_base(kv: Tensor, position_start: int, model: Any) -> Tensor:
    """The cache entry [L, 2, K, P, D] for this base of a prefix whose numbers were made for text at `position_start`.

    Raises:
        AdapterError: The base cannot take it, see `turn_between`.
    """
    turn = turn_between(model, position_start, text_start(model, kv.shape[3]), kv.shape[3])
    if turn is None:
        return kv
    with torch.no_grad():
        return turn(kv.float().cpu()).to(kv.device)


def check_shape(shape: PrefixShape, config: Any, what: str) -> None:
    """Refuse a base of another shape.

    Args:
        shape: Of the prefix.
        config: Of the base, as transformers has it.
        what: Name of the adapter, for the message.
    """
    expected = PrefixShape.of(config, shape.length)
    names = ("layers", "key/value heads", "head size")
    pairs = zip(names, (shape[0], shape[1], shape[3]), (expected[0], expected[1], expected[3]), strict=True)
    different = [f"{name} {own} (adapter) against {base} (base)" for name, own, base in pairs if own != base]
    if different:
        raise AdapterError(
            f"{what} was trained on another base: {'; '.join(different)}",
            remedy="give the base it was trained on",
        )


def trainable(
    encoder: Encoder, model: Any, *, projection: int | None = None, dropout: float = 0.0
) -> DeepPrefix:
    """The tensors that train, beginning exactly at an imported prefix.

    A projected one trains on through its own MLP. A direct one trains directly, or with `projection` through a new
    MLP that begins at zero.

    Args:
        encoder: The prefix.
        model: The base.
        projection: Hidden size of the MLP; None takes what the prefix has.
        dropout: In training.

    Raises:
        AdapterError: A prefix of another shape, or with an MLP of another size.
    """
    check_shape(encoder.shape, model.config, "the prefix")
    own = encoder.projection
    if own is not None and projection not in (None, own.in_bias.numel()):
        raise AdapterError(
            f"the prefix has an MLP of hidden size {own.in_bias.numel()}, method.projection asks for {projection}",
            remedy="leave method.projection out",
        )
    length = encoder.shape.length
    turn = turn_between(model, encoder.position_start, text_start(model, length), length)
    start = encoder.kv() if own is None else torch.zeros(encoder.shape.tensor)
    hidden = projection if own is None else 1  # the real MLP is put in below
    if turn is None:
        prefix = DeepPrefix(start, projection=hidden, dropout=dropout)
    else:
        prefix = TurnedPrefix(start, turn, projection=hidden, dropout=dropout)
    if own is not None:
        _put(prefix, encoder.embedding, own)
    return prefix


def _put(prefix: DeepPrefix, embedding: Tensor, projection: Projection) -> None:
    first = _linear(projection.in_weight, projection.in_bias)
    second = _linear(projection.out_weight, projection.out_bias)
    prefix.embedding = nn.Parameter(embedding.float().clone())
    prefix.mlp = nn.Sequential(first, nn.Tanh(), second)


def _linear(weight: Tensor, bias: Tensor) -> nn.Linear:
    with torch.device("meta"):
        layer = nn.Linear(weight.shape[1], weight.shape[0])
    layer.weight = nn.Parameter(weight.detach().float().clone())
    layer.bias = nn.Parameter(bias.detach().float().clone())
    return layer
