"""The key/value cache of a batch that decodes: room to grow, rows that leave.

Legend: N rows, K key/value heads, W columns (tokens, left padded), D head size.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from transformers.cache_utils import Cache, DynamicLayer

_ROOM = 64  # columns added at a time, at least


class GrowingLayer(DynamicLayer):
    """Keys and values of one layer in a buffer with spare columns.

    Appending one token then writes one column instead of copying all of them.

    Args:
        keys: [N, K, W, D].
        values: [N, K, W, D].
    """

    def __init__(self, keys: Tensor, values: Tensor) -> None:
        super().__init__()
        self.dtype, self.device = keys.dtype, keys.device
        self.is_initialized = True
        self._length = keys.shape[2]
        self._buffers = [keys, values]
        self._show()

    def update(
        self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any
    ) -> tuple[Tensor, Tensor]:
        """Append [N, K, T, D] and return all keys and values."""
        end = self._length + key_states.shape[2]
        if end > self._buffers[0].shape[2]:
            self._grow(end)
        for buffer, new in zip(self._buffers, (key_states, value_states), strict=True):
            buffer[:, :, self._length : end] = new
        self._length = end
        self._show()
        return self.keys, self.values  # type: ignore[return-value]

    def select(self, rows: Tensor, start: int) -> None:
        """Keep some rows, and their columns from `start` on."""
        self._buffers = [b[:, :, start : self._length].index_select(0, rows) for b in self._buffers]
        self._length -= start
        self._show()

    def _grow(self, needed: int) -> None:
        room = max(needed + _ROOM, needed + needed // 4)
        for k, old in enumerate(self._buffers):
            new = old.new_empty(*old.shape[:2], room, old.shape[3])
            new[:, :, : self._length] = old[:, :, : self._length]
            self._buffers[k] = new

    def _show(self) -> None:
        self.keys, self.values = (b[:, :, : self._length] for b in self._buffers)


class RowCache(Cache):
    """The cache of all layers.

    Args:
        layers: Keys and values [N, K, W, D] of each layer.
    """

    def __init__(self, layers: list[tuple[Tensor, Tensor]]) -> None:
        self.rows: list[GrowingLayer] = [GrowingLayer(k, v) for k, v in layers]
        super().__init__(layers=list(self.rows))

    @property
    def width(self) -> int:
        """W."""
        return self.rows[0].get_seq_length()

    def select(self, rows: list[int], start: int) -> None:
        """Keep some rows, and their columns from `start` on."""
        kept = torch.tensor(rows, device=self.rows[0].device)
        for layer in self.rows:
            layer.select(kept, start)
