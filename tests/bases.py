"""Tiny random bases of every supported family, built from a configuration (no download)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from transformers import (
    AutoModelForCausalLM,
    Glm4Config,
    GlmConfig,
    GPT2Config,
    LlamaConfig,
    MistralConfig,
    Phi3Config,
    Qwen2Config,
    Qwen3Config,
)

from weitiao.models.chatglm1 import ChatGLM1Config
from weitiao.tuning.attention import Visibility
from weitiao.tuning.positions import scheme_of
from weitiao.types import Rendered

_SHAPE: dict[str, Any] = {
    "vocab_size": 97,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 256,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}

_LLAMA3_ROPE: dict[str, Any] = {
    "rope_type": "llama3",
    "rope_theta": 500000.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,
}

FAMILIES: dict[str, Any] = {
    "llama": lambda **kw: LlamaConfig(**{**_SHAPE, **kw}),
    "llama3": lambda **kw: LlamaConfig(**{**_SHAPE, "rope_parameters": _LLAMA3_ROPE, **kw}),
    "qwen2": lambda **kw: Qwen2Config(**{**_SHAPE, **kw}),
    "qwen3": lambda **kw: Qwen3Config(**{**_SHAPE, "head_dim": 8, **kw}),
    "glm": lambda **kw: GlmConfig(**{**_SHAPE, "head_dim": 8, **kw}),
    "glm4": lambda **kw: Glm4Config(**{**_SHAPE, "head_dim": 8, **kw}),
    "mistral": lambda **kw: MistralConfig(**{**_SHAPE, "sliding_window": None, **kw}),
    "phi3": lambda **kw: Phi3Config(**{**_SHAPE, "sliding_window": None, **kw}),
    "gpt2": lambda **kw: GPT2Config(
        **{
            "vocab_size": 97,
            "n_embd": 32,
            "n_layer": 2,
            "n_head": 4,
            "n_positions": 256,
            "pad_token_id": 0,
            "bos_token_id": 1,
            "eos_token_id": 2,
            **kw,
        }
    ),
}

"""Families that look back only."""

GMASK, SOP = 98, 99

CONTEXT_FAMILIES: dict[str, Any] = {
    "chatglm1": lambda **kw: ChatGLM1Config(
        **{
            **{k: v for k, v in _SHAPE.items() if k != "num_key_value_heads"},
            "vocab_size": 100,
            "mask_token_id": 97,
            "gmask_token_id": GMASK,
            "bos_token_id": SOP,
            "tie_word_embeddings": False,  # tied, a tiny random one repeats its last token
            **kw,
        }
    ),
}
"""Families whose samples begin with a context that looks both ways."""

ALL_FAMILIES = {**FAMILIES, **CONTEXT_FAMILIES}


def as_sample(family: str, sample: Rendered) -> Rendered:
    """A sample as the family has it: for a context, ``[gMASK] <sop>`` is put in before the first target.

    The context is cut to a multiple of 6, so that samples of one root often have the same.
    """
    if family not in CONTEXT_FAMILIES:
        return sample
    until = sample.trained.index(True) if True in sample.trained else len(sample)
    cut = max(1, until // 6 * 6)
    ids, trained = sample.ids, sample.trained
    target = any(trained)
    return replace(
        sample,
        ids=(*ids[:cut], GMASK, SOP, *ids[cut:]),
        trained=(*trained[:cut], False, target, *trained[cut:]),
        context=cut + 1,
    )


def as_prompt(family: str, ids: Sequence[int]) -> list[int]:
    """A prompt as the family has it."""
    return list(as_sample(family, Rendered(tuple(ids), (False,) * len(ids))).ids)


def alone(model: Any, ids: Sequence[int], prefix: torch.Tensor | None = None) -> dict[str, Any]:
    """Arguments with which a prepared model reads one sample by itself, without a cache."""
    scheme, places = scheme_of(model), torch.arange(len(ids))[None]
    context = scheme.context_of(ids)
    start = scheme.start(0 if prefix is None else prefix.shape[3])
    first = torch.where(places < context, 0, places)
    return {
        "input_ids": torch.tensor([list(ids)]),
        "position_ids": scheme.position_ids(places + start, torch.full_like(places, context)),
        "visibility": Visibility(first, torch.full_like(places, len(ids) - 1), len(ids)),
        "prefix": prefix,
        "use_cache": False,
    }


def tiny_base(family: str = "llama", *, seed: int = 0, **changes: Any) -> Any:
    """A randomly initialised model of two layers in float32, weights large enough to tell bugs apart."""
    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_config(ALL_FAMILIES[family](**changes), attn_implementation="sdpa")
    with torch.no_grad():
        for name, tensor in model.named_parameters():
            if tensor.dim() > 1:
                tensor.normal_(0, 0.3 if "embed" in name or "wte" in name else 0.15)
    return model.eval()
