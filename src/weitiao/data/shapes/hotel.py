"""The hotel lab's shapes: turns of user, search, return and assistant.

A search is a call of the function ``search`` with the turn's arguments; a return is what it found, as JSON.
"""

from __future__ import annotations

from dataclasses import dataclass

from weitiao.data.shapes.dialogue import (
    Dialogue,
    Fields,
    call_of,
    kind_of,
    parsed,
    result_of,
    text_at,
    turns_of,
)
from weitiao.data.template import FieldError
from weitiao.types import Message

FUNCTION = "search"
"""Name of the function that looks up hotels."""


@dataclass(frozen=True, slots=True)
class HotelTurns:
    """Rows with the turns so far (``context``) and the next one (``response``), often JSON inside JSON."""

    context: str = "context"
    response: str = "response"

    def read(self, fields: Fields) -> Dialogue:
        """The round of one row."""
        turns = list(turns_of(fields, self.context))
        if fields.get(self.response) is not None:
            reply = parsed(fields[self.response], f'column "{self.response}"')
            if not isinstance(reply, dict):
                raise FieldError(f'column "{self.response}" {kind_of(reply)}, expected one turn')
            turns.append(reply)
        return Dialogue(_messages(turns), is_round=True)


@dataclass(frozen=True, slots=True)
class HotelDialogue:
    """Rows with a whole dialogue."""

    column: str = "dialogue"

    def read(self, fields: Fields) -> Dialogue:
        """The dialogue of one row."""
        return Dialogue(_messages(turns_of(fields, self.column)))


def _messages(turns: list[Fields]) -> tuple[Message, ...]:
    return tuple(_message(turn, f"turn {number}") for number, turn in enumerate(turns, start=1))


def _message(turn: Fields, where: str) -> Message:
    role = turn.get("role")
    if role == "user":
        return Message("user", text_at(turn, "content", where))
    if role == "assistant":
        return Message("assistant", text_at(turn, "content", where), train=True)
    if role == "search":
        call = call_of({"name": FUNCTION, "arguments": turn.get("arguments")}, where)
        return Message("assistant", "", True, (call,))
    if role == "return":
        return Message("tool", result_of(turn.get("records"), where))
    raise FieldError(f"{where}: role {role!r}, expected user, search, return or assistant")
