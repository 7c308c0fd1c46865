"""Guided heads: some attention heads of a fresh base are told where to look while it learns.

Copying rests on two kinds of heads (Olsson et al. 2022, "In-context Learning and Induction Heads", arXiv 2209.11895):
heads that attend to the token before, and heads that attend to what followed the current token the last time. A
small model finds them by itself only after many millions of tokens. Guidance adds the negative log of the attention
that a head pays to these places to the loss; how to get there, and what to do with what is found, is learned as usual.
The finished model is an ordinary Llama: nothing of this remains in it.

Legend: B rows, T tokens of a row, D head size, W hidden size.
"""

from __future__ import annotations

from types import TracebackType
from typing import Any

import torch
from torch import Tensor, nn
from transformers.models.llama.modeling_llama import apply_rotary_pos_emb

LOOK_BACK = ((0, 0, 1), (0, 1, 2))
"""(layer, head, distance) of the heads guided to a token a fixed distance before."""
CONTINUE = ((1, 0), (2, 0))
"""(layer, head) of the heads guided to what followed the current token before."""
_FAR = -1e4


class Guidance:
    """Records the inputs of the guided layers during one forward pass, and scores their heads.

    Use as a context around the forward pass, then call `loss`::

        with Guidance(model) as guidance:
            hidden = model.base_model(input_ids=ids).last_hidden_state
        extra = guidance.loss(ids)
    """

    def __init__(self, model: nn.Module) -> None:
        self.layers: Any = model.base_model.layers  # type: ignore[union-attr]
        self.inputs: dict[int, tuple[Tensor, tuple[Tensor, Tensor]]] = {}
        self._handles: list[Any] = []

    def __enter__(self) -> Guidance:
        for layer in sorted({entry[0] for entry in (*LOOK_BACK, *CONTINUE)}):
            self._handles.append(
                self.layers[layer].self_attn.register_forward_pre_hook(
                    self._recorder(layer), with_kwargs=True
                )
            )
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for handle in self._handles:
            handle.remove()

    def _recorder(self, layer: int) -> Any:
        def record(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            self.inputs[layer] = (kwargs["hidden_states"], kwargs["position_embeddings"])

        return record

    def scores(self, layer: int, head: int) -> Tensor:
        """[B, T, T] float32 attention scores of one head before the softmax, later keys at -10,000."""
        hidden, (cos, sin) = self.inputs[layer]
        attention = self.layers[layer].self_attn
        size = attention.head_dim
        rows = slice(head * size, (head + 1) * size)
        query = nn.functional.linear(hidden, attention.q_proj.weight[rows])[:, None]
        key = nn.functional.linear(hidden, attention.k_proj.weight[rows])[:, None]
        query, key = apply_rotary_pos_emb(query, key, cos, sin)
        scores = torch.matmul(query[:, 0], key[:, 0].mT).float() * attention.scaling
        later = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).triu(1)
        return scores.masked_fill(later, _FAR)

    def loss(self, ids: Tensor) -> Tensor:
        """Mean over the guided heads of minus the log of the attention at the right places, in nats.

        Args:
            ids: [B, T] the rows of the recorded forward pass.
        """
        parts = []
        for layer, head, distance in LOOK_BACK:
            scores = self.scores(layer, head)
            there = scores.diagonal(-distance, 1, 2)  # [B, T - distance]
            parts.append((scores.logsumexp(-1)[:, distance:] - there).mean())
        places = continuations(ids)
        some = places.any(-1)
        for layer, head in CONTINUE:
            scores = self.scores(layer, head)
            there = scores.masked_fill(~places, _FAR).logsumexp(-1)
            missed = (scores.logsumexp(-1) - there)[some]
            parts.append(missed.mean() if missed.numel() else scores.sum() * 0)
        return torch.stack(parts).mean()


def continuations(ids: Tensor) -> Tensor:
    """Bool [B, T, T]: at j the same token stands as after i, and before j the same as at i, for j <= i."""
    same = ids[:, :, None] == ids[:, None, :]  # [B, T, T]
    places = torch.zeros_like(same)
    places[:, :-1, 1:] = same[:, :-1, :-1] & same[:, 1:, 1:]
    return places.tril(0)
