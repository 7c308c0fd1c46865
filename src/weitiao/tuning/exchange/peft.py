"""Adapters of PEFT, peft_type PREFIX_TUNING.

``adapter_model`` holds one tensor ``prompt_embeddings`` [P, L * 2 * K * D] with the MLP folded away, whatever
``prefix_projection`` says; ``num_attention_heads`` and ``token_dim`` are those of the key heads (K and K * D). Text
begins at position P. An adapter that PEFT is to read must say ``inference_mode: true``: then a projection in the
configuration is not built again.

Legend: L layers, K key/value heads, P prefix length, D head size.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from weitiao.errors import AdapterError
from weitiao.tuning.exchange.encoder import Encoder
from weitiao.tuning.exchange.files import read_tensors
from weitiao.tuning.exchange.kinds import ADAPTER_CONFIG, PREFIX_TUNING, read_json
from weitiao.tuning.prefix import PrefixShape

FILES = ("adapter_model.safetensors", "adapter_model.bin")
TENSOR = "prompt_embeddings"
_SIZES = ("num_virtual_tokens", "num_layers", "num_attention_heads", "token_dim")


def read(folder: Path) -> Encoder:
    """The prefix of a PEFT adapter.

    Raises:
        AdapterError: Another method, files or keys missing, or a tensor of another shape.
    """
    folder = Path(folder)
    config = read_json(folder / ADAPTER_CONFIG)
    shape = shape_of(config, folder)
    path, tensors = read_tensors(folder, FILES)
    if set(tensors) != {TENSOR}:
        raise AdapterError(
            f"{path}: expected one tensor {TENSOR}, it holds {', '.join(sorted(tensors)[:5]) or 'nothing'}",
            remedy="save the adapter again with PEFT 0.21 (model.save_pretrained)",
        )
    flat = tensors[TENSOR]
    expected = [shape.length, shape.layers * 2 * shape.heads * shape.size]
    if list(flat.shape) != expected:
        raise AdapterError(
            f"{path}: {TENSOR} has shape {list(flat.shape)}, {ADAPTER_CONFIG} asks for {expected}",
            remedy=f"use the {ADAPTER_CONFIG} that was saved with this file",
        )
    if not torch.isfinite(flat).all():
        raise AdapterError(f"{path} holds values that are not finite", remedy="train again with a lower rate")
    return Encoder(shape, flat, shape.length)


def shape_of(config: Mapping[str, Any], folder: Path) -> PrefixShape:
    """L, K, P, D from an ``adapter_config.json`` of PEFT.

    Raises:
        AdapterError: Another method than prefix tuning of a causal model, or keys missing.
    """
    path = folder / ADAPTER_CONFIG
    if config.get("peft_type") != PREFIX_TUNING:
        raise AdapterError(
            f"{path}: expected peft_type {PREFIX_TUNING}, it is {config.get('peft_type')}",
            remedy="only prefix tuning can be converted",
        )
    submodules = config.get("num_transformer_submodules") or 1
    if config.get("task_type") not in (None, "CAUSAL_LM") or submodules != 1:
        raise AdapterError(
            f"{path}: expected a causal language model, task_type is {config.get('task_type')} with {submodules} "
            "transformer parts",
            remedy="only adapters of decoders can be converted",
        )
    missing = [k for k in _SIZES if not isinstance(config.get(k), int) or config[k] <= 0]
    if missing:
        raise AdapterError(
            f"{path} has no positive {', '.join(missing)}",
            remedy="save the adapter from a model made by get_peft_model, which fills these in",
        )
    length, layers, heads, width = (config[k] for k in _SIZES)
    if width % heads:
        raise AdapterError(
            f"{path}: token_dim {width} is no multiple of num_attention_heads {heads}",
            remedy="both have to be those of the key heads",
        )
    return PrefixShape(layers, heads, length, width // heads)


def write(folder: Path, encoder: Encoder, base: str | None, *, revision: str | None = None) -> None:
    """Write an adapter that PEFT 0.21 reads. Inverse of `read`.

    Args:
        folder: Empty.
        encoder: Direct, with text at position P.
        base: Folder or Hub id of the base, for ``PeftModel.from_pretrained`` and its like.
        revision: Of the Hub id.
    """
    shape = encoder.shape
    if encoder.is_projected or encoder.position_start != shape.length:
        raise ValueError("PEFT reads direct prefixes whose text begins behind them")
    width = shape.heads * shape.size
    config = {
        "auto_mapping": None,
        "base_model_name_or_path": base,
        "encoder_hidden_size": width,
        "inference_mode": True,
        "init_weights": None,
        "num_attention_heads": shape.heads,
        "num_layers": shape.layers,
        "num_transformer_submodules": 1,
        "num_virtual_tokens": shape.length,
        "peft_type": PREFIX_TUNING,
        "prefix_projection": False,
        "revision": revision,
        "task_type": "CAUSAL_LM",
        "token_dim": width,
    }
    save_file({TENSOR: encoder.embedding.detach().cpu().contiguous()}, folder / FILES[0], {"format": "pt"})
    (folder / ADAPTER_CONFIG).write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
