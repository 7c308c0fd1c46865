"""The prefix encoder that the official scripts and PEFT share, and its order of numbers.

Legend: L layers, K key/value heads, P prefix length, D head size, E size of an embedding, I hidden size of the MLP.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from weitiao.tuning.prefix import PrefixShape


class Projection(NamedTuple):
    """The reparameterising MLP: Linear, Tanh, Linear."""

    in_weight: Tensor  # [I, E]
    in_bias: Tensor  # [I]
    out_weight: Tensor  # [L * 2 * K * D, I]
    out_bias: Tensor  # [L * 2 * K * D]


@dataclass(frozen=True)
class Encoder:
    """A prefix as it trains.

    Attributes:
        shape: L, K, P, D.
        embedding: [P, L * 2 * K * D]; [P, E] with a projection.
        position_start: Position of the first text token that the numbers were made for: P, or 0 (official scripts).
        projection: The MLP, None for a direct prefix.
    """

    shape: PrefixShape
    embedding: Tensor
    position_start: int
    projection: Projection | None = None

    @property
    def is_projected(self) -> bool:
        """Whether the keys and values come out of an MLP."""
        return self.projection is not None

    @torch.no_grad()
    def kv(self) -> Tensor:
        """[L, 2, K, P, D]: keys and values in the type they are stored in, the MLP folded away."""
        flat = self.embedding
        if self.projection is not None:
            first, second = self.projection[:2], self.projection[2:]
            flat = F.linear(torch.tanh(F.linear(flat.float(), *(t.float() for t in first))), *second)
        return unflatten(flat, self.shape)


def unflatten(flat: Tensor, shape: PrefixShape) -> Tensor:
    """[P, L * 2 * K * D] in the order of the encoders -> [L, 2, K, P, D]. Inverse of `flatten`."""
    layers, heads, length, size = shape
    return flat.view(length, layers, 2, heads, size).permute(1, 2, 3, 0, 4).contiguous()


def flatten(kv: Tensor) -> Tensor:
    """[L, 2, K, P, D] -> [P, L * 2 * K * D]: of each virtual token key and value of layer 0, of layer 1, ..."""
    return kv.permute(3, 0, 1, 2, 4).reshape(kv.shape[3], -1).contiguous()


def encoder_of(kv: Tensor, position_start: int) -> Encoder:
    """A direct prefix from its keys and values [L, 2, K, P, D]."""
    layers, _, heads, length, size = kv.shape
    return Encoder(PrefixShape(layers, heads, length, size), flatten(kv), position_start)
