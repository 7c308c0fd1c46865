"""Chinese words: jieba, loaded when first needed and without its chatter."""

from __future__ import annotations

import functools
import logging
import os
import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af]")


def has_han(text: str) -> bool:
    """Whether the text contains at least one Chinese character."""
    return _HAN.search(text) is not None


@functools.lru_cache(maxsize=16384)  # BLEU and ROUGE cut the same texts, before and after the same references
def cut(text: str) -> tuple[str, ...]:
    """Cut a text into words with jieba's default dictionary (white space is kept as words)."""
    return tuple(_tokenizer().lcut(text))


def frequencies() -> Mapping[str, int]:
    """How often each word of jieba's dictionary occurs; 0 for beginnings of words that are no words themselves."""
    found: Mapping[str, int] = _tokenizer().FREQ
    return found


@functools.cache
def _tokenizer() -> Any:
    """A jieba tokenizer of our own: words that a caller adds to the global one do not change scores."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # jieba's own deprecated escapes and pkg_resources import
        import jieba

    # jieba logs its loading, and a failed write of its cache, to stderr.
    jieba.setLogLevel(logging.CRITICAL + 1)
    tokenizer: Any = jieba.Tokenizer()
    # Its default place is a file of a fixed name in the shared temporary folder, which anybody could
    # have put there. Where this folder cannot be written jieba goes without a cache (about a second).
    tokenizer.tmp_dir = str(_cache_folder())
    tokenizer.initialize()
    return tokenizer


def _cache_folder() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    folder = Path(base) / "weitiao"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return folder  # read-only home: jieba finds no cache there and writes none
    return folder
