"""Chat formats: how messages become token ids, in training and prediction alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from weitiao.chat.absorb import Absorbed, common_beginning
from weitiao.chat.plain import PlainFormat
from weitiao.chat.protocols import ChatFormat, Piece, Tokenizer
from weitiao.chat.show import show, show_plain
from weitiao.chat.template import TemplateFormat
from weitiao.config import FormatConfig
from weitiao.errors import FormatError

__all__ = [
    "Absorbed",
    "ChatFormat",
    "Piece",
    "PlainFormat",
    "TemplateFormat",
    "Tokenizer",
    "common_beginning",
    "make_format",
    "restore_format",
    "show",
    "show_plain",
]


def make_format(config: Literal["auto"] | FormatConfig, tokenizer: Tokenizer) -> ChatFormat:
    """The chat format that a recipe asks for.

    Args:
        config: ``auto`` is the tokenizer's chat template if it has one, else plain text.
        tokenizer: Tokenizer of the base.

    Raises:
        FormatError: The tokenizer lacks what the format needs.
    """
    kind = ("template" if tokenizer.chat_template else "plain") if config == "auto" else config.kind
    if kind == "template":
        return TemplateFormat(tokenizer)
    return PlainFormat(tokenizer) if config == "auto" else PlainFormat(tokenizer, config.separator)  # type: ignore[union-attr]


def restore_format(description: Mapping[str, Any], tokenizer: Tokenizer) -> ChatFormat:
    """Build a format again from what its `describe` said, absorbed beginning included.

    The template text of the description is used, not the tokenizer's own.

    Raises:
        FormatError: With this tokenizer the format renders in another way.
    """
    if description.get("kind") == "template":
        inner: ChatFormat = TemplateFormat(tokenizer, str(description["template"]))
    elif description.get("kind") == "plain":
        inner = PlainFormat(tokenizer, str(description["separator"]))
    else:
        raise FormatError(
            f"expected a chat format of kind `template` or `plain`, got {description.get('kind')!r}"
        )
    expected = description.get("inner_fingerprint", description["fingerprint"])
    if inner.fingerprint != expected:
        raise FormatError(
            f"expected the chat format {expected}, got {inner.fingerprint}: this tokenizer encodes text or "
            "special tokens in another way",
            remedy="use the tokenizer that was trained with",
        )
    return Absorbed.restore(inner, description) if "absorbed" in description else inner
