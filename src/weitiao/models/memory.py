"""Memory that a base needs, told and checked before it is loaded.

Counted are the weights as they will be held; activations, gradients and the cache come on top and depend on the work.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from weitiao.errors import ModelError
from weitiao.models.checkpoint import Checkpoint

DTYPES = ("float32", "bfloat16", "float16")


def in_words(nbytes: int) -> str:
    """A number of bytes in MiB or GiB."""
    return f"{nbytes / 2**30:.1f} GiB" if nbytes >= 2**30 else f"{nbytes / 2**20:.1f} MiB"


@dataclass(frozen=True)
class Need:
    """What the weights of a base take.

    Attributes:
        parameters: Number of weights; quantised ones counted as weights, not as bytes.
        stored: Bytes of integers kept as stored (0 unless quantised and kept).
        floating: Weights that take the size of the chosen dtype.
    """

    parameters: int
    stored: int
    floating: int

    def nbytes(self, dtype: torch.dtype) -> int:
        """Bytes in memory."""
        return self.stored + self.floating * dtype.itemsize

    def table(self) -> dict[str, int]:
        """Bytes by dtype name."""
        return {name: self.nbytes(getattr(torch, name)) for name in DTYPES}


def need_of(folder: Path, config: Mapping[str, Any], *, keep: bool = False) -> Need:
    """From the headers of the weight files; no weight is read.

    Args:
        folder: Complete model folder.
        config: Its ``config.json``.
        keep: Whether integers of a quantised official checkpoint stay integers.
    """
    packed = 2 if config.get("quantization_bit") == 4 else 1
    tied = config.get("tie_word_embeddings", "inner_hidden_size" in config)  # ChatGLM-6B stores its tied head
    parameters = stored = floating = 0
    for name, header in Checkpoint.open(folder).headers.items():
        if name.endswith("rotary_emb.inv_freq") or name.endswith("rotary_pos_emb.inv_freq"):
            continue  # recomputed
        if tied and name == "lm_head.weight":
            continue
        if header.dtype.is_floating_point:
            if name.endswith("weight_scale"):
                stored += header.nbytes if keep else 0
                continue
            parameters += header.numel
            floating += header.numel
        elif header.dtype == torch.int8:
            parameters += header.numel * packed
            stored += header.nbytes if keep else 0
            floating += 0 if keep else header.numel * packed
        else:
            parameters += header.numel
            stored += header.nbytes
    return Need(parameters, stored, floating)


def need_from_config(folder: Path) -> Need:
    """From the configuration alone, before any weight is downloaded.

    Raises:
        ModelError: transformers does not know the architecture.
    """
    from transformers import AutoConfig, AutoModel, AutoModelForCausalLM
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

    from weitiao.models.chatglm import empty_model, is_official, version_of
    from weitiao.models.checkpoint import read_json

    raw = read_json(folder / "config.json")
    version = version_of(folder, raw) if is_official(raw) else None
    if version == "chatglm":
        width, layers, inner = raw["hidden_size"], raw["num_layers"], raw["inner_hidden_size"]
        weights = raw["vocab_size"] * width + layers * (4 * width * width + 2 * width * inner)
        return Need(weights, 0, weights)
    try:
        if version is not None:
            model = empty_model(raw, version)
        else:
            causal = raw.get("model_type") in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES
            with torch.device("meta"):
                model = (AutoModelForCausalLM if causal else AutoModel).from_config(
                    AutoConfig.from_pretrained(folder, trust_remote_code=False)
                )
    except (ValueError, KeyError) as error:
        raise ModelError(
            f"{folder}: transformers has no model for this config.json: {str(error).splitlines()[0]}",
            remedy="use a base of a supported family (docs/bases.md)",
        ) from error
    weights = sum(p.numel() for p in model.parameters())
    return Need(weights, 0, weights)


def _group_limit() -> int | None:
    """Bytes that the control group of this process has left (a container's limit); None without one."""
    root = Path("/sys/fs/cgroup")
    try:
        limit = int((root / "memory.max").read_text())
        used = int((root / "memory.current").read_text())
        lines = (line.split() for line in (root / "memory.stat").read_text().splitlines())
        cached = sum(int(n) for name, n in lines if name in ("inactive_file", "active_file"))
    except (OSError, ValueError):
        return None
    return max(0, limit - used + cached)  # cached files are given back when asked for


def available(device: torch.device) -> int | None:
    """Free bytes on a device; None where it cannot be known."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    if device.type != "cpu":
        return None
    import psutil

    free = psutil.virtual_memory().available
    limit = _group_limit()
    return free if limit is None else min(free, limit)


def available_everywhere() -> int:
    """Free bytes on all GPUs and the CPU together (``device_map: auto``)."""
    gpus = range(torch.cuda.device_count() if torch.cuda.is_available() else 0)
    return sum(available(torch.device("cuda", n)) or 0 for n in gpus) + (available(torch.device("cpu")) or 0)


def _count(number: int) -> str:
    return f"{number / 1e9:.2f} billion" if number >= 1e8 else f"{number / 1e6:.2f} million"


def check_fits(need: Need, dtype: torch.dtype, where: str, free: int | None, path: str) -> str:
    """Refuse a base that cannot fit.

    Args:
        need: Of the base.
        dtype: It will be held in.
        where: Device, for the message.
        free: Bytes; None when unknown.
        path: ``base.path``, for the message.

    Returns:
        One line for the user: what it needs and what there is.

    Raises:
        ModelError: It does not fit.
    """
    name = str(dtype).removeprefix("torch.")
    wanted = need.nbytes(dtype)
    room = "unknown" if free is None else in_words(free)
    line = (
        f"{path}: {_count(need.parameters)} weights, {in_words(wanted)} in {name} on {where} (free: {room})"
    )
    if free is None or wanted <= free:
        return line
    ways = [f"base.dtype {n} ({in_words(b)})" for n, b in need.table().items() if b <= free and b < wanted]
    ways += ["a quantised release (int4) with base.quantised keep"] if not need.stored else []
    ways += ["base.device_map auto (several devices)", "a smaller base", "a machine with more memory"]
    raise ModelError(
        f"base.path: {path} does not fit: its weights take {in_words(wanted)} in {name}, {where} has {room} free",
        remedy=f"use {', or '.join(dict.fromkeys(ways))}",
    )
