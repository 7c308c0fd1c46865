"""Checkpoints of the official ChatGLM P-Tuning v2 scripts (ChatGLM-6B, ChatGLM2-6B, ChatGLM3-6B).

``config.json`` is that of the base with ``pre_seq_len`` and ``prefix_projection``; ``pytorch_model.bin`` holds
``transformer.prefix_encoder.*``. Keys are not rotated, and text begins at position 0 with the prefix or without.

Legend: L layers, K key/value heads, P prefix length, D head size, E size of an embedding, I hidden size of the MLP.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from weitiao.errors import AdapterError, collect
from weitiao.tuning.exchange.encoder import Encoder, Projection
from weitiao.tuning.exchange.files import read_tensors
from weitiao.tuning.exchange.kinds import read_json
from weitiao.tuning.prefix import PrefixShape

FILES = ("pytorch_model.bin", "model.safetensors")
PREFIX = "transformer.prefix_encoder."
_DIRECT = ("embedding.weight",)
_PROJECTED = (*_DIRECT, "trans.0.weight", "trans.0.bias", "trans.2.weight", "trans.2.bias")


def read(folder: Path) -> Encoder:
    """The prefix of an official checkpoint.

    Weights of the base that lie in the same file are left alone.

    Raises:
        AdapterError: Files or tensors are missing, of another shape than config.json says, or not finite.
    """
    folder = Path(folder)
    config = read_json(folder / "config.json")
    shape = shape_of(config, folder)
    path, everything = read_tensors(folder, FILES)
    tensors = {n.removeprefix(PREFIX): t for n, t in everything.items() if n.startswith(PREFIX)}
    if not tensors:
        found = ", ".join(sorted(everything)[:3]) or "nothing"
        raise AdapterError(
            f"{path}: expected tensors {PREFIX}*, it holds {found}",
            remedy="give the folder that training with pre_seq_len wrote (output/.../checkpoint-N)",
        )
    projected = bool(config.get("prefix_projection"))
    _check(tensors, shape, projected, path)
    projection = Projection(*(tensors[n] for n in _PROJECTED[1:])) if projected else None
    return Encoder(shape, tensors["embedding.weight"], 0, projection)


def shape_of(config: Mapping[str, Any], folder: Path) -> PrefixShape:
    """L, K, P, D from an official ``config.json`` with ``pre_seq_len``.

    Raises:
        AdapterError: Keys are missing.
    """
    missing = [
        k for k in ("pre_seq_len", "num_layers", "num_attention_heads", "hidden_size") if not config.get(k)
    ]
    if missing:
        raise AdapterError(
            f"{folder / 'config.json'} lacks {', '.join(missing)}",
            remedy="give the config.json that the scripts wrote beside the tensors",
        )
    heads = config["num_attention_heads"]
    shared = config.get("multi_query_group_num") if config.get("multi_query_attention", True) else None
    size = config.get("kv_channels") or config["hidden_size"] // heads
    return PrefixShape(config["num_layers"], shared or heads, config["pre_seq_len"], size)


def _check(tensors: Mapping[str, Tensor], shape: PrefixShape, projected: bool, path: Path) -> None:
    wanted = _PROJECTED if projected else _DIRECT
    problems = [f"{PREFIX}{n} is missing" for n in wanted if n not in tensors]
    problems += [f"{PREFIX}{n} is not expected" for n in tensors if n not in wanted]
    if not problems:
        problems = [
            f"{PREFIX}{name} has shape {list(tensors[name].shape)}, config.json asks for {expected}"
            for name, expected in _shapes(tensors, shape, projected).items()
            if list(tensors[name].shape) != expected
        ]
        problems += [
            f"{PREFIX}{n} holds values that are not finite"
            for n in wanted
            if not torch.isfinite(tensors[n]).all()
        ]
    if problems:
        has = "true" if projected else "false"
        raise AdapterError(
            collect(problems, what=f"{path} does not hold the prefix that config.json describes"),
            remedy=f"use the config.json that was saved with these tensors (prefix_projection is {has} in this one)",
        )


def _shapes(tensors: Mapping[str, Tensor], shape: PrefixShape, projected: bool) -> dict[str, list[int]]:
    """Expected shapes; the sizes E and I of a projection are free, the tensors have only to agree on them."""
    numbers = shape.layers * 2 * shape.heads * shape.size
    if not projected:
        return {"embedding.weight": [shape.length, numbers]}
    inner, outer = tensors["trans.0.bias"].numel(), tensors["embedding.weight"].shape[-1]
    return {
        "embedding.weight": [shape.length, outer],
        "trans.0.weight": [inner, outer],
        "trans.0.bias": [inner],
        "trans.2.weight": [numbers, inner],
        "trans.2.bias": [numbers],
    }


def write(folder: Path, encoder: Encoder, base_config: Mapping[str, Any]) -> None:
    """Write an official checkpoint. Inverse of `read`.

    Args:
        folder: Empty.
        encoder: With text at position 0.
        base_config: Official ``config.json`` of the base.

    Raises:
        AdapterError: The base has another shape.
    """
    if encoder.position_start != 0:
        raise ValueError(f"official checkpoints have text at 0, this prefix at {encoder.position_start}")
    config = {
        **base_config,
        "pre_seq_len": encoder.shape.length,
        "prefix_projection": encoder.is_projected,
    }
    expected = shape_of(config, folder)
    if expected != encoder.shape:
        raise AdapterError(
            f"the prefix has {_said(encoder.shape)}, the base {_said(expected)}",
            remedy="give the base that the adapter was trained on (--base)",
        )
    values = [encoder.embedding, *(encoder.projection or ())]
    names = _PROJECTED if encoder.is_projected else _DIRECT
    tensors = {PREFIX + n: t.detach().cpu().clone() for n, t in zip(names, values, strict=True)}
    torch.save(tensors, folder / FILES[0])
    text = json.dumps(config, ensure_ascii=False, indent=2, sort_keys=True)
    (folder / "config.json").write_text(text + "\n", encoding="utf-8")


def _said(shape: PrefixShape) -> str:
    return f"{shape.layers} layers of {shape.heads} key heads of size {shape.size}"
