"""From what a model wrote to texts: the JSON list that was asked for, with what models like to put around it."""

from __future__ import annotations

import json
import re

_THOUGHT = re.compile(r"<think>.*?(?:</think>|\Z)", re.DOTALL)
_FENCE = re.compile(r"^\s*```\w*\s*\n(.*?)\n?\s*```\s*$", re.DOTALL)


def texts_of(answer: str, count: int) -> list[str] | None:
    """The texts of an answer, at most ``count``.

    A JSON list of strings, alone, in a fenced block, in an object, or with words around it. Where one text was asked
    for, a single line that is no JSON is that text.

    Args:
        answer: What the model wrote.
        count: How many texts were asked for.

    Returns:
        The texts, stripped; None where the answer cannot be read.
    """
    body = _THOUGHT.sub("", answer).strip()
    fenced = _FENCE.match(body)
    body = fenced[1].strip() if fenced else body
    value = _json(body)
    found = _strings(value)
    if found is None and value is None and count == 1 and body and "\n" not in body and body[0] not in "[{":
        found = [body]
    return None if found is None else [text.strip() for text in found][:count]


def _json(body: str) -> object:
    """The value, or the list that stands in the text; None where there is none."""
    for part in (body, body[body.find("[") : body.rfind("]") + 1]):
        try:
            value = json.loads(part)
        except (ValueError, RecursionError):
            continue
        if isinstance(value, list | dict | str):
            return value
    return None


def _strings(value: object) -> list[str] | None:
    if isinstance(value, dict):
        lists = [inner for inner in value.values() if isinstance(inner, list)]
        value = lists[0] if len(lists) == 1 else list(value.values())
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, list) or not value:
        return None
    found: list[str] = []
    for entry in value:
        if isinstance(entry, dict) and len(entry) == 1:
            entry = next(iter(entry.values()))
        if not isinstance(entry, str) or not _is_writable(entry):
            return None
        found.append(entry)
    return found


def _is_writable(text: str) -> bool:
    """Whether it can be stored: no half surrogate pairs, no control characters but line breaks and tabs."""
    return not any("\ud800" <= c <= "\udfff" or (c < " " and c not in "\n\t\r") for c in text)
