"""Alpaca's shape: ``{"instruction", "input", "output", "history", "system"}``."""

from __future__ import annotations

from dataclasses import dataclass

from weitiao.data.shapes.dialogue import Dialogue, Fields, history_of, text_at, tools_of
from weitiao.data.shapes.sharegpt import system_of
from weitiao.types import Message


@dataclass(frozen=True, slots=True)
class Alpaca:
    """Rows with an instruction; the input, where there is one, follows it on the next line.

    The history is part of the dialogue: its replies are learnt too.

    Attributes:
        prompt: Column of the instruction.
        query: Column of the input.
        response: Column of the reply.
        history: Column of earlier rounds.
        system: Column of the system message.
        tools: Column of the functions' schemas.
    """

    prompt: str = "instruction"
    query: str = "input"
    response: str = "output"
    history: str = "history"
    system: str = "system"
    tools: str = "tools"

    def read(self, fields: Fields) -> Dialogue:
        """The dialogue of one row."""
        parts = [text_at(fields, self.prompt, "the row")]
        if fields.get(self.query) not in (None, ""):
            parts.append(text_at(fields, self.query, "the row"))
        messages = [
            *system_of(fields, self.system),
            *history_of(fields.get(self.history), f'column "{self.history}"'),
            Message("user", "\n".join(part for part in parts if part)),
        ]
        if fields.get(self.response) is not None:
            messages.append(Message("assistant", text_at(fields, self.response, "the row"), train=True))
        return Dialogue(tuple(messages), tools_of(fields.get(self.tools), f'column "{self.tools}"'))
