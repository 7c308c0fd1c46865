"""ChatGLM2-6B and ChatGLM3-6B as transformers' own GLM: which official tensor becomes which, and the configuration.

The two are one architecture, equal to `GlmForCausalLM`; only the fused query-key-value matrix is stored as one tensor
in the release and as three in transformers. Both directions are here: `targets` splits, `weitiao.models.convert` puts
together again to check a conversion.

Source: docs/design/chatglm.md (checked against values of the original code in tests/models/test_chatglm_glm.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from weitiao.errors import ModelError

_LAYER = re.compile(r"transformer\.encoder\.layers\.(\d+)\.(.+)")
_WHOLE = {
    "transformer.embedding.word_embeddings.weight": "model.embed_tokens.weight",
    "transformer.encoder.final_layernorm.weight": "model.norm.weight",
    "transformer.output_layer.weight": "lm_head.weight",
}
_IN_LAYER = {
    "input_layernorm.weight": "input_layernorm.weight",
    "post_attention_layernorm.weight": "post_attention_layernorm.weight",
    "self_attention.dense.weight": "self_attn.o_proj.weight",
    "mlp.dense_h_to_4h.weight": "mlp.gate_up_proj.weight",
    "mlp.dense_4h_to_h.weight": "mlp.down_proj.weight",
}
_FUSED = "self_attention.query_key_value."
DROPPED = frozenset({"transformer.rotary_pos_emb.inv_freq"})
"""Stored by the release, never read by it: recomputed from the configuration."""

_REQUIRED = {
    "multi_query_attention": True,
    "add_qkv_bias": True,
    "add_bias_linear": False,
    "rmsnorm": True,
    "post_layer_norm": True,
    "apply_residual_connection_post_layernorm": False,
}


class Target(NamedTuple):
    """Where rows of an official tensor go.

    Attributes:
        name: Parameter of `GlmForCausalLM`.
        start: First row.
        stop: Row behind the last; None for the whole tensor.
    """

    name: str
    start: int = 0
    stop: int | None = None


@dataclass(frozen=True, slots=True)
class Sizes:
    """Rows of the fused matrix: H query heads and K key/value heads of D."""

    heads: int
    groups: int
    size: int

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Sizes:
        """From the official configuration."""
        return cls(config["num_attention_heads"], config["multi_query_group_num"], config["kv_channels"])

    def spans(self) -> Iterator[tuple[str, int, int]]:
        """Projection name, first row, row behind the last."""
        start = 0
        for name, heads in (("q_proj", self.heads), ("k_proj", self.groups), ("v_proj", self.groups)):
            yield name, start, start + heads * self.size
            start += heads * self.size


def targets(name: str, sizes: Sizes) -> tuple[Target, ...]:
    """Where an official tensor goes; empty for what is dropped.

    ``..._scale`` of a quantised matrix goes where the matrix goes, as ``scale`` beside ``weight``.

    Raises:
        ModelError: A name that the architecture does not have.
    """
    if name in DROPPED:
        return ()
    if name in _WHOLE:
        return (Target(_WHOLE[name]),)
    found = _LAYER.fullmatch(name)
    if found:
        number, rest = found.groups()
        scaled = rest.endswith(".weight_scale")
        rest = rest.removesuffix("_scale")
        if rest.startswith(_FUSED):
            kind = "scale" if scaled else rest.removeprefix(_FUSED)
            return tuple(
                Target(f"model.layers.{number}.self_attn.{part}.{kind}", start, stop)
                for part, start, stop in sizes.spans()
            )
        if rest in _IN_LAYER:
            to = f"model.layers.{number}.{_IN_LAYER[rest]}"
            return (Target(to.removesuffix("weight") + "scale" if scaled else to),)
    raise ModelError(
        f"tensor {name!r} is not part of ChatGLM2 or ChatGLM3",
        remedy="the folder holds another model, or an adapter: a P-Tuning folder is read by `weitiao adapter convert`",
    )


def native_config(official: Mapping[str, Any], version: str) -> dict[str, Any]:
    """Keyword arguments of `GlmConfig` for an official configuration.

    Args:
        official: ``config.json`` of the release.
        version: chatglm2 or chatglm3; they differ in what ``rope_ratio`` of the 32k variants means.

    Raises:
        ModelError: Keys are missing, or ask for what no release does.
    """
    missing = [key for key in (*_NEEDED, "multi_query_group_num") if key not in official]
    other = [f"{k} {official[k]}" for k, v in _REQUIRED.items() if official.get(k, v) != v]
    if missing or other:
        said = [f"lacks {', '.join(missing)}"] if missing else []
        said += [f"has {', '.join(other)}, which no ChatGLM2 or ChatGLM3 release has"] if other else []
        raise ModelError(f"config.json {' and '.join(said)}", remedy="use the config.json of the release")
    ratio = float(official.get("rope_ratio") or 1.0)
    rope: dict[str, Any] = {"rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 0.5}
    if ratio != 1.0 and version == "chatglm2":
        rope |= {"rope_type": "linear", "factor": ratio}  # positions divided
    elif ratio != 1.0:
        rope["rope_theta"] *= ratio
    stops = [2, 64795, 64797] if version == "chatglm3" and official["padded_vocab_size"] > 64797 else 2
    return {
        **{name: official[key] for key, name in _NEEDED.items()},
        "num_key_value_heads": official["multi_query_group_num"],
        "hidden_act": "silu",
        "attention_bias": True,
        "attention_dropout": 0.0,
        "rope_parameters": rope,
        "tie_word_embeddings": False,
        "bos_token_id": 1,
        "eos_token_id": stops,
        "pad_token_id": 0,
    }


_NEEDED = {
    "padded_vocab_size": "vocab_size",
    "hidden_size": "hidden_size",
    "ffn_hidden_size": "intermediate_size",
    "num_layers": "num_hidden_layers",
    "num_attention_heads": "num_attention_heads",
    "kv_channels": "head_dim",
    "layernorm_epsilon": "rms_norm_eps",
    "seq_length": "max_position_embeddings",
}
