"""ChatGLM3's shape: ``{"tools": [...], "conversations": [{"role", "content"}, {"role": "tool", ...}]}``.

A turn of the role ``tool`` holds a call and what it found: ``name``, ``parameters``, ``observation``. An assistant's
turn right in front of it is what the assistant says as it calls. ``"loss": false`` keeps a turn from being learnt.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from weitiao.data.shapes.dialogue import (
    Dialogue,
    Fields,
    call_of,
    result_of,
    text_at,
    tools_of,
    turns_of,
)
from weitiao.data.template import FieldError
from weitiao.types import Message


@dataclass(frozen=True, slots=True)
class ChatGLM3Tools:
    """Rows of ChatGLM3's fine-tuning scripts."""

    column: str = "conversations"
    tools: str = "tools"

    def read(self, fields: Fields) -> Dialogue:
        """The dialogue of one row."""
        messages: list[Message] = []
        for number, turn in enumerate(turns_of(fields, self.column), start=1):
            self._add(messages, turn, f"turn {number}")
        return Dialogue(tuple(messages), tools_of(fields.get(self.tools), f'column "{self.tools}"'))

    def _add(self, messages: list[Message], turn: Fields, where: str) -> None:
        role, is_learnt = turn.get("role"), turn.get("loss", True)
        if is_learnt is None:  # a table fills it in where a row has none
            is_learnt = True
        if not isinstance(is_learnt, bool):
            raise FieldError(f"{where}: loss {is_learnt!r}, expected true or false")
        if role == "tool":
            call = call_of(turn, where, arguments=("parameters", "arguments"))
            before = messages[-1] if messages else None
            if before is not None and before.role == "assistant" and not before.tool_calls:
                messages[-1] = replace(before, tool_calls=(call,), train=is_learnt)
            else:
                messages.append(Message("assistant", "", is_learnt, (call,)))
            if turn.get("observation") is not None:
                messages.append(Message("tool", result_of(turn["observation"], where)))
        elif role == "observation":
            messages.append(Message("tool", text_at(turn, "content", where)))
        elif role in ("system", "user", "assistant"):
            content = text_at(turn, "content", where)
            messages.append(Message(role, content, train=role == "assistant" and is_learnt))
        else:
            raise FieldError(f"{where}: role {role!r}, expected system, user, assistant, tool or observation")
