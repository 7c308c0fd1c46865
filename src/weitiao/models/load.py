"""Open a base: the embedded one, a folder, a Hub or ModelScope id, or an official ChatGLM release.

Never with remote code: official ChatGLM folders, whose code no longer runs, are read by `weitiao.models.chatglm`.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from weitiao.config import BaseConfig
from weitiao.errors import ModelError
from weitiao.models import chatglm, memory
from weitiao.models.checkpoint import read_json
from weitiao.models.quantised import QuantisedLinear
from weitiao.models.source import EMBEDDED, embedded_folder, folder_of, is_complete

__all__ = ["EMBEDDED", "Base", "embedded_folder", "fingerprint", "has_bfloat16", "load_base"]

_TOKENIZERS = (
    "tokenizer.json",
    "tokenizer.model",
    "vocab.json",
    "vocab.txt",
    "spiece.model",
    "ice_text.model",
)
_CONVERSION = "conversion.json"
_FIRST = "chatglm1"  # model_type of our port of ChatGLM-6B


@dataclass(frozen=True)
class Base:
    """An opened base.

    Attributes:
        model: transformers causal model in eval mode.
        tokenizer: Its tokenizer.
        path: As the recipe names it.
        fingerprint: Equal iff architecture and weights are equal (up to the rounding to bfloat16).
        max_positions: Longest sequence it can take, prefix included; None when unlimited.
        rotary: How rotary angles are formed, see `BaseConfig.rotary`.
    """

    model: Any
    tokenizer: Any
    path: str
    fingerprint: str
    max_positions: int | None
    rotary: Literal["exact", "original"] = "exact"

    @property
    def num_parameters(self) -> int:
        """Weights of the base, tied ones once, quantised ones counted as weights."""
        packed = sum(m.weight.numel() for m in self.model.modules() if getattr(m, "bits", None) == 4)
        return sum(p.numel() for p in self.model.parameters()) + packed

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
            **({} if self.rotary == "exact" else {"rotary": self.rotary}),
        }


def has_bfloat16() -> bool:
    """Whether the processor (or GPU) multiplies bfloat16 in hardware."""
    if torch.cuda.is_available():
        return torch.cuda.is_bf16_supported()
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def choose_device(name: str, *, key: str = "base.device") -> torch.device:
    """``auto`` is the first GPU, else the CPU.

    Args:
        name: As the recipe says.
        key: Dotted path in the recipe, for the message.

    Raises:
        ModelError: The device is not there.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ModelError(f"{key}: {name!r} cannot be used: {error}", remedy="use auto or cpu") from error
    return device


def _weights(model: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Names and weights; a quantised matrix as what it stands for, so that keeping it changes no fingerprint."""
    quantised = {n: m for n, m in model.named_modules() if isinstance(m, QuantisedLinear)}
    for name, tensor in model.state_dict().items():
        path, _, leaf = name.rpartition(".")
        if path not in quantised or leaf == "bias":
            yield name, tensor
        elif leaf == "weight":
            yield name, quantised[path].expanded(torch.bfloat16)


def fingerprint(model: nn.Module) -> str:
    """Sixteen hex digits over the names, shapes and a strided sample of all weights, rounded to bfloat16."""
    digest = hashlib.sha256()
    for name, tensor in sorted(_weights(model), key=lambda pair: pair[0]):
        flat = tensor.detach().reshape(-1)
        sample = flat[:: max(1, flat.numel() // 64)][:64].to("cpu", torch.bfloat16).view(torch.int16)
        digest.update(json.dumps([name, list(tensor.shape), sample.tolist()]).encode())
    return digest.hexdigest()[:16]


def _check_folder(folder: Path) -> None:
    problems = []
    if not (folder / "config.json").is_file():
        problems.append("config.json")
    if not any(next(folder.glob(p), None) for p in ("*.safetensors", "*.bin")):
        problems.append("weights (*.safetensors)")
    if not any((folder / n).is_file() for n in _TOKENIZERS):
        problems.append("a tokenizer (tokenizer.json, tokenizer.model or vocab.json)")
    if problems:
        raise ModelError(
            f"base.path: {folder} lacks {', '.join(problems)}",
            remedy="download the whole model folder (config, weights and tokenizer files)",
        )


def open_tokenizer(folder: Path, official: chatglm.Version | None) -> Any:
    """The tokenizer of a folder; `official` names the release of an official ChatGLM folder."""
    if official is not None:
        from weitiao.models.tokenizers import load_chatglm

        return load_chatglm(folder, official)
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(folder, trust_remote_code=False)


def _own_classes(config: Mapping[str, Any]) -> None:
    """Register our port of ChatGLM-6B where a converted folder asks for it."""
    if config.get("model_type") == _FIRST:
        import weitiao.models.chatglm1  # noqa: F401  (registers model and tokenizer with transformers' Auto classes)


def is_encoder(config: Mapping[str, Any]) -> bool:
    """Whether a ``config.json`` is that of an encoder: a model that fills in masked words."""
    from transformers.models.auto.modeling_auto import MODEL_FOR_MASKED_LM_MAPPING_NAMES

    decodes = config.get("is_decoder") or config.get("is_encoder_decoder")
    return config.get("model_type") in MODEL_FOR_MASKED_LM_MAPPING_NAMES and not decodes


def read_weights(auto: Any, folder: Path, path: str, *, optional: str = "", **options: Any) -> Any:
    """A model of transformers with every weight from the files: a missing one would be random numbers.

    Args:
        auto: `AutoModelForCausalLM` or `AutoModel`.
        folder: Complete model folder.
        path: ``base.path``, for the message.
        optional: Weights that may be missing begin with this; empty: none may.
        options: Of ``from_pretrained``.

    Raises:
        ModelError: Unreadable, unknown to transformers, or weights missing.
    """
    from safetensors import SafetensorError
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()  # loading has no bar of its own here
    try:
        model, report = auto.from_pretrained(
            folder, attn_implementation="sdpa", output_loading_info=True, trust_remote_code=False, **options
        )
    except (OSError, ValueError, KeyError, RuntimeError, ImportError, SafetensorError) as error:
        raise _unloadable(path, error) from error
    missing = sorted(k for k in report["missing_keys"] if not optional or not k.startswith(optional))
    if missing:
        raise ModelError(
            f"base.path: {path} lacks {len(missing)} weights of {type(model).__name__}, e.g. {', '.join(missing[:3])}",
            remedy="download the whole release, with the config.json that belongs to it",
        )
    return model


def _unloadable(path: str, error: Exception) -> ModelError:
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return ModelError(
        f"base.path: {path} cannot be loaded: {reason}",
        remedy="check the folder, or download the model first and give its folder",
    )


def _open(path: str, folder: Path, config: BaseConfig, dtype: torch.dtype, place: Any) -> tuple[Any, Any]:
    from transformers import AutoModelForCausalLM

    raw = read_json(folder / "config.json")
    if is_encoder(raw):
        raise ModelError(
            f"base.path: {path} is an encoder ({raw.get('model_type')}), which writes no answers",
            remedy="use a causal base; encoders are opened by weitiao.models.encoders.load_encoder",
        )
    official = chatglm.version_of(folder, raw) if chatglm.is_official(raw) else None
    try:
        _own_classes(raw)
        tokenizer = open_tokenizer(folder, official)
    except (OSError, ValueError, KeyError, RuntimeError, ImportError) as error:
        raise _unloadable(path, error) from error
    if official is not None:
        model = chatglm.load(
            folder, dtype=dtype, rotary=config.rotary, quantised=config.quantised, device_map=place
        )
        return model, tokenizer
    several = {"device_map": place} if config.device_map is not None else {}
    first = {"rotary": config.rotary} if raw.get("model_type") == _FIRST else {}
    model = read_weights(AutoModelForCausalLM, folder, path, dtype=dtype, **several, **first)
    if config.rotary == "original" and not first:
        _use_original_angles(model, folder, path)
    return (model if several else model.to(place)), tokenizer


def _use_original_angles(model: Any, folder: Path, path: str) -> None:
    """``base.rotary: original`` on a folder that `weitiao base convert` wrote."""
    if model.config.model_type == "chatglm1":  # our port reads its configuration in every forward pass
        model.config.rotary = "original"
        return
    origin = read_json(folder / _CONVERSION) if (folder / _CONVERSION).is_file() else {}
    version = origin.get("version")
    if version not in ("chatglm2", "chatglm3"):
        raise ModelError(
            f"base.path: {path} is no ChatGLM release; base.rotary original is defined for these only",
            remedy="leave base.rotary at exact",
        )
    model.model.rotary_emb = chatglm.angles(
        model.config, "original", version, origin.get("rope_ratio") or 1.0
    )


def _place(config: BaseConfig, folder: Path, dtype: torch.dtype) -> Any:
    """Device, or module name -> device, of the weights."""
    if config.device_map is None:
        return choose_device(config.device)
    if config.device_map != "auto":
        for name in config.device_map.values():
            choose_device(f"cuda:{name}" if isinstance(name, int) else name, key="base.device_map")
        return dict(config.device_map)
    raw = read_json(folder / "config.json")
    if not chatglm.is_official(raw):
        return "auto"
    return chatglm.automatic_map(folder, raw, dtype)


def check_room(config: BaseConfig, folder: Path, dtype: torch.dtype) -> str:
    """One line on what a base needs and what there is; weights that are not here yet are counted by config.json.

    Raises:
        ModelError: It cannot fit.
    """
    raw = read_json(folder / "config.json")
    if is_complete(folder, weights=True):
        need = memory.need_of(folder, raw, keep=config.quantised == "keep")
    else:
        need = memory.need_from_config(folder)
    if config.device_map is not None:
        return memory.check_fits(need, dtype, "all devices", memory.available_everywhere(), config.path)
    device = choose_device(config.device)
    return memory.check_fits(need, dtype, str(device), memory.available(device), config.path)


def precision_of(config: BaseConfig, otherwise: str | None = None) -> torch.dtype:
    """Type of the weights: ``base.dtype``; where that is auto `otherwise`, else what the machine does best."""
    best = otherwise or ("bfloat16" if has_bfloat16() else "float32")
    return getattr(torch, best if config.dtype == "auto" else config.dtype)


def load_base(
    config: BaseConfig,
    *,
    dtype: Literal["float32", "bfloat16", "float16"] | None = None,
    notify: Callable[[str], None] | None = None,
) -> Base:
    """Open a base with its tokenizer.

    Args:
        config: Section ``base`` of the recipe.
        dtype: Overrides ``config.dtype`` where that is auto.
        notify: Gets one line before the weights are loaded: how much memory they need, and how much there is.
            Default: the logger `weitiao.models.load`, which the command line shows.

    Raises:
        ModelError: No such folder, files missing, unloadable, too large for the device, or not supported.
    """
    try:
        return _load(config, dtype, notify)
    except ModelError as error:
        if "base." in error.message:
            raise
        raise ModelError(f"base.path: {error.message}", remedy=error.remedy) from error


def _load(config: BaseConfig, dtype: str | None, notify: Callable[[str], None] | None) -> Base:
    precision = precision_of(config, dtype)
    choose_device(config.device)
    folder = folder_of(config.path, revision=config.revision, weights=False)
    complete = is_complete(folder, weights=True)
    if complete or Path(config.path).expanduser().is_dir():
        _check_folder(folder)
    line = check_room(config, folder, precision)
    (notify or logging.getLogger(__name__).info)(line)
    if not complete:
        folder = folder_of(config.path, revision=config.revision)
    model, tokenizer = _open(config.path, folder, config, precision, _place(config, folder, precision))
    model = model.eval()
    limit = getattr(model.config, "max_position_embeddings", None)
    return Base(model, tokenizer, config.path, fingerprint(model), limit, config.rotary)
