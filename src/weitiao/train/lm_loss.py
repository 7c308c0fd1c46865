"""Next-token loss whose logits never exist as a whole.

Legend: N tokens, H hidden width, V vocabulary.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor


class _ChunkedCrossEntropy(torch.autograd.Function):
    """The gradient is taken chunk by chunk in the forward pass, so nothing of size [N, V] is kept."""

    @staticmethod
    def forward(  # type: ignore[override]
        ctx: Any, hidden: Tensor, weight: Tensor, targets: Tensor, chunk: int
    ) -> Tensor:
        compute = hidden.dtype
        matrix = weight.to(compute)
        grad_hidden = torch.empty_like(hidden)
        grad_weight = torch.zeros_like(weight)
        total = torch.zeros((), dtype=torch.float32, device=hidden.device)
        for start in range(0, len(hidden), chunk):
            part, goal = hidden[start : start + chunk], targets[start : start + chunk]
            log_probs = (part @ matrix.T).float().log_softmax(-1)
            total -= log_probs.gather(1, goal[:, None]).sum()
            grad = log_probs.exp_()
            grad.scatter_add_(1, goal[:, None], torch.full_like(grad[:, :1], -1.0))
            grad = grad.div_(len(hidden)).to(compute)
            grad_hidden[start : start + chunk] = grad @ matrix
            grad_weight += (grad.T @ part).to(weight.dtype)
        ctx.save_for_backward(grad_hidden, grad_weight)
        return total / len(hidden)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        grad_hidden, grad_weight = ctx.saved_tensors
        (grad,) = grads
        return grad_hidden * grad.to(grad_hidden.dtype), grad_weight * grad, None, None


def next_token_loss(
    hidden: Tensor, weight: Tensor, targets: Tensor, *, chunk: int, dtype: torch.dtype
) -> Tensor:
    """Mean cross-entropy of ``hidden @ weight.T`` against ``targets``, in nats.

    Args:
        hidden: ``[N, H]``.
        weight: ``[V, H]``, of the output layer.
        targets: int64 ``[N]``.
        chunk: Tokens whose logits exist at a time.
        dtype: Type of the products; the softmax is float32.
    """
    if torch.is_grad_enabled():
        loss: Tensor = _ChunkedCrossEntropy.apply(hidden.to(dtype), weight, targets, chunk)  # type: ignore[assignment]
        return loss
    matrix, total = weight.to(dtype), hidden.new_zeros((), dtype=torch.float32)
    for start in range(0, len(hidden), chunk):
        logits = (hidden[start : start + chunk].to(dtype) @ matrix.T).float()
        total += F.cross_entropy(logits, targets[start : start + chunk], reduction="sum")
    return total / len(hidden)
