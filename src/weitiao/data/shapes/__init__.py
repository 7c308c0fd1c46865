"""Shapes of dialogue files, and how a file's shape is found out.

================== =========================================================================================
prompt_response    a prompt and a response, from columns or templates (`weitiao.data.build`)
messages           OpenAI: ``messages`` of ``role``, ``content``, ``tool_calls``; ``tools``
sharegpt           ``conversations`` of ``from``, ``value``; ``system``, ``tools``
alpaca             ``instruction``, ``input``, ``output``, ``history``, ``system``
hotel_turns        ``context`` (turns so far) and ``response`` (the next turn) of the hotel lab
hotel_dialogue     ``dialogue``: turns of ``user``, ``search``, ``return``, ``assistant``
chatglm3_tools     ``tools`` and ``conversations`` of ``role``; ``tool`` turns with ``name``, ``parameters``,
                   ``observation``
================== =========================================================================================
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from weitiao.data.shapes.alpaca import Alpaca
from weitiao.data.shapes.chatglm3 import ChatGLM3Tools
from weitiao.data.shapes.dialogue import (
    Dialogue,
    Dialogues,
    Samples,
    Shape,
    checked,
    history_of,
    parsed,
    question_of,
    samples_of,
    tools_of,
)
from weitiao.data.shapes.hotel import HotelDialogue, HotelTurns
from weitiao.data.shapes.messages import Messages
from weitiao.data.shapes.sharegpt import ShareGPT
from weitiao.data.template import FieldError

__all__ = [
    "SHAPES",
    "Dialogue",
    "Dialogues",
    "Samples",
    "Shape",
    "checked",
    "find_shape",
    "history_of",
    "question_of",
    "samples_of",
    "tools_of",
]

SHAPES: dict[str, Callable[[], Shape]] = {
    "messages": Messages,
    "sharegpt": ShareGPT,
    "alpaca": Alpaca,
    "hotel_turns": HotelTurns,
    "hotel_dialogue": HotelDialogue,
    "chatglm3_tools": ChatGLM3Tools,
}
"""Shape by its name in a recipe; ``prompt_response`` is none of them."""


def find_shape(fields: Mapping[str, Any]) -> str:
    """The shape of a file by the fields of its first row; ``prompt_response`` where no other fits."""
    if "prompt" in fields and "response" in fields:
        return "prompt_response"
    if "messages" in fields and _first_turn(fields["messages"]) is not None:
        return "messages"
    turn = _first_turn(fields.get("conversations"))
    if turn is not None:
        return "sharegpt" if "from" in turn else "chatglm3_tools"
    if _first_turn(fields.get("dialogue")) is not None:
        return "hotel_dialogue"
    if "response" in fields and _first_turn(fields.get("context")) is not None:
        return "hotel_turns"
    return "alpaca" if "instruction" in fields and "output" in fields else "prompt_response"


def _first_turn(value: Any) -> Mapping[str, Any] | None:
    """The first of a list of objects; None where the value is something else."""
    try:
        turns = parsed(value, "")
    except FieldError:
        return None
    return turns[0] if isinstance(turns, list) and turns and isinstance(turns[0], dict) else None
