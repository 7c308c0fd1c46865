"""The adapter folder: ``adapter_model.safetensors`` and ``adapter_config.json``.

The configuration says which base (fingerprint) and which chat format (fingerprint) the tensors belong to; loading on
another base or with another format is refused with the difference named, because the result would be silently
wrong.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes
from torch import Tensor, nn

from weitiao.errors import AdapterError

SCHEMA_VERSION = 1
TENSORS = "adapter_model.safetensors"
CONFIG = "adapter_config.json"


def save_adapter(folder: Path, tensors: Mapping[str, Tensor], config: Mapping[str, Any]) -> None:
    """Write an adapter folder; a folder that is there is replaced only when the new one is complete.

    Args:
        folder: Where.
        tensors: ``{"kv": [L, 2, K, P, D]}`` for a prefix, all weights after full tuning.
        config: JSON-able; schema version and checksum are added.
    """
    data = to_bytes(dict(tensors))
    full = {"schema_version": SCHEMA_VERSION, **config, "sha256": hashlib.sha256(data).hexdigest()}
    fresh = folder.with_name(f".{folder.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    try:
        fresh.mkdir(parents=True)
        (fresh / TENSORS).write_bytes(data)
        (fresh / CONFIG).write_text(json.dumps(full, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise
    old = folder.with_name(f".{folder.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        os.replace(folder, old)
    os.replace(fresh, folder)
    shutil.rmtree(old, ignore_errors=True)


def read_config(folder: Path) -> dict[str, Any]:
    """The configuration of an adapter folder.

    Raises:
        AdapterError: No such folder, file missing, not JSON, or of a newer version.
    """
    path = Path(folder) / CONFIG
    if not path.is_file():
        _refuse_official(Path(folder))
        what = "holds no " + CONFIG if Path(folder).is_dir() else "is no folder"
        raise AdapterError(
            f"{folder} {what}", remedy="give the `adapter` folder of a run (runs/NAME/adapter)"
        )
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        _refuse_peft(config, folder)
        version = config["schema_version"]
    except (ValueError, KeyError, TypeError) as error:
        raise AdapterError(
            f"{path} is damaged: {error}", remedy="train again or restore the folder"
        ) from error
    if version > SCHEMA_VERSION:
        raise AdapterError(
            f"{path} has schema version {version}, this weitiao reads up to {SCHEMA_VERSION}",
            remedy="upgrade weitiao",
        )
    return config


def _refuse_official(folder: Path) -> None:
    path = folder / "config.json"
    if path.is_file() and "pre_seq_len" in path.read_text("utf-8", errors="replace"):
        raise AdapterError(
            f"{folder} is a checkpoint of the official ChatGLM P-Tuning v2 scripts",
            remedy=f"convert it first: weitiao adapter convert {folder} OUT --to weitiao --base BASE",
        )


def _refuse_peft(config: Mapping[str, Any], folder: Path) -> None:
    if "peft_type" in config and "schema_version" not in config:
        raise AdapterError(
            f"{folder} is an adapter of PEFT ({config['peft_type']})",
            remedy=f"convert it first: weitiao adapter convert {folder} OUT --to weitiao",
        )


def read_tensors(folder: Path, config: Mapping[str, Any]) -> dict[str, Tensor]:
    """The tensors of an adapter folder, checked against their checksum.

    Raises:
        AdapterError: Missing, cut short, or changed.
    """
    path = Path(folder) / TENSORS
    if not path.is_file():
        raise AdapterError(f"{folder} holds no {TENSORS}", remedy="train again or restore the folder")
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    if digest != config.get("sha256"):
        raise AdapterError(
            f"{path} is damaged: its checksum is {digest[:12]}…, {CONFIG} says {str(config.get('sha256'))[:12]}…",
            remedy="copy the folder again from where it was trained",
        )
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise AdapterError(
            f"{path} is damaged: {error}", remedy="train again or restore the folder"
        ) from error


def check_base(config: Mapping[str, Any], base: Mapping[str, Any], folder: Path) -> None:
    """Refuse another base than the one the adapter was trained on.

    Args:
        config: Of the adapter.
        base: `weitiao.models.load.Base.describe` of the base at hand.
        folder: For the message.
    """
    wanted = config["base"]
    if wanted["fingerprint"] == base["fingerprint"]:
        return
    keys = ("architecture", "layers", "hidden_size", "vocab_size", "parameters")
    different = [
        f"{k} {wanted.get(k)} (adapter) against {base.get(k)} (base)"
        for k in keys
        if wanted.get(k) != base.get(k)
    ]
    reason = "; ".join(different) or "the same shape, but other weights"
    raise AdapterError(
        f"{folder} was trained on {wanted['path']}, not on {base['path']}: {reason}",
        remedy=f"load it with the base it was trained on ({wanted['path']}), or train an adapter for this one",
    )


def check_format(config: Mapping[str, Any], current: Mapping[str, Any], folder: Path) -> None:
    """Refuse another chat format than the one the adapter was trained with.

    Args:
        config: Of the adapter.
        current: ``ChatFormat.describe()`` of the base at hand.
        folder: For the message.
    """
    wanted = config["format"]
    if wanted["fingerprint"] == current["fingerprint"]:
        return
    keys = sorted(set(wanted) | set(current))
    different = [k for k in keys if k != "fingerprint" and wanted.get(k) != current.get(k)]
    shown = "; ".join(f"{k}: {str(wanted.get(k))[:60]!r} -> {str(current.get(k))[:60]!r}" for k in different)
    raise AdapterError(
        f"{folder} was trained with another chat format than the base has now ({shown or 'special tokens differ'})",
        remedy="use the tokenizer files the adapter was trained with",
    )


def prefix_of(tensors: Mapping[str, Tensor], model: nn.Module, folder: Path) -> Tensor:
    """The ``kv`` tensor [L, 2, K, P, D], checked against the base's shape."""
    from weitiao.tuning.prefix import PrefixShape

    kv = tensors.get("kv")
    if kv is None or kv.dim() != 5:
        raise AdapterError(f"{folder} holds no tensor kv [L, 2, K, P, D]", remedy="it is no prefix adapter")
    expected = PrefixShape.of(model.config, kv.shape[3]).tensor
    if tuple(kv.shape) != expected:
        raise AdapterError(
            f"{folder}: kv has shape {list(kv.shape)}, this base needs {list(expected)}",
            remedy="load it with the base it was trained on",
        )
    if not torch.isfinite(kv).all():
        raise AdapterError(
            f"{folder}: kv holds values that are not finite", remedy="train again with a lower rate"
        )
    return kv
