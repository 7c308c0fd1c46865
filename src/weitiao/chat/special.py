"""What several chat formats ask of a tokenizer and of function schemas."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from weitiao.chat.protocols import Tokenizer
from weitiao.errors import FormatError


def ids_of(tokenizer: Tokenizer, names: Sequence[str], kind: str) -> dict[str, int]:
    """Ids of special tokens by name.

    Args:
        tokenizer: The tokenizer.
        names: Of the special tokens.
        kind: Of the format that needs them, for the message.

    Raises:
        FormatError: The tokenizer lacks one.
    """
    found: dict[str, int] = {}
    missing: list[str] = []
    for name in names:
        token = tokenizer.convert_tokens_to_ids(name)
        if token is None or token == tokenizer.unk_token_id or token < 0:
            missing.append(name)
        else:
            found[name] = int(token)
    if missing:
        raise FormatError(
            f"the format `{kind}` needs the special tokens {', '.join(names)}; the tokenizer lacks "
            f"{', '.join(missing)}",
            remedy="use `format: auto`, or the tokenizer of the base that the format belongs to",
        )
    return found


def unwrapped(tool: Mapping[str, Any]) -> Mapping[str, Any]:
    """A function schema without OpenAI's wrapping ``{"type": "function", "function": {...}}``."""
    inner = tool.get("function")
    return inner if tool.get("type") == "function" and isinstance(inner, Mapping) else tool


def wrapped(tool: Mapping[str, Any]) -> Mapping[str, Any]:
    """A function schema with that wrapping."""
    return tool if "function" in tool else {"type": "function", "function": dict(tool)}
