"""How a model counts positions, and which tokens of a sample see each other.

Most models count tokens and look back only (`COUNTED`). A model that does otherwise says so with an attribute
``position_scheme``; nothing else asks which model it is.

Legend: R rows, T tokens, C tokens of a context, P prefix length.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import Tensor


class PositionScheme(Protocol):
    """What packing, prefix and decoding have to know of a model."""

    @property
    def bidirectional(self) -> bool:
        """Whether samples begin with a context whose tokens all see each other."""
        ...

    def start(self, prefix: int) -> int:
        """Place of the first text token behind a prefix of that many virtual tokens."""
        ...

    def context_of(self, ids: Sequence[int]) -> int:
        """C of a prompt; 0 where there is no context.

        Raises:
            FormatError: A prompt that the model cannot answer.
        """
        ...

    def position_ids(self, place: Tensor, context: Tensor) -> Tensor:
        """``position_ids`` of the model, rows first.

        Args:
            place: Long [R, T], place in the sample, `start` added; 0 for padding.
            context: Long [R, T], C of the sample; 0 for padding.
        """
        ...

    def of_prefix(self, length: int, device: torch.device | str = "cpu") -> Tensor:
        """``position_ids`` [1, ...] of a text of P tokens whose keys become a prefix."""
        ...


class _Counted:
    """Positions are places, a prefix takes the first ones, and every token looks back only."""

    bidirectional = False

    def start(self, prefix: int) -> int:
        return prefix

    def context_of(self, ids: Sequence[int]) -> int:
        return 0

    def position_ids(self, place: Tensor, context: Tensor) -> Tensor:
        return place

    def of_prefix(self, length: int, device: torch.device | str = "cpu") -> Tensor:
        return torch.arange(length, device=device)[None]


COUNTED: PositionScheme = _Counted()


def scheme_of(model: Any) -> PositionScheme:
    """The scheme of a model: its own, or the usual one."""
    return getattr(model, "position_scheme", None) or COUNTED
