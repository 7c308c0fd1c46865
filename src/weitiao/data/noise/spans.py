"""Spans as label files write them, and how they are written back at their new places.

============================================  ==========================================================
``[[2, 5, "NAME"], ...]``                     start, end (exclusive), then anything
``[{"start": 2, "end": 5, ...}, ...]``        the same with names; ``text`` follows
``{"name": {"李明": [[2, 4]]}}``              by type and entity, end inclusive (CLUENER)
============================================  ==========================================================
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from weitiao.data.noise.damage import Span

EXPECTED = 'expected [[start, end, label], ...], [{"start": ..., "end": ...}, ...] or {type: {entity: [[start, end]]}}'


def read_spans(value: Any) -> list[Span]:
    """The spans of a field, in its order; the end is exclusive.

    Raises:
        ValueError: The value has another form.
    """
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
    if isinstance(value, Mapping):
        moved: dict[str, dict[str, list[list[int]]]] = {kind: {} for kind in value}
        for (kind, _, _), span in zip(_by_type(value), spans, strict=True):
            places = moved[kind].setdefault(text[span.start : span.end], [])
            places.append([span.start, span.end - 1])
        return moved
    return [_moved(entry, span, text) for entry, span in zip(value, spans, strict=True)]


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
