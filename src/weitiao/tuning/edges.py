"""The loss on edges: the LM head is multiplied only where something is predicted, in chunks.

Logits are never kept: the gradient with respect to the hidden state is formed while a chunk's logits are there
(as in fused linear cross-entropy, Hsu et al. 2024, arXiv 2410.10989), so the memory of a step does not grow with
the vocabulary.

Legend: N hidden states, E edges, U distinct parents, V vocabulary, W hidden size.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

_CHUNK_BYTES = 32 * 2**20  # of float32 logits at a time


class EdgeLoss(NamedTuple):
    """Loss of one batch.

    Attributes:
        total: Scalar, sum over edges of weight times negative log-likelihood; differentiable.
        nll: [E] negative log-likelihood of each edge, detached.
    """

    total: Tensor
    nll: Tensor


class _HeadLoss(torch.autograd.Function):
    @staticmethod
    def forward(  # type: ignore[override]
        ctx: Any,
        hidden: Tensor,
        head: Tensor,
        bias: Tensor | None,
        at: Tensor,
        token: Tensor,
        weight: Tensor,
    ) -> tuple[Tensor, Tensor]:
        wants_hidden, wants_head, wants_bias = ctx.needs_input_grad[:3]
        grad_hidden = torch.empty_like(hidden) if wants_hidden else None
        grad_head = torch.zeros_like(head, dtype=torch.float32) if wants_head else None
        grad_bias = torch.zeros_like(bias, dtype=torch.float32) if bias is not None and wants_bias else None
        nll = torch.empty(len(token), dtype=torch.float32, device=hidden.device)
        step = max(1, _CHUNK_BYTES // (4 * len(head)))
        for start in range(0, len(hidden), step):
            part = hidden[start : start + step]
            edges = torch.nonzero((at >= start) & (at < start + step))[:, 0]
            local, targets, own = at[edges] - start, token[edges], weight[edges]
            logits = F.linear(part, head, bias)
            log_probs = torch.log_softmax(logits, dim=-1, dtype=torch.float32)
            nll[edges] = -log_probs[local, targets]
            if grad_hidden is None and grad_head is None and grad_bias is None:
                continue
            # d total / d logits = softmax scaled by the parent's weight, less the targets
            scale = own.new_zeros(len(part)).index_add_(0, local, own)[:, None]
            if grad_head is None and grad_bias is None and grad_hidden is not None:
                pushed = (log_probs.exp_().to(head.dtype) @ head).float().mul_(scale)
                pushed.index_add_(0, local, head[targets].float().mul_(-own[:, None]))
                grad_hidden[start : start + step] = pushed
                continue
            grad = log_probs.exp_().mul_(scale)
            grad.view(-1).index_add_(0, local * grad.shape[1] + targets, -own)
            if grad_bias is not None:
                grad_bias += grad.sum(0)
            grad = grad.to(head.dtype)
            if grad_hidden is not None:
                grad_hidden[start : start + step] = grad @ head
            if grad_head is not None:
                grad_head += grad.T @ part
        ctx.save_for_backward(grad_hidden, grad_head, grad_bias)
        ctx.dtypes = (hidden.dtype, head.dtype, None if bias is None else bias.dtype)
        ctx.mark_non_differentiable(nll)
        return (weight * nll).sum(), nll

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        scaled = [
            None if g is None else (g * grads[0]).to(dtype)
            for g, dtype in zip(ctx.saved_tensors, ctx.dtypes, strict=True)
        ]
        return (*scaled, None, None, None)


def edge_loss(
    hidden: Tensor, head: Tensor, bias: Tensor | None, parent: Tensor, token: Tensor, weight: Tensor
) -> EdgeLoss:
    """Cross-entropy of the edges of a batch.

    Args:
        hidden: [N, W] final hidden states of all slots.
        head: [V, W] weight of the LM head.
        bias: [V] or None.
        parent: Long [E] index into `hidden`.
        token: Long [E] target id.
        weight: Float [E].
    """
    parents, at = torch.unique(parent, return_inverse=True)
    states = hidden.index_select(0, parents)
    if torch.is_autocast_enabled(hidden.device.type):
        dtype = torch.get_autocast_dtype(hidden.device.type)
        states, head = states.to(dtype), head.to(dtype)
        bias = None if bias is None else bias.to(dtype)
    total, nll = _HeadLoss.apply(states, head, bias, at, token, weight)  # type: ignore[misc]
    return EdgeLoss(total, nll)
