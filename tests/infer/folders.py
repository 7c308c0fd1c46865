"""A base folder and adapter folders over it, as training leaves them behind."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bases import tiny_base
from builders import chat_tokenizer
from weitiao.chat import Absorbed, make_format
from weitiao.config import BaseConfig
from weitiao.models.load import load_base
from weitiao.tuning.adapter import save_adapter
from weitiao.tuning.prefix import PrefixShape, initial

VOCABULARY = 320


def make_base(folder: Path, *, seed: int = 0, template: str = "roles", **changes: Any) -> Path:
    tokenizer = chat_tokenizer(template, VOCABULARY)
    stop = tokenizer.eos_token_id
    sizes = {"vocab_size": VOCABULARY, "eos_token_id": stop, "pad_token_id": stop, "bos_token_id": None}
    tiny_base(seed=seed, **{**sizes, **changes}).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def make_adapter(
    folder: Path,
    base: Path,
    *,
    prompt: str = "question",
    system: str | None = None,
    absorbed: Sequence[int] = (),
    length: int = 4,
    full_seed: int | None = None,
    **changes: Any,
) -> Path:
    """A prefix adapter, or with `full_seed` the weights of another base."""
    opened = load_base(BaseConfig.model_validate({"path": str(base), "dtype": "float32", "device": "cpu"}))
    inner = make_format("auto", opened.tokenizer)
    format = Absorbed(inner, tuple(absorbed)) if absorbed else inner
    if full_seed is None:
        tensors = {"kv": initial("random", PrefixShape.of(opened.model.config, length), seed=5)}
        method: dict[str, Any] = {"kind": "prefix", "length": length}
    else:
        other = tiny_base(seed=full_seed, vocab_size=VOCABULARY)
        tensors, method = dict(other.state_dict()), {"kind": "full"}
    config = {
        "name": "tiny",
        "base": opened.describe(),
        "method": method,
        "position_start": length if full_seed is None else 0,
        "absorbed": list(absorbed),
        "format": format.describe(),
        "data": {"prompt": prompt, "response": "answer", "system": system},
        "decode": {"max_new_tokens": 8},
        "seed": 0,
        **changes,
    }
    save_adapter(folder, tensors, config)
    return folder
