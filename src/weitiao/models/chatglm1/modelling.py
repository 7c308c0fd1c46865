"""The layers of ChatGLM-6B.

Module names are the official ones, so that an official state dict fits as it is. What is unusual:

* the residual is the normalised input, scaled: ``x = alpha * norm(x) + f(norm(x))``;
* the fused matrix holds query, key and value of head 0, then of head 1, and so on;
* the original divides scores by the layer's number and multiplies by it again before the softmax, to stay inside
  float16. That changes nothing else and is left out.

Source: GLM (Du et al. 2022, arXiv 2103.10360) for context and two-dimensional positions; the rules of the release and
values of its code: docs/design/chatglm.md, tests/models/test_chatglm1.py.

Legend: R rows, T tokens, S keys, H heads, D head size, W hidden size, V vocabulary.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import PreTrainedModel
from transformers.cache_utils import Cache, DynamicCache
from transformers.generation.utils import GenerationMixin
from transformers.masking_utils import create_causal_mask
from transformers.modeling_layers import GradientCheckpointingLayer
from transformers.modeling_outputs import BaseModelOutputWithPast, CausalLMOutputWithPast
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS
from transformers.utils.deprecation import deprecate_kwarg
from transformers.utils.generic import can_return_tuple, merge_with_config_defaults
from transformers.utils.output_capturing import capture_outputs

from weitiao.models.chatglm1.configuration import ChatGLM1Config
from weitiao.models.chatglm1.positions import ChatGLM1Positions, find_places
from weitiao.models.chatglm1.rotary import angles, rotate

ALPHA = math.sqrt(2 * 28)
"""Scale of the residual: of 28 layers, however many a model has (the original never passes the number on)."""


def eager_attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float,
    **kwargs: Any,
) -> tuple[Tensor, Tensor]:
    """Attention written out; output [R, T, H, D] and weights [R, H, T, S]."""
    scores = query @ key.mT * scaling
    if attention_mask is not None:
        scores = scores + attention_mask
    weights = scores.softmax(-1, dtype=torch.float32).to(query.dtype)
    return (weights @ value).transpose(1, 2), weights


class ChatGLM1Attention(nn.Module):
    """Self-attention with two-dimensional rotary positions.

    Args:
        config: Sizes.
        layer_idx: Number of the layer.
    """

    is_causal = True  # where transformers leaves the mask out: no context among the queries

    def __init__(self, config: ChatGLM1Config, layer_idx: int) -> None:
        super().__init__()
        self.config, self.layer_idx = config, layer_idx
        self.heads = config.num_attention_heads
        self.scaling = (config.hidden_size // self.heads) ** -0.5
        self.query_key_value = nn.Linear(config.hidden_size, 3 * config.hidden_size)
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)

    def forward(
        self,
        hidden_states: Tensor,
        angles: tuple[Tensor, Tensor],
        attention_mask: Any = None,
        cache: Cache | None = None,
        **kwargs: Any,
    ) -> tuple[Tensor, Tensor | None]:
        """[R, T, W] and, from the eager form, the weights."""
        rows, tokens, width = hidden_states.shape
        fused = self.query_key_value(hidden_states).view(rows, tokens, self.heads, -1).transpose(1, 2)
        query, key, value = fused.chunk(3, dim=-1)
        query, key = rotate(query, *angles), rotate(key, *angles)
        if cache is not None:
            key, value = cache.update(key, value, self.layer_idx)
        attend: Callable[..., Any] = ALL_ATTENTION_FUNCTIONS.get_interface(
            self.config._attn_implementation or "eager", eager_attention
        )
        out, weights = attend(
            self, query, key, value, attention_mask, dropout=0.0, scaling=self.scaling, **kwargs
        )
        return self.dense(out.reshape(rows, tokens, width)), weights


class ChatGLM1MLP(nn.Module):
    """Two linear layers with GELU (tanh form) between them."""

    def __init__(self, config: ChatGLM1Config) -> None:
        super().__init__()
        self.dense_h_to_4h = nn.Linear(config.hidden_size, config.intermediate_size)
        self.dense_4h_to_h = nn.Linear(config.intermediate_size, config.hidden_size)

    def forward(self, x: Tensor) -> Tensor:
        """[R, T, W]."""
        return self.dense_4h_to_h(F.gelu(self.dense_h_to_4h(x), approximate="tanh"))


class ChatGLM1Block(GradientCheckpointingLayer):
    """One layer.

    Args:
        config: Sizes.
        layer_idx: Number of the layer.
    """

    def __init__(self, config: ChatGLM1Config, layer_idx: int) -> None:
        super().__init__()
        self.input_layernorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.attention = ChatGLM1Attention(config, layer_idx)
        self.post_attention_layernorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.mlp = ChatGLM1MLP(config)

    def forward(self, hidden_states: Tensor, **kwargs: Any) -> Tensor:
        """[R, T, W]."""
        normed = self.input_layernorm(hidden_states)
        x = normed * ALPHA + self.attention(normed, **kwargs)[0]
        normed = self.post_attention_layernorm(x)
        return normed * ALPHA + self.mlp(normed)


class ChatGLM1PreTrainedModel(PreTrainedModel):
    """What transformers has to know of the architecture."""

    config: ChatGLM1Config
    config_class = ChatGLM1Config
    base_model_prefix = "transformer"
    supports_gradient_checkpointing = True
    _no_split_modules = ["ChatGLM1Block"]  # noqa: RUF012  (transformers' own names and types)
    _skip_keys_device_placement = ["cache"]  # noqa: RUF012
    _supports_sdpa = True
    _supports_flex_attn = True
    _supports_attention_backend = True
    _can_record_outputs = {"hidden_states": ChatGLM1Block, "attentions": ChatGLM1Attention}  # noqa: RUF012
    # recomputed from the configuration; older files hold quantities that the original never reads
    _keys_to_ignore_on_load_unexpected = [r".*rotary_emb\.inv_freq"]  # noqa: RUF012

    @property
    def position_scheme(self) -> ChatGLM1Positions:
        """How packed samples get their positions."""
        return ChatGLM1Positions(self.config)


class ChatGLM1Model(ChatGLM1PreTrainedModel):
    """Embedding, layers, final norm.

    Args:
        config: Sizes.
    """

    def __init__(self, config: ChatGLM1Config) -> None:
        super().__init__(config)
        self.word_embeddings = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList([ChatGLM1Block(config, k) for k in range(config.num_hidden_layers)])
        self.final_layernorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.gradient_checkpointing = False
        self.post_init()

    def get_input_embeddings(self) -> nn.Module:
        """The embedding."""
        return self.word_embeddings

    def set_input_embeddings(self, value: nn.Module) -> None:
        """Replace the embedding."""
        self.word_embeddings = value

    @deprecate_kwarg("past_key_values", "5.40.0", new_name="cache")
    @merge_with_config_defaults
    @capture_outputs
    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        cache: Cache | None = None,
        inputs_embeds: Tensor | None = None,
        use_cache: bool | None = None,
        **kwargs: Any,
    ) -> BaseModelOutputWithPast:
        """Final hidden states.

        Args:
            input_ids: Long [R, T].
            attention_mask: [R, S] with 0 for padding, or a mask [R, 1, T, S] as transformers means it (True or 0.0:
                visible; the official tokenizer's is the other way round). Default: nothing is padding.
            position_ids: Long [R, 2, T]. Default: found from `input_ids`; needed behind a cache.
            cache: Keys and values of earlier tokens; the context must be in it, or in `input_ids`, as a whole.
            inputs_embeds: [R, T, W] instead of `input_ids`; needs `position_ids` and a mask [R, 1, T, S].
            use_cache: Whether to return a cache.
            kwargs: For the attention function.

        Raises:
            FormatError: A row without ``<sop>`` or mask token.
            ValueError: Positions are needed and not given.
        """
        if (input_ids is None) == (inputs_embeds is None):
            raise ValueError("give either input_ids or inputs_embeds")
        hidden = self.word_embeddings(input_ids) if inputs_embeds is None else inputs_embeds
        if use_cache and cache is None:
            cache = DynamicCache(config=self.config)
        if kwargs.get("visibility") is None:  # else the caller says who sees whom
            position_ids, attention_mask = self._found(input_ids, hidden, attention_mask, position_ids, cache)
        if position_ids is None:
            raise ValueError("position_ids [R, 2, T] are needed with `visibility`")
        size = self.config.hidden_size // self.config.num_attention_heads // 2
        tables = angles(position_ids, size, self.config.rotary, hidden.dtype)  # type: ignore[arg-type]
        for layer in self.layers[: self.config.num_hidden_layers]:
            hidden = layer(
                hidden,
                angles=tables,
                attention_mask=attention_mask,
                cache=cache,
                use_cache=use_cache,
                **kwargs,
            )
        return BaseModelOutputWithPast(last_hidden_state=self.final_layernorm(hidden), cache=cache)

    def _found(
        self,
        input_ids: Tensor | None,
        hidden: Tensor,
        attention_mask: Tensor | None,
        position_ids: Tensor | None,
        cache: Cache | None,
    ) -> tuple[Tensor, Any]:
        """Positions and mask of a plain call."""
        whole = attention_mask is not None and attention_mask.dim() == 4
        begins = cache is None or cache.get_seq_length() == 0
        blocks = None
        if begins and not (whole and position_ids is not None):
            if input_ids is None:
                raise ValueError("with inputs_embeds give position_ids [R, 2, T] and a mask [R, 1, T, S]")
            found = find_places(input_ids, None if whole else attention_mask, self.config)
            position_ids = found.position_ids if position_ids is None else position_ids
            blocks = found.blocks
        if position_ids is None or position_ids.dim() != 3:
            raise ValueError(
                "position_ids must be [R, 2, T]; behind a cache they cannot be found from the ids alone"
            )
        mask = create_causal_mask(
            config=self.config,
            inputs_embeds=hidden,
            attention_mask=attention_mask,
            cache=cache,
            block_sequence_ids=blocks,
        )
        return position_ids, mask


class ChatGLM1ForCausalLM(ChatGLM1PreTrainedModel, GenerationMixin):
    """ChatGLM-6B with its LM head, tied to the embedding.

    Args:
        config: Sizes.
    """

    _tied_weights_keys = {"lm_head.weight": "transformer.word_embeddings.weight"}  # noqa: RUF012

    def __init__(self, config: ChatGLM1Config) -> None:
        super().__init__(config)
        self.transformer = ChatGLM1Model(config)
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        self.post_init()

    @deprecate_kwarg("past_key_values", "5.40.0", new_name="cache")
    @can_return_tuple
    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        cache: Cache | None = None,
        inputs_embeds: Tensor | None = None,
        labels: Tensor | None = None,
        use_cache: bool | None = None,
        logits_to_keep: int | Tensor = 0,
        **kwargs: Any,
    ) -> CausalLMOutputWithPast:
        """Logits [R, T, V], and the mean loss over `labels` (shifted inside; -100: no target).

        Arguments and errors as in `ChatGLM1Model.forward`.
        """
        out = self.transformer(
            input_ids=input_ids,
            attention_mask=attention_mask,
            position_ids=position_ids,
            cache=cache,
            inputs_embeds=inputs_embeds,
            use_cache=use_cache,
            **kwargs,
        )
        hidden = out.last_hidden_state
        kept = slice(-logits_to_keep, None) if isinstance(logits_to_keep, int) else logits_to_keep
        logits = self.lm_head(hidden[:, kept, :])
        loss = None
        if labels is not None:
            loss = self.loss_function(
                logits=logits, labels=labels, vocab_size=self.config.vocab_size, **kwargs
            )
        return CausalLMOutputWithPast(
            loss=loss,
            logits=logits,
            cache=out.cache,
            hidden_states=out.hidden_states,
            attentions=out.attentions,
        )

    def _prepare_position_ids_for_generation(
        self, inputs_tensor: Tensor, model_kwargs: dict[str, Any]
    ) -> Tensor:
        ids = model_kwargs.get("input_ids")
        ids = inputs_tensor if ids is None or not ids.shape[1] else ids
        if ids.is_floating_point():
            raise ValueError("generate needs input_ids: context and answer are found by their tokens")
        return find_places(ids, model_kwargs.get("attention_mask"), self.config).position_ids

    def _expand_inputs_for_generation(  # type: ignore[override]
        self, *args: Any, **kwargs: Any
    ) -> tuple[Tensor | None, dict[str, Any]]:
        # transformers takes axis 1 of three-dimensional positions for the rows; ours are [R, 2, T]
        position = kwargs.pop("position_ids", None)
        ids, expanded = super()._expand_inputs_for_generation(*args, **kwargs)  # type: ignore[misc]
        if position is not None:
            expanded["position_ids"] = position.repeat_interleave(kwargs.get("expand_size", 1), dim=0)
        return ids, expanded

    def _update_model_kwargs_for_generation(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        updated = super()._update_model_kwargs_for_generation(*args, **kwargs)
        added = kwargs.get("num_new_tokens", 1)
        position = updated["position_ids"]
        # an answer goes on at the place of the mask token: only its own position grows
        position[:, 0, -added:] = position[:, 0, -added - 1, None]
        return updated
