"""The stored form of an example: one JSON object, one line; and the hash over a data set.

``{"id", "messages": [{"role", "content", "train"}], "group", "origin", "meta"}``, with ``tool_calls`` in a message that
calls functions, and ``tools`` and ``weight`` where there are some.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any

from weitiao.types import ROLES, Example, Message, Origin, ToolCall

_written = json.JSONEncoder(ensure_ascii=False).encode  # made once: json.dumps makes one for every value
_quoted = json.encoder.encode_basestring  # what `_written` gives for a text, several times as fast
_scan: Callable[[str, int], tuple[Any, int]] = getattr(json.JSONDecoder(), "scan_once")  # noqa: B009
_FLAG = {True: "true", False: "false"}


def line_of(example: Example) -> str:
    """The line of an example, with its line end: `example_dict` as JSON."""
    messages = ", ".join(
        f'{{"role": {_quoted(m.role)}, "content": {_quoted(m.content)}, '
        f'"train": {_FLAG[m.train]}{_calls(m, name=True)}}}'
        for m in example.messages
    )
    meta = _written(dict(example.meta)) if example.meta else "{}"
    tools = f', "tools": {_written([dict(tool) for tool in example.tools])}' if example.tools else ""
    weight = f', "weight": {_written(example.weight)}' if example.weight != 1 else ""
    return (
        f'{{"id": {_quoted(example.id)}, "messages": [{messages}], "group": {_quoted(example.group)}, '
        f'"origin": {_origin(example.origin)}, "meta": {meta}{tools}{weight}}}\n'
    )


def _origin(origin: Origin | None) -> str:
    if origin is None:
        return "null"
    sheet = "null" if origin.sheet is None else _quoted(origin.sheet)
    return f'{{"file": {_quoted(origin.file)}, "row": {origin.row}, "sheet": {sheet}}}'


def _calls(message: Message, *, name: bool) -> str:
    """The calls behind a comma, nothing where there are none."""
    if not message.tool_calls:
        return ""
    calls = _written([call.as_dict() for call in message.tool_calls])
    return f', "tool_calls": {calls}' if name else f", {calls}"


def example_of(line: str) -> Example:
    """The example of a line.

    Raises:
        ValueError: It is not JSON, or not a stored example.
    """
    return example_from(json.loads(line))


def own_example_of(line: str) -> Example:
    """The example of a line that `line_of` has written; nothing is checked."""
    stored = _scan(line, 0)[0]
    messages = tuple(
        Message(m["role"], m["content"], m["train"], _own_calls(m["tool_calls"]) if "tool_calls" in m else ())
        for m in stored["messages"]
    )
    place = stored["origin"]
    origin = None if place is None else Origin(place["file"], place["row"], place["sheet"])
    tools, weight = tuple(stored.get("tools", ())), stored.get("weight", 1.0)
    return Example(stored["id"], messages, stored["group"], origin, stored["meta"], tools, weight)


def _own_calls(calls: list[dict[str, Any]]) -> tuple[ToolCall, ...]:
    return tuple(ToolCall(call["name"], call["arguments"]) for call in calls)


class Digest:
    """SHA-256 over ids and contents of all parts, in order: what `dataset_hash` gives, one example after the other."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()

    def begin(self, part: str) -> None:
        """The examples of this part come next."""
        self._hash.update(f"[{part}]\n".encode())

    def add(self, example: Example) -> None:
        """The next example of the part."""
        turns = ", ".join(
            f"[{_quoted(m.role)}, {_quoted(m.content)}, {_FLAG[m.train]}{_calls(m, name=False)}]"
            for m in example.messages
        )
        tools = f", {_written(list(example.tools))}" if example.tools else ""
        weight = f', {{"weight": {_written(example.weight)}}}' if example.weight != 1 else ""
        self._hash.update(f"[{_quoted(example.id)}, [{turns}]{tools}{weight}]\n".encode())

    def hexdigest(self) -> str:
        """The hash so far, hex."""
        return self._hash.hexdigest()


def _message_dict(message: Message) -> dict[str, Any]:
    stored: dict[str, Any] = {"role": message.role, "content": message.content, "train": message.train}
    if message.tool_calls:
        stored["tool_calls"] = [call.as_dict() for call in message.tool_calls]
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
