"""What is asked of a generator and what comes back: the border between the stages and whoever writes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from weitiao.types import Message

_PER_MESSAGE = 16  # tokens that a chat format may put around a message


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """One question to a generator.

    Attributes:
        messages: System and user turns.
        temperature: Of the sampling.
        max_tokens: Longest answer.
        sample: Tells two requests with the same text apart, so that each has an answer of its own.
    """

    messages: tuple[Message, ...]
    temperature: float
    max_tokens: int
    sample: int = 0

    def content(self) -> dict[str, Any]:
        """Everything that the answer depends on beside the generator."""
        return {
            "messages": [{"role": m.role, "content": m.content} for m in self.messages],
            "temperature": self.temperature,
            "max_tokens": self.max_tokens,
            "sample": self.sample,
        }

    def key(self, generator: str) -> str:
        """SHA-256 (hex) of the request and of who answers it; the name of its answer in the cache."""
        text = json.dumps([generator, self.content()], ensure_ascii=False, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def prompt_bound(self) -> int:
        """No tokenizer makes more tokens of the prompt: one a byte, and what a chat format adds."""
        return sum(len(m.content.encode()) + _PER_MESSAGE for m in self.messages) + _PER_MESSAGE


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one answer."""

    prompt: int
    completion: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What a generator wrote.

    Attributes:
        text: The content of its message.
        usage: Tokens as the generator counts them, None where it does not say.
        is_whole: False where it was cut off at ``max_tokens``.
    """

    text: str
    usage: Usage | None = None
    is_whole: bool = True

    def as_dict(self) -> dict[str, Any]:
        """The stored form."""
        usage = (
            None if self.usage is None else {"prompt": self.usage.prompt, "completion": self.usage.completion}
        )
        return {"text": self.text, "usage": usage, "is_whole": self.is_whole}

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Answer:
        """The inverse of `as_dict`; raises ``KeyError`` or ``TypeError`` for anything else."""
        usage = stored["usage"]
        text, is_whole = stored["text"], stored["is_whole"]
        if not isinstance(text, str) or not isinstance(is_whole, bool):
            raise TypeError("no stored answer")
        return cls(
            text, None if usage is None else Usage(int(usage["prompt"]), int(usage["completion"])), is_whole
        )


@dataclass(frozen=True, slots=True)
class Failure:
    """A request without an answer.

    Attributes:
        reason: Why, in one sentence.
        is_final: Whether the same request will never be answered.
    """

    reason: str
    is_final: bool = False


class TryAgain(Exception):
    """An attempt failed in a way that may pass.

    Args:
        reason: What happened.
        wait_s: How long the server asks to wait, None where it does not say.
        is_charged: Whether it may have cost money: the request was sent and its answer did not arrive.
    """

    def __init__(self, reason: str, *, wait_s: float | None = None, is_charged: bool = False) -> None:
        super().__init__(reason)
        self.reason, self.wait_s, self.is_charged = reason, wait_s, is_charged


class Refused(Exception):
    """This request will never be answered (too long, blocked by a content filter)."""


@runtime_checkable
class Generator(Protocol):
    """Whoever writes: an endpoint, or a function of ours. Used as an asynchronous context.

    Attributes:
        name: Part of the key of each answer in the cache; holds no secrets.
    """

    @property
    def name(self) -> str: ...

    async def __aenter__(self) -> Generator: ...

    async def __aexit__(self, *error: object) -> None: ...

    async def complete(self, request: ChatRequest) -> Answer:
        """Try once.

        Raises:
            TryAgain: It may work later.
            Refused: It never will.
            ConfigError: Nothing at all will work (wrong key, no such model).
        """
        ...
