"""A base model and the method attached to it; only the method's tensors train.

Legend: R rows, T slots, W hidden size, E edges.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from weitiao.errors import ModelError
from weitiao.pack import Batch, CostModel
from weitiao.tuning.attention import NAME, Visibility, use_interval_attention
from weitiao.tuning.blocks import CALL_PAIRS
from weitiao.tuning.edges import EdgeLoss, edge_loss
from weitiao.tuning.positions import scheme_of
from weitiao.tuning.prefix import DeepPrefix

_BEYOND = {
    "final_logit_softcapping": "caps its logits",
    "attn_logit_softcapping": "caps its attention scores",
    "logit_scale": "scales its logits",
    "logits_scaling": "scales its logits",
    "is_encoder_decoder": "is an encoder-decoder",
}


def check_supported(model: nn.Module) -> None:
    """Refuse models whose attention or head we would compute differently.

    Raises:
        ModelError: Sliding-window layers, soft caps, scaled logits, or attention outside transformers' interface.
    """
    config: Any = model.config
    name = type(model).__name__
    kinds = set(getattr(config, "layer_types", None) or ())
    window = getattr(config, "sliding_window", None)
    if kinds - {"full_attention"} or (not kinds and window and getattr(config, "use_sliding_window", True)):
        raise ModelError(
            f"{name} has sliding-window attention layers, which weitiao does not support yet: a prefix would slide "
            "out of their sight",
            remedy="use a base with full attention in all layers (or a checkpoint with `sliding_window: null`)",
        )
    for key, what in _BEYOND.items():
        if getattr(config, key, None) not in (None, False, 1, 1.0):
            raise ModelError(f"{name} {what} ({key}), which is not supported", remedy="use another base")
    if not getattr(model, "_supports_attention_backend", False):
        raise ModelError(
            f"{name} does not go through transformers' attention interface",
            remedy="use a decoder that does: Llama, Qwen, GLM, Mistral, Phi-3, GPT-2, ...",
        )


def _switch_off_dropout(model: nn.Module) -> None:
    """The base is a fixed function: gradients of packed and separate samples are then the same numbers."""
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
        for name in ("attention_dropout", "dropout"):
            if isinstance(getattr(module, name, None), float):
                setattr(module, name, 0.0)


class Tuned(nn.Module):
    """A base with a deep prefix, or with all of its weights training.

    Args:
        model: A causal model of transformers; changed in place (attention function, dropout off, frozen or not).
        prefix: The prefix, or None.
        trains_base: Whether the base's own weights train (full tuning).

    Raises:
        ModelError: See `check_supported`; or all weights are to train and some are kept quantised.
    """

    def __init__(self, model: nn.Module, prefix: DeepPrefix | None, *, trains_base: bool = False) -> None:
        super().__init__()
        prepare(model)
        if trains_base and not all(p.is_floating_point() for p in model.parameters()):
            raise ModelError(
                "full tuning changes all weights of the base, and these are kept quantised",
                remedy="set base.quantised to expand, or train a prefix",
            )
        model.requires_grad_(trains_base)
        self.model: Any = model
        self.prefix = prefix
        self.trains_base = trains_base

    @property
    def position_start(self) -> int:
        """Place of the first text token: where the prefix takes places, those before are the prefix's."""
        return scheme_of(self.model).start(self.prefix_length)

    @property
    def prefix_length(self) -> int:
        """Virtual tokens that every token sees; 0 without a prefix."""
        return 0 if self.prefix is None else self.prefix.length

    @property
    def device(self) -> torch.device:
        """Where the base is."""
        return next(self.model.parameters()).device

    def trainable(self) -> dict[str, nn.Parameter]:
        """Names and tensors that train."""
        return {n: p for n, p in self.named_parameters() if p.requires_grad}

    def checkpoint_activations(self) -> None:
        """Recompute each layer's activations in the backward pass (non-reentrant)."""
        enable = getattr(self.model, "activation_checkpointing_enable", None)
        (enable or self.model.gradient_checkpointing_enable)({"use_reentrant": False})

    def hidden(self, batch: Batch) -> Tensor:
        """Final hidden states [R, T, W] of a batch."""
        out = self.model.base_model(
            input_ids=batch.input_ids,
            position_ids=scheme_of(self.model).position_ids(
                batch.position_ids + self.position_start, batch.context
            ),
            use_cache=False,
            visibility=Visibility(batch.first, batch.last, batch.input_ids.shape[1]),
            prefix=None if self.prefix is None else self.prefix(),
        )
        return out.last_hidden_state

    def forward(self, batch: Batch) -> EdgeLoss:
        """Sum over targets of weight times negative log-likelihood, and the likelihood of each edge [E]."""
        head = self.model.get_output_embeddings()
        return edge_loss(
            self.hidden(batch).flatten(0, 1), head.weight, head.bias, batch.parent, batch.token, batch.weight
        )

    def cost_model(self) -> CostModel:
        """Work of one training step of this model, for the planner."""
        config = self.model.config
        body = sum(
            p.numel()
            for n, p in self.model.base_model.named_parameters()
            if "embed" not in n and "wte" not in n
        )
        width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        pair = 12 * config.num_hidden_layers * config.num_attention_heads * width
        passes = 6 if self.trains_base else 4
        return CostModel(passes * body, pair, CALL_PAIRS * pair, self.prefix_length)

    def export(self) -> dict[str, Tensor]:
        """Tensors of the adapter file: ``kv`` [L, 2, K, P, D], or all weights after full tuning."""
        if self.prefix is not None:
            return {"kv": self.prefix.folded().detach().cpu().contiguous()}
        tied = set(getattr(self.model, "all_tied_weights_keys", None) or ())
        return {n: t.detach().cpu().contiguous() for n, t in self.model.state_dict().items() if n not in tied}


def prepare(model: nn.Module) -> None:
    """Make a base ready for visibility and prefix arguments; harmless when done twice."""
    config: Any = model.config
    if config._attn_implementation != NAME:
        check_supported(model)
        use_interval_attention(model)
    _switch_off_dropout(model)
    config.use_cache = False
