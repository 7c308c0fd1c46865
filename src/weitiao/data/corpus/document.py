"""The value that every maker returns, and the phrase grammar that gives the wording its variety."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from weitiao.types import Message


@dataclass(frozen=True, slots=True)
class Document:
    """One piece of pretraining text: running text or a chat, never both.

    Attributes:
        kind: Name of the maker in ``KINDS``.
        text: Running text, else None.
        messages: Turns of a chat; every assistant turn has ``train=True``. Else None.
        spans: Strings that the last assistant turn claims to have copied from the turns before it.
    """

    kind: str
    text: str | None = None
    messages: tuple[Message, ...] | None = None
    spans: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if (self.text is None) == (self.messages is None):
            raise ValueError(f"{self.kind}: a document has exactly one of text and messages")


@dataclass(frozen=True, slots=True)
class Passage:
    """A made-up sentence together with what it mentions.

    Attributes:
        text: The sentence or short paragraph.
        slots: What it mentions by name ("城市", "room", ...), each span a substring of ``text``.
        noun: What a person would call the text: 句子, 问题, 通知, sentence ...
        english: Whether instructions about it are worded in English.
    """

    text: str
    slots: dict[str, str]
    noun: str = "句子"
    english: bool = False


def running(kind: str, text: str) -> Document:
    """A document of running text."""
    return Document(kind, text=text)


def chat(
    kind: str,
    *turns: str,
    system: str | None = None,
    spans: Sequence[str] = (),
) -> Document:
    """A chat whose turns alternate user, assistant, user, ... and end with the assistant."""
    if not turns or len(turns) % 2:
        raise ValueError(f"{kind}: turns come in pairs of user and assistant, got {len(turns)}")
    messages = [Message("system", system)] if system else []
    for index, content in enumerate(turns):
        answer = index % 2 == 1
        messages.append(Message("assistant" if answer else "user", content, train=answer))
    return Document(kind, messages=tuple(messages), spans=tuple(spans))


Node = str | tuple["tuple[Node, ...]", ...]
_SLOT = re.compile(r"\{(\w+)\}")


def _parse(template: str, start: int, depth: int) -> tuple[tuple[tuple[Node, ...], ...], int]:
    """Options of one bracket from ``start`` to its closing bracket (or the end at depth 0)."""
    options: list[tuple[Node, ...]] = []
    current: list[Node] = []
    literal: list[str] = []
    position = start
    while position < len(template):
        char = template[position]
        if (char == "[" or (depth and char in "|]")) and literal:
            current.append("".join(literal))
            literal = []
        if char == "[":
            inner, position = _parse(template, position + 1, depth + 1)
            current.append(inner)
            continue
        if depth and char == "|":
            options.append(tuple(current))
            current = []
        elif depth and char == "]":
            options.append(tuple(current))
            return tuple(options), position + 1
        else:
            literal.append(char)
        position += 1
    if depth:
        raise ValueError(f"unclosed [ in phrase template {template!r}")
    if literal:
        current.append("".join(literal))
    return ((*options, tuple(current))), position


@cache
def _compiled(template: str) -> tuple[Node, ...]:
    return _parse(template, 0, 0)[0][0]


def _expand(rng: random.Random, nodes: tuple[Node, ...]) -> str:
    parts: list[str] = []
    for node in nodes:
        if isinstance(node, str):
            parts.append(node)
        else:
            parts.append(_expand(rng, node[int(rng.random() * len(node))]))
    return "".join(parts)


def say(rng: random.Random, template: str, /, **slots: str) -> str:
    """Expand ``[a|b|]`` choices at random, then fill ``{slot}`` marks.

    Slot values are inserted as they are: brackets and braces inside them stay text.

    Raises:
        KeyError: The template names a slot that was not given.
    """
    text = _expand(rng, _compiled(template))
    return _SLOT.sub(lambda match: slots[match[1]], text) if slots else text
