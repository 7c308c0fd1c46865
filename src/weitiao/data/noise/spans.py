"""Spans as label files write them, and how they are written back at their new places.

============================================  ==========================================================
``[[2, 5, "NAME"], ...]``                     start, end (exclusive), then anything
``[{"start": 2, "end": 5, ...}, ...]``        the same with names; ``text`` follows
``{"name": {"李明": [[2, 4]]}}``              by type and entity, end inclusive (CLUENER)
``["O", "B-NAME", "I-NAME", ...]``            a tag for each character: BIO, BMES, BIOES
============================================  ==========================================================
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from weitiao.data.noise.damage import Span

EXPECTED = (
    'expected [[start, end, label], ...], [{"start": ..., "end": ...}, ...], {type: {entity: [[start, end]]}} '
    'or a tag for each character, ["O", "B-X", "I-X", ...]'
)
_TAG = re.compile(r"O|[BIMES]-.+", re.DOTALL)


def read_spans(value: Any, text: str) -> list[Span]:
    """The spans of a field, in its order; the end is exclusive.

    Args:
        value: The field.
        text: That the spans are of.

    Raises:
        ValueError: The value has another form, or there is not one tag for each character.
    """
    if _is_tags(value):
        if len(value) != len(text):
            raise ValueError(f"expected a tag for each of the {len(text)} characters, got {len(value)} tags")
        return list(_tagged(value))
    try:
        if isinstance(value, Mapping):
            return [Span(start, end + 1, kind) for kind, _, (start, end) in _by_type(value)]
        if isinstance(value, Sequence) and not isinstance(value, str):
            return [_span(entry) for entry in value]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(EXPECTED) from error
    raise ValueError(EXPECTED)


def write_spans(value: Any, spans: Sequence[Span], text: str) -> Any:
    """The field again with its spans at their new places.

    Args:
        value: The field as it was.
        spans: As many as `read_spans` found, in the same order.
        text: The text that they are in now.
    """
    if _is_tags(value):
        return _tags(value, spans, text)
    if isinstance(value, Mapping):
        moved: dict[str, dict[str, list[list[int]]]] = {kind: {} for kind in value}
        for (kind, _, _), span in zip(_by_type(value), spans, strict=True):
            places = moved[kind].setdefault(text[span.start : span.end], [])
            places.append([span.start, span.end - 1])
        return moved
    return [_moved(entry, span, text) for entry, span in zip(value, spans, strict=True)]


def _is_tags(value: Any) -> bool:
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(t, str) and _TAG.fullmatch(t) for t in value)
    )


def _tagged(tags: Sequence[str]) -> Iterator[Span]:
    """The entities; one that begins without a B counts from its first tag on."""
    start: int | None = None
    for place, tag in enumerate([*tags, "O"]):
        goes_on = start is not None and tag[0] in "IME" and tag[2:] == tags[start][2:]
        if start is not None and not goes_on:
            yield Span(start, place, tags[start][2:])
            start = None
        if start is None and tag != "O":
            start = place


def _tags(old: Sequence[str], spans: Sequence[Span], text: str) -> list[str]:
    """Tags in the scheme of the old ones."""
    letters = {tag[0] for tag in old}
    inside, has_ends = "M" if "M" in letters else "I", bool(letters & {"E", "S"})
    tags = ["O"] * len(text)
    for before, span in zip(_tagged(old), spans, strict=True):
        first = old[before.start][0]
        size = span.end - span.start
        marks = [first if first in "IM" else "B", *inside * (size - 1)]
        if has_ends:
            marks = ["S"] if size == 1 else [*marks[:-1], "E"]
        if size == before.end - before.start:  # as they were, whatever was odd about them
            marks = [tag[0] for tag in old[before.start : before.end]]
        tags[span.start : span.end] = [f"{mark}-{before.label}" for mark in marks]
    return tags


def _by_type(value: Mapping[str, Any]) -> Iterator[tuple[str, str, tuple[int, int]]]:
    for kind, entities in value.items():
        for entity, places in entities.items():
            for start, end in places:
                yield kind, entity, (_whole(start), _whole(end))


def _whole(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError("not a whole number")
    return value


def _span(entry: Any) -> Span:
    if isinstance(entry, Mapping):
        return Span(_whole(entry["start"]), _whole(entry["end"]), str(entry.get("label", "")))
    return Span(_whole(entry[0]), _whole(entry[1]), str(entry[2]) if len(entry) > 2 else "")


def _moved(entry: Any, span: Span, text: str) -> Any:
    if isinstance(entry, Mapping):
        said = {"text": text[span.start : span.end]} if "text" in entry else {}
        return {**entry, "start": span.start, "end": span.end, **said}
    return [span.start, span.end, *entry[2:]]
