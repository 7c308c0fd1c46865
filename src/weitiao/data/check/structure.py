"""JSON in rows: strings that hold it, slots whose type changes, values outside a declared vocabulary."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from weitiao.data.check.finding import Finding, found, many, short
from weitiao.data.check.material import Material

_MOSTLY = 0.9
_KINDS = {bool: "boolean", int: "integer", float: "float", str: "text", list: "list", dict: "object"}
_SELECTORS = ("role", "from")
Leaf = tuple[str, Any]


def check_json(material: Material) -> Iterator[Finding]:
    """Columns of text that hold JSON, and the rows of them that do not parse."""
    for name, values in material.columns.items():
        texts = [(w, v) for w, v in values if isinstance(v, str) and v.strip()]
        bad = [w for w, v in texts if parsed(v) is None]
        if len(texts) < 5 or len(texts) - len(bad) < _MOSTLY * len(texts):
            continue
        yield found(
            "json_in_string",
            "note",
            f'column "{name}": {many(len(texts) - len(bad), "row")} hold JSON as text',
            (),
            count=len(texts) - len(bad),
            column=name,
        )
        if bad:
            yield found(
                "broken_json",
                "serious",
                f'column "{name}": {many(len(bad), "row")} are not the JSON that the others are',
                bad,
                column=name,
                examples=[{"text": short(v), "rows": [w]} for w, v in texts if w in set(bad)],
            )


def parsed(text: str) -> dict[str, Any] | list[Any] | None:
    """The object or list that a text holds, None where it holds none."""
    if text.strip()[:1] not in ("{", "["):
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict | list) else None


def check_slots(material: Material) -> Iterator[Finding]:
    """Slots that are of one type in most places and of another in some; coverage of the slots of replies."""
    kinds: dict[str, Counter[str]] = {}
    places: dict[tuple[str, str], list[str]] = {}
    for where, path, value in slots(material):
        kind = _KINDS.get(type(value), "null")
        if kind == "null":
            continue
        kinds.setdefault(path, Counter())[kind] += 1
        places.setdefault((path, kind), []).append(where)
    for path, counts in kinds.items():
        main = counts.most_common(1)[0][0]
        rest = {kind: n for kind, n in counts.items() if kind != main}
        if not rest:
            continue
        numeric = set(counts) <= {"integer", "float"}
        yield found(
            "slot_types",
            "note" if numeric else "warning",
            f"{path}: " + ", ".join(f"{kind} {n:,} times" for kind, n in counts.most_common()),
            (w for kind in rest for w in places[path, kind]),
            count=sum(rest.values()),
            slot=path,
            kinds=dict(counts),
        )


def slots(material: Material) -> Iterator[tuple[str, str, Any]]:
    """Where, path and value of everything inside objects; lists do not count as a step of the path."""
    for record, _ in material.records:
        where = str(record.origin)
        for name, value in record.fields.items():
            inner = parsed(value) if isinstance(value, str) else value
            if isinstance(inner, dict | list):
                for path, leaf in _leaves(inner, name):
                    yield where, path, leaf


def _leaves(value: Any, path: str) -> Iterator[Leaf]:
    if isinstance(value, Mapping):
        selector = next((str(value[s]) for s in _SELECTORS if isinstance(value.get(s), str)), "")
        here = f"{path}[{selector}]" if selector and len(selector) <= 20 else path
        for key, inner in value.items():
            step = f"{here}.{key}" if len(value) <= 60 and not _is_data_key(key) else f"{here}.*"
            yield step, inner
            yield from _leaves(inner, step)
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner, path)


def _is_data_key(key: str) -> bool:
    """Whether a key is a value rather than a name (entities, years)."""
    return key.isdecimal() or len(key) > 40


def check_vocabulary(material: Material) -> Iterator[Finding]:
    """Values of slots and columns that are not in the vocabulary declared for them."""
    for slot, allowed in material.options.vocabularies.items():
        used = [(w, v) for w, v in values_of(material, slot) if v.strip()]
        outside = [(w, v) for w, v in used if v not in allowed]
        if outside:
            unknown = Counter(v for _, v in outside)
            yield found(
                "vocabulary",
                "warning",
                f"{slot}: {len(outside):,} of {many(len(used), 'value')} are not in the vocabulary "
                f"({many(len(unknown), 'different one')})",
                (w for w, _ in outside),
                count=len(outside),
                examples=[{"text": v, "count": n} for v, n in unknown.most_common(20)],
                slot=slot,
                values=len(used),
            )


def values_of(material: Material, slot: str) -> Iterator[tuple[str, str]]:
    """Texts of a column or slot (its last name, or a path with the column); each entry of a list on its own."""
    for where, value in material.columns.get(slot, ()):
        yield from ((where, v) for v in (value if isinstance(value, list) else [value]) if isinstance(v, str))
    if slot in material.columns:
        return
    for where, path, value in slots(material):
        if path == slot or path.endswith(f".{slot}"):
            yield from (
                (where, v) for v in (value if isinstance(value, list) else [value]) if isinstance(v, str)
            )


def check_coverage(material: Material) -> Iterator[Finding]:
    """How often each slot of a call or JSON reply is used."""
    counts: Counter[str] = Counter()
    total = 0
    for case in material.cases:
        calls = [dict(call.arguments) for call in case.example.messages[-1].tool_calls]
        reply = parsed(case.said or "") if not calls else None
        for slot_values in calls or ([reply] if isinstance(reply, dict) else []):
            total += 1
            counts.update(list(slot_values))
    if total < 20 or not counts:
        return
    few = {slot: n for slot, n in counts.items() if n < 0.05 * total}
    yield found(
        "slot_coverage",
        "note",
        f"{many(total, 'reply')} with slots: "
        + ", ".join(f"{slot} {n:,}" for slot, n in counts.most_common(12))
        + (f"; {many(len(few), 'slot')} in less than 5%" if few else ""),
        (),
        count=total,
        slots=dict(counts.most_common()),
    )
