"""Dialogues with calls: calls without a result, results that are empty, replies that name nothing of them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

from weitiao.data.check.finding import Finding, found, many
from weitiao.data.check.material import Material, Whole, grouped
from weitiao.types import Message

_NAMES = ("name", "title", "名称", "名字", "标题")


def check_dialogues(material: Material) -> Iterator[Finding]:
    """What is wrong with the order of calls, results and replies; rounds count as they end."""
    yield from _duplicates(material)
    wholes = [w for w in material.wholes if any(m.tool_calls for m in w.messages)]
    whole = [w for w in wholes if not w.is_round]
    yield from _report(
        "call_without_result",
        "warning",
        [w.where for w in whole if w.messages[-1].tool_calls],
        "dialogue",
        "end on a call without a result",
    )
    yield from _report(
        "call_not_followed",
        "warning",
        [
            w.where
            for w in wholes
            for _ in range(_ignored_calls(w.messages[-3:] if w.is_round else w.messages))
        ],
        "call",
        "are followed by something else than a result",
    )
    yield from _report(
        "empty_result",
        "note",
        [w.where for w in wholes for m in _last_first(w) if m.role == "tool" and _is_empty(m.content)],
        "result",
        "are empty",
    )
    yield from _report(
        "empty_call",
        "warning",
        [w.where for w in wholes for m in _last_first(w) for c in m.tool_calls if not c.arguments],
        "call",
        "have no arguments",
    )
    yield from _report(
        "ungrounded_reply",
        "warning",
        [w.where for w in wholes for _ in range(_ungrounded(w))],
        "reply",
        "name nothing of what the call before them found",
    )


def _duplicates(material: Material) -> Iterator[Finding]:
    whole = [w for w in material.wholes if not w.is_round]
    groups = grouped([f"{w.part}\0{w.messages}" for w in whole])
    yield from _report(
        "duplicate",
        "warning",
        [whole[k].where for group in groups for k in group[1:]],
        "dialogue",
        "are equal to an earlier one",
    )


def _report(code: str, severity: Any, rows: list[str], noun: str, what: str) -> Iterator[Finding]:
    if rows:
        yield found(code, severity, f"{many(len(rows), noun)} {what}", rows, count=len(rows))


def _last_first(whole: Whole) -> Sequence[Message]:
    """All turns of a dialogue; of a round only the last two, since the others are in rows before it."""
    return whole.messages[-2:] if whole.is_round else whole.messages


def _ignored_calls(messages: Sequence[Message]) -> int:
    return sum(bool(message.tool_calls) and after.role != "tool" for message, after in pairwise(messages))


def _is_empty(content: str) -> bool:
    return content.strip() in ("", "[]", "{}", "null", "None")


def _ungrounded(whole: Whole) -> int:
    """Replies after a result with named things that name none of them."""
    count = 0
    turns = whole.messages
    places = [len(turns) - 1] if whole.is_round else range(1, len(turns))
    for k in places:
        if k and turns[k].role == "assistant" and turns[k - 1].role == "tool" and turns[k].content:
            names = names_in(turns[k - 1].content)
            count += bool(names) and not any(name in turns[k].content for name in names)
    return count


def names_in(result: str) -> list[str]:
    """Names of the things in a result (JSON objects with a name)."""
    try:
        value = json.loads(result)
    except ValueError:
        return []
    items = value if isinstance(value, list) else [value]
    return [str(item[key]) for item in items if isinstance(item, dict) for key in _NAMES if item.get(key)]
