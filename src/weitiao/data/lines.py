"""The stored form of an example: one JSON object, one line; and the hash over a data set.

``{"id", "messages": [{"role", "content", "train"}], "group", "origin", "meta"}``, with ``tool_calls`` in a message that
calls functions, and ``tools`` and ``weight`` where there are some.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from weitiao.types import ROLES, Example, Message, Origin, ToolCall

_written = json.JSONEncoder(ensure_ascii=False).encode  # made once: json.dumps makes one for every value
_read = json.JSONDecoder().decode


def line_of(example: Example) -> str:
    """The line of an example, with its line end."""
    return _written(example_dict(example)) + "\n"


def example_of(line: str) -> Example:
    """The example of a line.

    Raises:
        ValueError: It is not JSON, or not a stored example.
    """
    return example_from(_read(line))


class Digest:
    """SHA-256 over ids and contents of all parts, in order: what `dataset_hash` gives, one example after the other."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()

    def begin(self, part: str) -> None:
        """The examples of this part come next."""
        self._hash.update(f"[{part}]\n".encode())

    def add(self, example: Example) -> None:
        """The next example of the part."""
        turns = [[m.role, m.content, m.train, *_calls(m)] for m in example.messages]
        said: list[Any] = [example.id, turns]
        if example.tools:
            said.append(list(example.tools))
        if example.weight != 1:
            said.append({"weight": example.weight})
        self._hash.update(_written(said).encode() + b"\n")

    def hexdigest(self) -> str:
        """The hash so far, hex."""
        return self._hash.hexdigest()


def _calls(message: Message) -> list[list[dict[str, Any]]]:
    """The calls in a list of one, an empty list where there are none."""
    return [[call.as_dict() for call in message.tool_calls]] if message.tool_calls else []


def _message_dict(message: Message) -> dict[str, Any]:
    stored: dict[str, Any] = {"role": message.role, "content": message.content, "train": message.train}
    for calls in _calls(message):
        stored["tool_calls"] = calls
    return stored


def example_dict(example: Example) -> dict[str, Any]:
    """The stored form of one example."""
    origin = example.origin
    stored: dict[str, Any] = {
        "id": example.id,
        "messages": [_message_dict(message) for message in example.messages],
        "group": example.group,
        "origin": None if origin is None else {"file": origin.file, "row": origin.row, "sheet": origin.sheet},
        "meta": dict(example.meta),
    }
    if example.tools:
        stored["tools"] = [dict(tool) for tool in example.tools]
    if example.weight != 1:
        stored["weight"] = example.weight
    return stored


def example_from(stored: Mapping[str, Any]) -> Example:
    """The example of its stored form.

    Raises:
        ValueError: A part is missing or of the wrong kind.
    """
    try:
        messages = tuple(_message(m) for m in stored["messages"])
        if not messages:
            raise ValueError("no messages")
        origin = stored.get("origin")
        return Example(
            id=_typed(stored["id"], str, "id"),
            messages=messages,
            group=_typed(stored.get("group", ""), str, "group"),
            origin=None if origin is None else Origin(origin["file"], origin["row"], origin.get("sheet")),
            meta=dict(stored.get("meta") or {}),
            tools=tuple(_typed(tool, dict, "tools") for tool in stored.get("tools") or ()),
            weight=float(_typed(stored.get("weight", 1.0), int | float, "weight")),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a stored example: {type(error).__name__} {error}") from error


def _message(stored: Mapping[str, Any]) -> Message:
    role = stored["role"]
    if role not in ROLES:
        raise ValueError(f"unknown role {role!r}, expected one of {', '.join(ROLES)}")
    calls = tuple(
        ToolCall(_typed(call["name"], str, "name"), _typed(call["arguments"], dict, "arguments"))
        for call in stored.get("tool_calls") or ()
    )
    return Message(role, _typed(stored["content"], str, "content"), bool(stored.get("train", False)), calls)


def _typed(value: Any, kind: Any, name: str) -> Any:
    if not isinstance(value, kind):
        raise ValueError(f"{name}: expected {getattr(kind, '__name__', kind)}, got {type(value).__name__}")
    return value
