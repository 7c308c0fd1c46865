"""Rotary angles as ChatGLM2's half-precision release formed them.

The released model computed frequencies, positions and their product in float16 before taking cosine and sine. Angles
are coarse then: the cosine is off by 0.09 at position 255 and by up to 0.98 at 2047, and positions above 2048 are no
longer whole. The model was trained with exact angles or with these; both ways are offered (``base.rotary``).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class HalfAngles(nn.Module):
    """Stands in for the rotary embedding of `GlmModel`; angles in float16 whatever the model's type is.

    Args:
        dim: Rotated numbers of a head (half the head size).
        ratio: Positions are divided by it (``rope_ratio`` of the 32k release).
        base: Base of the frequencies.
    """

    def __init__(self, dim: int, *, ratio: float = 1.0, base: float = 10000.0) -> None:
        super().__init__()
        exponent = torch.arange(0, dim, 2, dtype=torch.float16) / dim
        self.ratio = ratio
        self.frequencies = 1.0 / (base**exponent)

    @torch.no_grad()
    def forward(self, x: Tensor, position_ids: Tensor) -> tuple[Tensor, Tensor]:
        """Cosine and sine [B, T, dim] in the type of `x`, each frequency twice as `GlmModel` expects them."""
        positions = position_ids.half() / self.ratio
        angles = (positions[..., None] * self.frequencies.to(x.device)).float()
        doubled = torch.cat([angles, angles], dim=-1)
        # the release keeps the table in float16
        return doubled.cos().half().to(x.dtype), doubled.sin().half().to(x.dtype)
