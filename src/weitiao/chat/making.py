"""Which chat format a recipe or an adapter means."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

from weitiao import config as recipe
from weitiao.chat.absorb import Absorbed
from weitiao.chat.chatglm3 import ChatGLM3Format
from weitiao.chat.plain import PlainFormat
from weitiao.chat.protocols import ChatFormat, Tokenizer
from weitiao.chat.roles import RolesFormat
from weitiao.chat.rounds import ChatGLM2Format, ChatGLMFormat
from weitiao.chat.template import TemplateFormat
from weitiao.config import FormatConfig
from weitiao.errors import FormatError

_OF_CHATGLM: Mapping[str, Callable[[Tokenizer], ChatFormat]] = {
    "chatglm": ChatGLMFormat,
    "chatglm2": ChatGLM2Format,
    "chatglm3": ChatGLM3Format,
}

# What `describe` said and a tokenizer -> the format.
_RESTORED: Mapping[str, Callable[[Tokenizer, Mapping[str, Any]], ChatFormat]] = {
    "template": lambda t, d: TemplateFormat(t, str(d["template"])),
    "plain": lambda t, d: PlainFormat(t, str(d["separator"])),
    "roles": lambda t, d: RolesFormat(t, dict(d["prefixes"]), str(d["round"]), str(d["separator"])),
    "chatglm": lambda t, d: ChatGLMFormat(t),
    "chatglm2": lambda t, d: ChatGLM2Format(t, d["history"]),
    "chatglm3": lambda t, d: ChatGLM3Format(t, d["calls"]),
}


def make_format(config: Literal["auto"] | FormatConfig, tokenizer: Tokenizer) -> ChatFormat:
    """The chat format that a recipe asks for.

    Args:
        config: ``auto`` is ChatGLM's own format for a tokenizer of ChatGLM, else the tokenizer's chat template
            if it has one, else plain text.
        tokenizer: Tokenizer of the base.

    Raises:
        FormatError: The tokenizer lacks what the format needs.
    """
    match config:
        case recipe.PlainFormat():
            return PlainFormat(tokenizer, config.separator)
        case recipe.TemplateFormat():
            return TemplateFormat(tokenizer)
        case recipe.RolesFormat():
            return RolesFormat(tokenizer, config.prefixes.model_dump(), config.round, config.separator)
        case recipe.ChatGLMFormat():
            return ChatGLMFormat(tokenizer)
        case recipe.ChatGLM2Format():
            return ChatGLM2Format(tokenizer, config.history)
        case recipe.ChatGLM3Format():
            return ChatGLM3Format(tokenizer, config.calls)
    own = _OF_CHATGLM.get(chatglm_version(tokenizer) or "")
    if own is not None:
        return own(tokenizer)
    return TemplateFormat(tokenizer) if tokenizer.chat_template else PlainFormat(tokenizer)


def chatglm_version(tokenizer: Tokenizer) -> str | None:
    """``chatglm``, ``chatglm2`` or ``chatglm3`` where the tokenizer says so in its configuration."""
    return tokenizer.init_kwargs.get("chatglm_version")


def restore_format(description: Mapping[str, Any], tokenizer: Tokenizer) -> ChatFormat:
    """Build a format again from what its `describe` said, absorbed beginning included.

    The template text of the description is used, not the tokenizer's own.

    Raises:
        FormatError: With this tokenizer the format renders in another way.
    """
    restore = _RESTORED.get(str(description.get("kind")))
    if restore is None:
        raise FormatError(
            f"expected a chat format of kind {', '.join(f'`{k}`' for k in _RESTORED)}, got "
            f"{description.get('kind')!r}"
        )
    inner = restore(tokenizer, description)
    expected = description.get("inner_fingerprint", description["fingerprint"])
    if inner.fingerprint != expected:
        raise FormatError(
            f"expected the chat format {expected}, got {inner.fingerprint}: this tokenizer encodes text or "
            "special tokens in another way",
            remedy="use the tokenizer that was trained with",
        )
    return Absorbed.restore(inner, description) if "absorbed" in description else inner
