"""Tagged text: spans that overlap or are not their entity, tags that continue nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from weitiao.data.check.finding import Finding, found, many, short
from weitiao.data.check.material import Material

Span = tuple[int, int, str]


def check_spans(material: Material) -> Iterator[Finding]:
    """Rows with ``text`` and spans ``{type: {entity: [[start, end], ...]}}``, the end inclusive."""
    overlapping: list[tuple[str, str]] = []
    wrong: list[tuple[str, str]] = []
    pairs = 0
    for record, _ in material.records:
        text = record.fields.get("text")
        spans = spans_of(record.fields.get("label"))
        if not isinstance(text, str) or not spans:
            continue
        where = str(record.origin)
        over = overlaps(spans)
        pairs += len(over)
        overlapping += [(where, f"{a[2]} / {b[2]}") for a, b in over]
        wrong += [
            (where, f"{e!r} at {s}-{n}: {text[s : n + 1]!r}") for s, n, e in spans if text[s : n + 1] != e
        ]
    for code, rows, what in (
        ("overlapping_spans", overlapping, ""),
        ("span_text", wrong, "span do not hold their entity"),
    ):
        if rows:
            noun, _, rest = what.partition(" ") if code == "span_text" else ("pair", "", "of spans overlap")
            yield found(
                code,
                "warning",
                f"{many(len(rows), noun)} {rest} in {many(len(dict(rows)), 'row')}",
                (w for w, _ in rows),
                count=len(rows),
                examples=[{"text": short(t), "rows": [w]} for w, t in rows],
            )


def spans_of(label: Any) -> list[Span]:
    """All spans of a row in order; empty where the value is of another form."""
    if not isinstance(label, Mapping):
        return []
    found_spans = [
        (place[0], place[1], str(entity))
        for entities in label.values()
        if isinstance(entities, Mapping)
        for entity, places in entities.items()
        if isinstance(places, list)
        for place in places
        if isinstance(place, list) and len(place) == 2 and all(isinstance(n, int) for n in place)
    ]
    return sorted(found_spans)


def overlaps(spans: Sequence[Span]) -> list[tuple[Span, Span]]:
    """Pairs of spans that share a character."""
    return [
        (a, b)
        for k, a in enumerate(spans)
        for b in spans[k + 1 :]
        if b[0] <= a[1] and (a[0], a[1]) != (b[0], b[1])
    ] + [(a, b) for k, a in enumerate(spans) for b in spans[k + 1 :] if (a[0], a[1]) == (b[0], b[1])]


def check_tags(material: Material) -> Iterator[Finding]:
    """Rows with a list ``tags``: M, E or I without a beginning, and sentences without an entity."""
    rows = [(str(r.origin), tags) for r, _ in material.records if (tags := tags_of(r.fields.get("tags")))]
    if not rows:
        return
    bad = [(w, place) for w, tags in rows for place in orphans(tags)]
    if bad:
        yield found(
            "tag_sequence",
            "warning",
            f"{many(len(bad), 'tag')} continue an entity that was never begun",
            (w for w, _ in bad),
            count=len(bad),
        )
    none = [w for w, tags in rows if all(tag == "O" for tag in tags)]
    if none:
        yield found(
            "no_entity",
            "note",
            f"{many(len(none), 'sentence')} of {len(rows):,} have no entity",
            none,
        )


def tags_of(value: Any) -> list[str]:
    """The tags of a row; empty where the value is something else."""
    is_tags = isinstance(value, list) and all(isinstance(tag, str) for tag in value)
    return value if is_tags else []


def orphans(tags: Sequence[str]) -> list[int]:
    """Places of tags M, E, I that do not continue an entity of their type begun with B."""
    open_type = None
    places = []
    for place, tag in enumerate(tags):
        mark, _, kind = tag.partition("-")
        if mark == "B":
            open_type = kind
        elif mark in ("M", "I", "E"):
            if kind != open_type:
                places.append(place)
            open_type = None if mark == "E" else kind
        else:
            open_type = None
    return places
