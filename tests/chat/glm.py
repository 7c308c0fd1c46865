"""Tokenizers of the real ChatGLM models, and stand-ins with the same special tokens for where these are absent."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from builders import sentencepiece_tokenizer

VERSIONS = ("chatglm", "chatglm2", "chatglm3")
_SPECIAL = {
    "chatglm": ["[MASK]", "[gMASK]", "<sop>", "<eop>"],
    "chatglm2": ["[MASK]", "[gMASK]", "[sMASK]", "sop", "eop"],
    "chatglm3": [
        *("[MASK]", "[gMASK]", "[sMASK]", "sop", "eop"),
        *("<|system|>", "<|user|>", "<|assistant|>", "<|observation|>"),
    ],
}


@cache
def real_tokenizer(shared: Path, version: str) -> Any:
    """From the official data files."""
    from weitiao.models.tokenizers import load_chatglm

    return load_chatglm(shared / "reference" / "tokenizers" / f"{version}-6b", version)  # type: ignore[arg-type]


@cache
def small_tokenizer(version: str) -> Any:
    """A tokenizer of a few hundred pieces with the special tokens of a version."""
    tokenizer = sentencepiece_tokenizer(None)
    tokenizer.add_special_tokens({"additional_special_tokens": _SPECIAL[version]})
    if version == "chatglm":
        tokenizer.eos_token = "<eop>"
    tokenizer.init_kwargs["chatglm_version"] = version
    return tokenizer
