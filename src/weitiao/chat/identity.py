"""What tells one format from another, and which example an error is about."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from weitiao.chat.protocols import Tokenizer
from weitiao.errors import FormatError
from weitiao.types import Example


def fingerprint_of(*facts: Any) -> str:
    """Sixteen hex digits of JSON-able facts."""
    text = json.dumps(facts, ensure_ascii=False, sort_keys=True)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def pad_id_of(tokenizer: Tokenizer) -> int:
    """Id for unused places; they are seen by nobody, so any id of the vocabulary does."""
    for token in (tokenizer.pad_token_id, tokenizer.eos_token_id):
        if token is not None:
            return int(token)
    return 0


@contextmanager
def located(example: Example) -> Iterator[None]:
    """Put id and origin of an example in front of the message of a `FormatError`."""
    try:
        yield
    except FormatError as error:
        where = f" ({example.origin})" if example.origin is not None else ""
        message = f"example {example.id}{where} cannot be rendered: {error.message}"
        raise FormatError(message, remedy=error.remedy) from error
