"""Weights of official ChatGLM checkpoints stored in 8 or 4 bits, expanded at load or kept as they are.

A row of a matrix is stored as integers and one float16 scale, ``w = q * scale``. Four bits: two columns a byte, the
even column in the high half, the odd one in the low half, both signed. Only the four matrices of a layer are stored
so; biases, norms, embedding and head stay float16.

Source: the files themselves (``quantization_bit`` in config.json); docs/design/chatglm.md.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from weitiao.errors import ModelError

BITS = (4, 8)
"""Widths that the official checkpoints use."""


def expand(weight: Tensor, scale: Tensor, *, bits: int, dtype: torch.dtype) -> Tensor:
    """The matrix that the integers stand for.

    Args:
        weight: Int8 [out, in] for 8 bits, [out, in / 2] for 4.
        scale: [out], one factor a row.
        bits: 4 or 8.
        dtype: Of the result; the product is rounded to it once.

    Returns:
        [out, in].
    """
    if bits not in BITS:
        raise ValueError(f"bits must be 4 or 8, got {bits}")
    if bits == 4:
        even, odd = weight >> 4, (weight << 4) >> 4  # shifts of int8 keep the sign
        weight = torch.stack([even, odd], dim=-1).flatten(-2)
    wide = torch.float64 if dtype == torch.float64 else torch.float32
    return (weight.to(wide) * scale.to(wide)[:, None]).to(dtype)


def quantise(weight: Tensor, *, bits: int) -> tuple[Tensor, Tensor]:
    """Integers and scales [out] (float16) of a matrix [out, in], as the official quantiser stores them.

    Inverse of `expand` up to half a step of each row's scale.
    """
    scale = (weight.float().abs().amax(dim=1) / (2 ** (bits - 1) - 1)).half()
    step = scale.float().clamp_min(torch.finfo(torch.float16).tiny)[:, None]
    limit = 2 ** (bits - 1) - 1
    q = (weight.float() / step).round().clamp(-limit - 1, limit).to(torch.int8)
    if bits == 4:
        q = (q[:, 0::2] << 4) | (q[:, 1::2] & 15)
    return q, scale


class _Multiply(torch.autograd.Function):
    """``x W^T + b`` that keeps the integers for the backward pass, not the expanded matrix."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, scale: Tensor, bias: Tensor | None, bits: int) -> Tensor:  # type: ignore[override]
        ctx.save_for_backward(weight, scale)
        ctx.bits = bits
        return F.linear(x, expand(weight, scale, bits=bits, dtype=x.dtype), bias)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        weight, scale = ctx.saved_tensors
        grad = grads[0]
        grad_bias = grad.flatten(0, -2).sum(0) if ctx.needs_input_grad[3] else None
        grad_x = grad @ expand(weight, scale, bits=ctx.bits, dtype=grad.dtype)
        return grad_x, None, None, grad_bias, None


class QuantisedLinear(nn.Module):
    """A linear layer whose matrix stays stored in 4 or 8 bits and is never trained.

    It multiplies as the original does: the matrix is expanded to the type of the input, then multiplied as usual.
    Gradients flow through it to its input.

    Args:
        weight: Int8 [out, in] or packed [out, in / 2].
        scale: [out].
        bias: [out] or None.
        bits: 4 or 8.
    """

    scale: Tensor

    def __init__(self, weight: Tensor, scale: Tensor, bias: Tensor | None, *, bits: int) -> None:
        super().__init__()
        if weight.dtype != torch.int8 or weight.dim() != 2 or scale.shape != weight.shape[:1]:
            raise ModelError(
                f"a quantised weight must be int8 [out, in] with a scale [out], got {weight.dtype} "
                f"{list(weight.shape)} with {list(scale.shape)}",
                remedy="the checkpoint does not have the official layout; use the float16 release",
            )
        self.bits = bits
        self.out_features = weight.shape[0]
        self.in_features = weight.shape[1] * (2 if bits == 4 else 1)
        self.weight = nn.Parameter(weight, requires_grad=False)
        self.register_buffer("scale", scale)
        self.bias = None if bias is None else nn.Parameter(bias)

    def forward(self, x: Tensor) -> Tensor:
        return _Multiply.apply(x, self.weight, self.scale, self.bias, self.bits)  # type: ignore[return-value]

    def expanded(self, dtype: torch.dtype = torch.float32) -> Tensor:
        """The matrix [out, in] it multiplies with."""
        return expand(self.weight, self.scale, bits=self.bits, dtype=dtype)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> QuantisedLinear:
        """Move with the model, but keep the scale as stored when the model is cast to another type."""
        scale = self.scale
        super()._apply(fn, recurse)
        self.scale = scale.to(self.weight.device)
        return self

    def extra_repr(self) -> str:
        return f"{self.in_features}, {self.out_features}, bits={self.bits}, bias={self.bias is not None}"
