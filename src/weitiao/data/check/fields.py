"""Columns against each other: the prompt and the field it is made of, prompts in several wordings, row shapes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from weitiao.data.check.finding import Finding, found, many, short
from weitiao.data.check.material import Material
from weitiao.data.check.text import common_segments, core, fold

_INSIDE = 0.95
_MIN_ROWS = 20


def check_mismatch(material: Material) -> Iterator[Finding]:
    """Columns whose text stands inside another column, except in a few rows."""
    for inner, outer in _text_pairs(material):
        if inner in material.answer_columns:
            continue
        pairs = [
            (str(record.origin), a, b)
            for record, _ in material.records
            if (a := _text(record.fields, inner)) and (b := _text(record.fields, outer))
        ]
        if len(pairs) < _MIN_ROWS or sum(len(a) < len(b) for _, a, b in pairs) < _INSIDE * len(pairs):
            continue
        strict = [(w, a, b) for w, a, b in pairs if a not in b]
        outside = [(w, a, b) for w, a, b in strict if _plain(a) not in _plain(b)]
        marks = len(strict) - len(outside)
        if outside and len(strict) <= (1 - _INSIDE) * len(pairs):
            outside = strict
        if outside and len(outside) <= (1 - _INSIDE) * len(pairs) and len({a for _, a, _ in pairs}) > 10:
            common = common_segments(b for _, _, b in pairs)
            yield found(
                "field_mismatch",
                "warning",
                f'column "{inner}" stands inside "{outer}", except in {many(len(outside), "row")}'
                + (
                    f"; {marks:,} of them differ in full-width marks or blanks only"
                    if outside is strict and marks
                    else ""
                ),
                (w for w, _, _ in outside),
                examples=[
                    {"text": f"{short(a)} ≠ {short(core(b, common))}", "rows": [w]} for w, a, b in outside
                ],
                inner=inner,
                outer=outer,
            )


def _text_pairs(material: Material) -> Iterator[tuple[str, str]]:
    names = list(_flat_names(material))
    lengths = {name: _median_length(material, name) for name in names}
    for inner in names:
        for outer in names:
            if inner != outer and 3 <= lengths[inner] < lengths[outer]:
                yield inner, outer


def _flat_names(material: Material) -> Iterator[str]:
    """Columns of text, and texts one level inside objects as ``column.name``."""
    seen: dict[str, None] = {}
    for record, _ in material.records[:200]:
        for name, value in record.fields.items():
            if isinstance(value, str):
                seen[name] = None
            elif isinstance(value, dict):
                seen.update(dict.fromkeys(f"{name}.{key}" for key, v in value.items() if isinstance(v, str)))
    yield from seen


def _text(fields: Mapping[str, Any], name: str) -> str:
    value: Any = fields.get(name)
    if value is None and "." in name:
        outer, _, key = name.partition(".")
        inside = fields.get(outer)
        value = inside.get(key) if isinstance(inside, dict) else None
    return value.strip() if isinstance(value, str) else ""


def _median_length(material: Material, name: str) -> int:
    lengths = sorted(len(t) for record, _ in material.records if (t := _text(record.fields, name)))
    return lengths[len(lengths) // 2] if lengths else 0


def _plain(text: str) -> str:
    return fold(text).replace(" ", "").replace("“", '"').replace("”", '"')


def check_variants(material: Material) -> Iterator[Finding]:
    """How many different fixed parts the prompts have once the variable field is taken out."""
    cases = material.cases
    for name in material.columns:
        rests: dict[str, list[str]] = {}
        for case in cases:
            value = _text(case.fields, name)
            if len(value) >= 4 and value != case.prompt and value in case.prompt:
                rests.setdefault(case.prompt.replace(value, "{}"), []).append(case.where)
        held = sum(map(len, rests.values()))
        if not cases or name in material.answer_columns or held < _INSIDE * len(cases):
            continue
        for case in cases:  # a prompt that does not hold its field is a text of its own
            if len(value := _text(case.fields, name)) >= 4 and value not in case.prompt:
                rests.setdefault(case.prompt, []).append(case.where)
        if 1 < len(rests) <= 0.1 * held + 2:
            main = max(rests, key=lambda rest: len(rests[rest]))
            yield found(
                "prompt_variants",
                "note",
                f'{len(rests):,} different prompt texts once column "{name}" is taken out',
                (w for rest, rows in rests.items() if rest != main for w in rows),
                count=len(rests),
                examples=[
                    {"text": short(rest), "rows": rows[:3], "count": len(rows)}
                    for rest, rows in rests.items()
                ],
                column=name,
            )


def check_shapes(material: Material) -> Iterator[Finding]:
    """Rows with other columns than the rest of their file."""
    by_file: dict[str, list[tuple[str, tuple[str, ...]]]] = {}
    for record, _ in material.records:
        by_file.setdefault(record.origin.file, []).append((str(record.origin), tuple(sorted(record.fields))))
    for file, rows in by_file.items():
        counts = Counter(columns for _, columns in rows)
        main = counts.most_common(1)[0][0]
        other = [where for where, columns in rows if columns != main]
        if other:
            yield found(
                "row_shapes",
                "note",
                f"{file}: {many(len(other), 'row')} of {len(rows):,} have other columns than the rest",
                other,
                shapes={", ".join(columns): n for columns, n in counts.most_common(10)},
            )


def check_reading(material: Material) -> Iterator[Finding]:
    """How files were read, where a user may not expect it: sheets left out, hidden rows, merged cells."""
    if material.notes:
        yield found(
            "reading",
            "note",
            f"{many(len(material.notes), 'thing')} to know about how the files were read: "
            + "; ".join(f"{file}: {note}" for file, note in material.notes[:3]),
            (),
            count=len(material.notes),
            examples=[{"text": f"{file}: {note}"} for file, note in material.notes],
        )
