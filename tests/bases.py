"""Tiny random bases of every supported family, built from a configuration (no download)."""

from __future__ import annotations

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

FAMILIES: dict[str, Any] = {
    "llama": lambda **kw: LlamaConfig(**{**_SHAPE, **kw}),
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


def tiny_base(family: str = "llama", *, seed: int = 0, **changes: Any) -> Any:
    """A randomly initialised model of two layers in float32, weights large enough to tell bugs apart."""
    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_config(FAMILIES[family](**changes), attn_implementation="sdpa")
    with torch.no_grad():
        for name, tensor in model.named_parameters():
            if tensor.dim() > 1:
                tensor.normal_(0, 0.3 if "embed" in name or "wte" in name else 0.15)
    return model.eval()
