"""Two-dimensional rotary positions: half of a head turns by the place in the context, half by that in the answer.

The frequencies are rounded to float16, whatever the model computes in: the release does so, and the weights were
trained with them (exact frequencies move the cosine at place 2047 by 0.3). ``original`` also forms the angle in
float16, as the release does in half precision: the cosine is then off by 0.05 at place 255 and by 0.4 at 2047.

Legend: R rows, T tokens, H heads, D head size.
"""

from __future__ import annotations

import torch
from torch import Tensor

from weitiao.models.chatglm1.configuration import Rotary

_BASE = 10000.0


def frequencies(size: int, device: torch.device | str = "cpu") -> Tensor:
    """Float16 [size / 2] turn per place of the `size` numbers that turn by one of the two positions."""
    exponent = torch.arange(0, size, 2, dtype=torch.float32, device=device) / size
    return (1.0 / _BASE**exponent).half()


def angles(position_ids: Tensor, size: int, rotary: Rotary, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Cosine and sine for both positions.

    Args:
        position_ids: Long [R, 2, T].
        size: Numbers of a head that turn by one position, D / 2.
        rotary: See `ChatGLM1Config`.
        dtype: Of the result.

    Returns:
        Two tensors [R, 2, T, D / 2]; the second half of the last axis repeats the first.
    """
    turn = frequencies(size, position_ids.device)
    if rotary == "original":
        angle = position_ids.half()[..., None] * turn
    else:
        angle = position_ids.float()[..., None] * turn.float()
    doubled = torch.cat([angle, angle], dim=-1)
    return doubled.cos().to(dtype), doubled.sin().to(dtype)


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turn queries or keys.

    Args:
        x: [R, H, T, D].
        cos: [R, 2, T, D / 2].
        sin: [R, 2, T, D / 2].
    """
    halves = torch.stack(x.chunk(2, dim=-1), dim=1)  # [R, 2, H, T, D / 2]
    left, right = halves.chunk(2, dim=-1)
    crossed = torch.cat([-right, left], dim=-1)
    turned = halves * cos[:, :, None] + crossed * sin[:, :, None]
    return torch.cat(turned.unbind(1), dim=-1)
