"""ShareGPT's shape: ``{"conversations": [{"from", "value"}], "system", "tools"}``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from weitiao.data.shapes.dialogue import (
    Dialogue,
    Fields,
    call_of,
    checked,
    kind_of,
    parsed,
    text_at,
    tools_of,
    turns_of,
)
from weitiao.data.template import FieldError
from weitiao.types import Message

_SPEAKERS = {
    "system": "system",
    "human": "user",
    "user": "user",
    "gpt": "assistant",
    "assistant": "assistant",
    "chatgpt": "assistant",
    "bing": "assistant",
    "bard": "assistant",
    "function_call": "function_call",
    "observation": "tool",
    "tool": "tool",
}


@dataclass(frozen=True, slots=True)
class ShareGPT:
    """Rows with turns that say who speaks.

    Attributes:
        column: Holds the turns.
        speaker: Field of a turn that says who speaks.
        value: Field of a turn that says what.
        system: Column of the system message.
        tools: Column of the functions' schemas.
        speakers: Name in the file -> system, user, assistant, function_call or tool.
    """

    column: str = "conversations"
    speaker: str = "from"
    value: str = "value"
    system: str = "system"
    tools: str = "tools"
    speakers: Mapping[str, str] = field(default_factory=lambda: _SPEAKERS)

    def read(self, fields: Fields) -> Dialogue:
        """The dialogue of one row."""
        messages = [
            self._message(turn, f"turn {number}")
            for number, turn in enumerate(turns_of(fields, self.column), start=1)
        ]
        messages = [*system_of(fields, self.system), *messages]
        return Dialogue(tuple(messages), tools_of(fields.get(self.tools), f'column "{self.tools}"'))

    def _message(self, turn: Fields, where: str) -> Message:
        name = turn.get(self.speaker)
        who = self.speakers.get(name) if isinstance(name, str) else None
        text = text_at(turn, self.value, where) if who != "tool" else None
        if who == "system" and text is not None:
            return Message("system", text)
        if who == "user" and text is not None:
            return Message("user", text)
        if who == "assistant" and text is not None:
            return Message("assistant", text, train=True)
        if who == "function_call":
            calls = parsed(text, where)
            listed = calls if isinstance(calls, list) else [calls]
            return Message("assistant", "", True, tuple(call_of(call, where) for call in listed))
        if who == "tool":
            return Message("tool", text_at(turn, self.value, where))
        raise FieldError(f'{where}: "{self.speaker}" is {name!r}, expected one of {", ".join(self.speakers)}')


def system_of(fields: Fields, column: str) -> list[Message]:
    """The system message of a column, none where it is empty.

    Raises:
        FieldError: It is not text.
    """
    value = fields.get(column)
    if value is None or value == "":
        return []
    if not isinstance(value, str):
        raise FieldError(f'column "{column}" {kind_of(value)}, expected text')
    return [Message("system", checked(value, f'column "{column}"'))]
