"""Keys made for text at position 0, for a base whose text begins behind the prefix.

Rotary attention depends on distances only: ``(R(i + P) q) · (R(P) k) = (R(i) q) · k``. A prefix whose keys were
trained unrotated with text at 0 is therefore the cache entry ``R(P) k`` for text at P. The base's own rotary
embedding turns, so that scaled positions and partial rotation are its own.

Legend: L layers, K key/value heads, P prefix length, D head size.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from weitiao.errors import AdapterError
from weitiao.tuning.prefix import DeepPrefix

_TOLERANCE = 1e-3  # float32 angles compose to about 1e-4, those formed in float16 miss by 0.1


class Turn(nn.Module):
    """Turns keys by some positions.

    Args:
        model: The base.
        positions: How far; negative turns back.

    Raises:
        AdapterError: The base has no rotary positions, or their angles do not add up.
    """

    cos: Tensor
    sin: Tensor

    def __init__(self, model: Any, positions: int) -> None:
        super().__init__()
        rotary = getattr(model.base_model, "rotary_emb", None)
        apply = getattr(sys.modules[type(model.base_model).__module__], "apply_rotary_pos_emb", None)
        if rotary is None or apply is None:
            raise AdapterError(
                f"this prefix was made for text at position 0, and {type(model).__name__} has no rotary positions "
                "by which it could be moved",
                remedy="use the base it was trained on",
            )
        self._rotate: Callable[..., tuple[Tensor, Tensor]] = apply
        forth = _angles(rotary, abs(positions))
        _check(rotary, abs(positions), forth)
        self.register_buffer("cos", forth[0])
        self.register_buffer("sin", forth[1] if positions >= 0 else -forth[1])

    def forward(self, kv: Tensor) -> Tensor:
        """[L, 2, K, P, D] with keys turned; values as they are."""
        keys, values = kv.unbind(1)
        turned = self._rotate(keys, keys, self.cos, self.sin)[
            1
        ]  # the same turn for every layer, head and token
        return torch.stack([turned.to(kv.dtype), values], dim=1)


def _angles(rotary: nn.Module, position: int) -> tuple[Tensor, Tensor]:
    """Cosine and sine [1, 1, R] at a position."""
    buffer = next(rotary.buffers(), None)
    device = torch.device("cpu") if buffer is None else buffer.device
    like = torch.zeros(1, 1, 1, dtype=torch.float32, device=device)
    with torch.no_grad():
        cos, sin = rotary(like, torch.tensor([[position]], device=device))
    return cos.float().cpu(), sin.float().cpu()


def _check(rotary: nn.Module, by: int, forth: tuple[Tensor, Tensor]) -> None:
    """Refuse angles that do not add up: a turned prefix would compute something else, in silence."""
    for probe in (1, 300):
        cos, sin = _angles(rotary, probe)
        expected, _ = _angles(rotary, by + probe)
        if (expected - (cos * forth[0] - sin * forth[1])).abs().max() > _TOLERANCE:
            raise AdapterError(
                "this prefix was made for text at position 0, and the rotary angles of this base do not add up, so "
                "that it cannot be moved",
                remedy="set base.rotary to exact",
            )


class TurnedPrefix(DeepPrefix):
    """A prefix that trains with keys for text at position 0, over a base whose text begins at P.

    What trains are the numbers of the official checkpoint, so gradients and optimizer steps are those of the original;
    the keys and values that go out are turned.

    Args:
        start: [L, 2, K, P, D] unturned.
        turn: By P positions.
        projection: See `DeepPrefix`.
        dropout: See `DeepPrefix`; acts on the unturned numbers, as in the original.
        random_projection: See `DeepPrefix`.
    """

    def __init__(
        self,
        start: Tensor,
        turn: Turn,
        *,
        projection: int | None = None,
        dropout: float = 0.0,
        random_projection: bool = False,
    ) -> None:
        super().__init__(start, projection=projection, dropout=dropout, random_projection=random_projection)
        self.turn = turn

    def folded(self) -> Tensor:
        """[L, 2, K, P, D] float32, turned: what an adapter file holds."""
        return self.turn(super().folded())

    def forward(self) -> Tensor:
        """[L, 2, K, P, D] float32 for one step."""
        kv = super().folded()
        return self.turn(F.dropout(kv, self.dropout, self.training) if self.dropout else kv)
