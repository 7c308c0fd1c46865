"""OpenAI's shape: ``{"messages": [{"role", "content", "tool_calls", ...}], "tools": [...]}``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from weitiao.data.shapes.dialogue import (
    Dialogue,
    Fields,
    call_of,
    checked,
    kind_of,
    result_of,
    tools_of,
    turns_of,
)
from weitiao.data.template import FieldError
from weitiao.types import Message, Role, ToolCall

_ROLES: dict[str, Role] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
    "function": "tool",
}


@dataclass(frozen=True, slots=True)
class Messages:
    """Rows with OpenAI messages; ``train: false`` or ``weight: 0`` in a reply keeps it from being learnt."""

    column: str = "messages"
    tools: str = "tools"

    def read(self, fields: Fields) -> Dialogue:
        """The dialogue of one row."""
        messages = tuple(
            message_of(turn, f"turn {number}")
            for number, turn in enumerate(turns_of(fields, self.column), start=1)
        )
        return Dialogue(messages, tools_of(fields.get(self.tools), f'column "{self.tools}"'))


def message_of(turn: Fields, where: str) -> Message:
    """One message.

    Raises:
        FieldError: Unknown role, or content of another kind.
    """
    name = turn.get("role")
    role = _ROLES.get(name) if isinstance(name, str) else None
    if role is None:
        raise FieldError(f"{where}: role {name!r}, expected one of {', '.join(_ROLES)}")
    if role == "tool":
        return Message("tool", result_of(_parts(turn.get("content"), where), where))
    calls = _calls(turn, where) if role == "assistant" else ()
    content = _parts(turn.get("content"), where)
    if content is None and calls:
        content = ""
    if not isinstance(content, str):
        raise FieldError(f'{where}: "content" {kind_of(content)}, expected text')
    return Message(role, checked(content, where), role == "assistant" and _is_learnt(turn, where), calls)


def _parts(content: Any, where: str) -> Any:
    """Text of content that is given in parts; anything else as it is."""
    if not isinstance(content, list) or not all(isinstance(p, dict) and "type" in p for p in content):
        return content
    other = sorted({str(part["type"]) for part in content} - {"text"})
    if other:
        raise FieldError(f"{where}: content of type {', '.join(other)}, only text can be learnt")
    return "".join(str(part.get("text", "")) for part in content)


def _calls(turn: Fields, where: str) -> tuple[ToolCall, ...]:
    calls = turn.get("tool_calls")
    if calls is None:
        calls = [] if turn.get("function_call") is None else [turn["function_call"]]
    if not isinstance(calls, list):
        raise FieldError(f'{where}: "tool_calls" {kind_of(calls)}, expected a list')
    return tuple(
        call_of(call.get("function", call) if isinstance(call, dict) else call, f"{where}, call {number}")
        for number, call in enumerate(calls, start=1)
    )


def _is_learnt(turn: Fields, where: str) -> bool:
    for name in ("train", "weight"):
        value = turn.get(name)
        if value is None:
            continue
        if value not in (0, 1):
            raise FieldError(f'{where}: "{name}" is {value!r}, expected true or false (or 1, 0)')
        return bool(value)
    return True
