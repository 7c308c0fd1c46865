"""What a base folder is, from its files alone: no weight is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from weitiao.errors import ModelError
from weitiao.models import chatglm
from weitiao.models.checkpoint import Checkpoint, Header, read_json
from weitiao.models.memory import need_from_config, need_of
from weitiao.models.source import folder_of, is_complete

_NAMES = {"chatglm": "ChatGLM-6B", "chatglm2": "ChatGLM2-6B", "chatglm3": "ChatGLM3-6B"}
_SIZES = {
    "layers": ("num_hidden_layers", "num_layers", "n_layer"),
    "hidden_size": ("hidden_size", "n_embd"),
    "heads": ("num_attention_heads", "n_head"),
    "key_value_heads": ("num_key_value_heads", "multi_query_group_num"),
    "vocabulary": ("padded_vocab_size", "vocab_size"),
    "positions": ("max_position_embeddings", "seq_length", "max_sequence_length", "n_positions"),
}


def describe(path: str, *, revision: str | None = None) -> dict[str, Any]:
    """Family, version, sizes, memory by dtype, tokenizer and chat format of a base.

    Args:
        path: As in ``base.path``; of an id that is not here only configuration and tokenizer are fetched.
        revision: Of a Hub or ModelScope id.

    Raises:
        ModelError: No base: nothing there, an adapter, a broken file.
    """
    folder = folder_of(path, revision=revision, weights=False)
    raw = read_json(folder / "config.json")
    complete = is_complete(folder, weights=True)
    headers = Checkpoint.open(folder).headers if complete else {}
    _refuse_adapter(folder, raw, headers)
    official = chatglm.is_official(raw)
    version = chatglm.version_of(folder, raw) if official else None
    bits = raw.get("quantization_bit") or 0
    keep = bool(bits)
    need = need_of(folder, raw, keep=keep) if complete else need_from_config(folder)
    out: dict[str, Any] = {
        "path": path,
        "folder": str(folder),
        "family": raw.get("model_type", "unknown"),
        **({"release": _NAMES[version], "layout": "official (read without its code)"} if version else {}),
        **_origin(folder),
        **{name: value for name, keys in _SIZES.items() if (value := _first(raw, keys)) is not None},
        "parameters": need.parameters,
        "weights": "here" if complete else "not here",
        "stored_as": f"int{bits}" if bits else sorted({str(h.dtype)[6:] for h in headers.values()}),
        "memory_bytes": need.table(),
    }
    return out | _tokenizer(folder, version)


def _first(raw: Mapping[str, Any], keys: tuple[str, ...]) -> Any:
    return next((raw[key] for key in keys if raw.get(key) is not None), None)


def _origin(folder: Path) -> dict[str, Any]:
    """What `weitiao base convert` noted."""
    if not (folder / "conversion.json").is_file():
        return {}
    told = read_json(folder / "conversion.json")
    return {
        "converted_from": _NAMES.get(str(told.get("version")), "unknown"),
        "checksum": told.get("checksum"),
    }


def _refuse_adapter(folder: Path, raw: Mapping[str, Any], headers: Mapping[str, Header]) -> None:
    if headers and all("prefix_encoder" in name for name in headers):
        raise ModelError(
            f"{folder} is no base but a P-Tuning v2 adapter of the official scripts (prefix of "
            f"{raw.get('pre_seq_len', 'unknown')} tokens)",
            remedy="convert it with `weitiao adapter convert`, and give the folder of its base here",
        )


def _tokenizer(folder: Path, version: chatglm.Version | None) -> dict[str, Any]:
    from weitiao.models.load import open_tokenizer

    try:
        tokenizer = open_tokenizer(folder, version)
    except (ModelError, OSError, ValueError, KeyError, ImportError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        return {"tokenizer": f"cannot be opened: {reason}", "format": "unknown"}
    told = tokenizer.init_kwargs.get("chatglm_version")
    return {
        "tokenizer": f"{len(tokenizer)} tokens, {'fast' if tokenizer.is_fast else 'slow'}",
        "format": told or ("template" if tokenizer.chat_template else "plain"),
    }
