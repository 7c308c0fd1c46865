"""Muon for hidden matrices and AdamW for everything else, as one optimizer.

One object means one state dict, one scheduler and one checkpoint file.
Source: torch.optim.Muon (Keller Jordan, https://kellerjordan.github.io/posts/muon/).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from weitiao.train.pretrain_config import OptimizerRecipe

NEWTON_SCHULZ = (3.4445, -4.775, 2.0315)
NEWTON_SCHULZ_STEPS = 5


def orthogonalise(matrices: Tensor) -> Tensor:
    """Nearest semi-orthogonal matrices, roughly: singular values end up between 0.7 and 1.2.

    Args:
        matrices: ``[N, rows, columns]``; all of one shape, so that the steps are batched products.

    Returns:
        bfloat16 ``[N, rows, columns]``.
    """
    a, b, c = NEWTON_SCHULZ
    x = matrices.to(torch.bfloat16)
    tall = x.size(1) > x.size(2)
    x = x.mT if tall else x
    x = x / x.norm(dim=(1, 2), keepdim=True).clamp(min=1e-7)
    for _ in range(NEWTON_SCHULZ_STEPS):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.mT if tall else x


class MuonAdamW(torch.optim.Optimizer):
    """Parameter groups with ``muon: True`` are updated by Muon, the others by AdamW.

    Args:
        groups: Dicts with ``params``, ``lr``, ``muon`` and optionally ``weight_decay``.
        momentum: Of Muon (Nesterov).
        betas: Of AdamW.
    """

    def __init__(
        self,
        groups: list[dict[str, Any]],
        *,
        momentum: float = 0.95,
        betas: tuple[float, float] = (0.9, 0.95),
        eps: float = 1e-8,
    ) -> None:
        defaults = {"momentum": momentum, "betas": betas, "eps": eps, "weight_decay": 0.0}
        super().__init__(groups, {"lr": 1e-3, "muon": False, **defaults})
        for group in self.param_groups:
            if group["muon"] and any(p.ndim != 2 for p in group["params"]):
                raise ValueError("Muon updates matrices only; put other tensors in an AdamW group")

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """One update of all groups."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            (self._muon if group["muon"] else self._adamw)(group)
        return loss

    def _muon(self, group: dict[str, Any]) -> None:
        momentum, by_shape = group["momentum"], {}
        for p in group["params"]:
            if p.grad is None:
                continue
            buffer = self.state[p].setdefault("momentum", torch.zeros_like(p.grad))
            buffer.lerp_(p.grad, 1 - momentum)
            update = p.grad.lerp(buffer, momentum)
            by_shape.setdefault(p.shape, []).append((p, update))
        for (rows, columns), pairs in by_shape.items():
            # A wide matrix of Conv1D ([in, out]) and a tall one of Linear ([out, in]) both get at least 1.
            lr = group["lr"] * math.sqrt(max(1.0, rows / columns))
            updates = orthogonalise(torch.stack([u for _, u in pairs]))
            for (p, _), update in zip(pairs, updates, strict=True):
                p.mul_(1 - group["lr"] * group["weight_decay"])
                p.add_(update.to(p.dtype), alpha=-lr)

    def _adamw(self, group: dict[str, Any]) -> None:
        beta1, beta2 = group["betas"]
        for p in group["params"]:
            if p.grad is None:
                continue
            state = self.state[p]
            if not state:
                state["step"] = torch.zeros((), dtype=torch.float32)
                state["first"], state["second"] = torch.zeros_like(p), torch.zeros_like(p)
            state["step"] += 1
            count = state["step"].item()
            state["first"].lerp_(p.grad, 1 - beta1)
            state["second"].mul_(beta2).addcmul_(p.grad, p.grad, value=1 - beta2)
            scale = (state["second"] / (1 - beta2**count)).sqrt_().add_(group["eps"])
            p.mul_(1 - group["lr"] * group["weight_decay"])
            p.addcdiv_(state["first"], scale, value=-group["lr"] / (1 - beta1**count))


def build_optimizer(model: nn.Module, recipe: OptimizerRecipe) -> MuonAdamW:
    """Group the parameters of a model: hidden matrices, embeddings, and vectors (never decayed)."""
    embeddings = {p for m in model.modules() if isinstance(m, nn.Embedding) for p in m.parameters()}
    trained = [p for p in model.parameters() if p.requires_grad]
    hidden = [p for p in trained if p.ndim == 2 and p not in embeddings]
    vectors = [p for p in trained if p.ndim != 2]
    muon = recipe.kind == "muon"
    decay = recipe.weight_decay
    groups = [
        {
            "params": hidden,
            "muon": muon,
            "lr": recipe.muon_learning_rate if muon else recipe.learning_rate,
            "weight_decay": decay,
        },
        {
            "params": [p for p in trained if p in embeddings],
            "lr": recipe.learning_rate,
            "weight_decay": decay,
        },
        {"params": vectors, "lr": recipe.learning_rate},
    ]
    groups = [g for g in groups if g["params"]]
    return MuonAdamW(groups, momentum=recipe.momentum, betas=recipe.betas)
