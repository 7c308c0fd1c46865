"""Open a base: the embedded one, a local folder, or a Hub id; never with remote code."""

from __future__ import annotations

import difflib
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn

from weitiao.config import BaseConfig
from weitiao.errors import ModelError

EMBEDDED = "weitiao-tiny"
"""Name of the base that comes with the package."""

_WEIGHTS = ("*.safetensors", "*.bin")


@dataclass(frozen=True)
class Base:
    """An opened base.

    Attributes:
        model: transformers causal model in eval mode.
        tokenizer: Its tokenizer.
        path: As the recipe names it.
        fingerprint: Equal iff architecture and weights are equal (up to the rounding to bfloat16).
        max_positions: Longest sequence it can take, prefix included; None when unlimited.
    """

    model: Any
    tokenizer: Any
    path: str
    fingerprint: str
    max_positions: int | None

    @property
    def num_parameters(self) -> int:
        """Weights of the base, tied ones once."""
        return sum(p.numel() for p in self.model.parameters())

    def describe(self) -> dict[str, Any]:
        """What an adapter remembers of its base."""
        config = self.model.config
        return {
            "path": self.path,
            "fingerprint": self.fingerprint,
            "architecture": type(self.model).__name__,
            "layers": config.num_hidden_layers,
            "hidden_size": config.hidden_size,
            "vocab_size": config.vocab_size,
            "parameters": self.num_parameters,
        }


def embedded_folder() -> Path:
    """Folder of the embedded base inside the package."""
    return Path(__file__).parent / EMBEDDED


def has_bfloat16() -> bool:
    """Whether the processor (or GPU) multiplies bfloat16 in hardware."""
    if torch.cuda.is_available():
        return torch.cuda.is_bf16_supported()
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def choose_device(name: str) -> torch.device:
    """``auto`` is the first GPU, else the CPU.

    Raises:
        ModelError: The device is not there.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ModelError(
            f"base.device: {name!r} cannot be used: {error}", remedy="use auto or cpu"
        ) from error
    return device


def fingerprint(model: nn.Module) -> str:
    """Sixteen hex digits over the names, shapes and a strided sample of all weights, rounded to bfloat16."""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        flat = tensor.detach().reshape(-1)
        sample = flat[:: max(1, flat.numel() // 64)][:64].to("cpu", torch.bfloat16).view(torch.int16)
        digest.update(json.dumps([name, list(tensor.shape), sample.tolist()]).encode())
    return digest.hexdigest()[:16]


def _local_folder(path: str) -> Path | None:
    """The folder a path names; None when it looks like a Hub id.

    Raises:
        ModelError: It is clearly a path, but there is no such folder.
    """
    if path == EMBEDDED:
        return embedded_folder()
    folder = Path(path).expanduser()
    if folder.is_dir():
        return folder
    looks_like_path = path.startswith((".", "/", "~")) or path.count("/") != 1 or folder.exists()
    if looks_like_path:
        near = difflib.get_close_matches(path, [EMBEDDED, *(str(p) for p in folder.parent.glob("*/"))], n=1)
        hint = f"did you mean {near[0]}?" if near else "give a folder, a Hub id (owner/name), or weitiao-tiny"
        raise ModelError(f"base.path: {path} is no folder", remedy=hint)
    return None


def _check_folder(folder: Path) -> None:
    problems = []
    if not (folder / "config.json").is_file():
        problems.append("config.json")
    if not any(next(folder.glob(p), None) for p in _WEIGHTS):
        problems.append("weights (*.safetensors)")
    if not any(
        (folder / n).is_file() for n in ("tokenizer.json", "tokenizer.model", "vocab.json", "spiece.model")
    ):
        problems.append("a tokenizer (tokenizer.json, tokenizer.model or vocab.json)")
    if problems:
        raise ModelError(
            f"base.path: {folder} lacks {', '.join(problems)}",
            remedy="download the whole model folder (config, weights and tokenizer files)",
        )


def _open(path: str, folder: Path | None, dtype: torch.dtype, revision: str | None) -> tuple[Any, Any]:
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging

    logging.disable_progress_bar()  # loading has no bar of its own here
    where = path if folder is None else str(folder)
    try:
        tokenizer = AutoTokenizer.from_pretrained(where, revision=revision)
        model = AutoModelForCausalLM.from_pretrained(
            where, dtype=dtype, revision=revision, attn_implementation="sdpa"
        )
    except (OSError, ValueError, KeyError, RuntimeError, ImportError, SafetensorError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ModelError(
            f"base.path: {path} cannot be loaded: {reason}",
            remedy="check the folder, or download the model first and give its folder",
        ) from error
    return model, tokenizer


def load_base(config: BaseConfig, *, dtype: Literal["float32", "bfloat16", "float16"] | None = None) -> Base:
    """Open a base with its tokenizer.

    Args:
        config: Section ``base`` of the recipe.
        dtype: Overrides ``config.dtype`` where that is auto.

    Raises:
        ModelError: No such folder, files missing, unloadable, or not supported.
    """
    folder = _local_folder(config.path)
    if folder is not None:
        _check_folder(folder)
    chosen = (
        config.dtype if config.dtype != "auto" else (dtype or ("bfloat16" if has_bfloat16() else "float32"))
    )
    device = choose_device(config.device)
    model, tokenizer = _open(config.path, folder, getattr(torch, chosen), config.revision)
    model = model.to(device).eval()
    limit = getattr(model.config, "max_position_embeddings", None)
    return Base(model, tokenizer, config.path, fingerprint(model), limit)
