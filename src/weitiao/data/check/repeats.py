"""Duplicates: prompts, rows, values of columns, ids, items of lists, texts written twice over."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from weitiao.data.check.finding import Finding, found, many, short
from weitiao.data.check.material import Material, grouped
from weitiao.data.check.near import alike
from weitiao.data.template import to_text

_ID = re.compile(r"(?:.*_)?(?:id|uuid)|编号|序号", re.IGNORECASE)
_QUESTION = re.compile(
    r"question|query|prompt|text|sentence|title|content|instruction|input|问题|题目|标题", re.I
)
_MANY = 5
_TEXT = 6  # characters
_SEPARATORS = ",，;；、|"


def check_duplicates(material: Material) -> Iterator[Finding]:
    """Equal prompts (with equal or with any replies) and near-equal ones, within a part."""
    cases = material.cases
    groups = grouped(["" if case.is_copy else f"{case.part}\0{case.key}" for case in cases])
    repeated = [k for group in groups for k in group[1:]]
    if repeated:
        identical = sum(len(g) - len({cases[k].said for k in g}) for g in groups)
        yield found(
            "duplicate",
            "warning",
            f"{many(len(repeated), 'row')} repeat the prompt of an earlier row; {identical:,} of them its answer too",
            (cases[k].where for k in repeated),
            examples=[
                {"text": short(material.cores[g[0]]), "rows": [cases[k].where for k in g]} for g in groups
            ],
            count=len(repeated),
            remedy=None
            if identical == len(repeated)
            else "data.fix.contradictions: majority"
            + (f", and for {many(identical, 'row')} data.fix.duplicates: drop" if identical else ""),
            identical=identical,
            groups=len(groups),
        )
    if all(len(case.example.prompt) == 1 or case.example.prompt[0].role == "system" for case in cases):
        yield from _near(material)


def _near(material: Material) -> Iterator[Finding]:
    cases = material.cases
    originals = ([k for k in g if not cases[k].is_copy] for g in material.near)
    pairs = [g for g in originals if len({cases[k].part for k in g}) < len(g)]
    near = [g for g in pairs if len({cases[k].key for k in g}) > 1]
    rows = [cases[k].where for g in near for k in g]
    if rows:
        yield found(
            "near_duplicate",
            "warning",
            f"{many(len(near), 'group')} of nearly equal prompts, {many(len(rows), 'row')}",
            rows,
            examples=[
                {
                    "text": alike(material.cores, g),
                    "rows": [cases[k].where for k in g],
                }
                for g in near
            ],
            groups=len(near),
        )


def check_records(material: Material) -> Iterator[Finding]:
    """Equal rows (ids apart), and repeated values of question-like columns."""
    keys = [
        part
        + json.dumps({k: v for k, v in r.fields.items() if not _ID.fullmatch(k)}, default=str, sort_keys=True)
        for r, part in material.records
    ]
    whole = [material.records[k][0] for group in grouped(keys) for k in group[1:]]
    same = [material.cases[k].where for g in grouped([c.key for c in material.cases]) for k in g[1:]]
    told = set(same) if material.cases else {str(record.origin) for record in whole}
    if whole and not material.cases and _holds_text(material):
        yield found(
            "duplicate",
            "warning",
            f"{many(len(whole), 'row')} are equal to an earlier row",
            (str(record.origin) for record in whole),
        )
    for name, values in material.columns.items():
        if _QUESTION.search(name) and not _ID.fullmatch(name):
            texts = [(w, v) for w, v in values if isinstance(v, str) and v.strip()]
            yield from _values(f'column "{name}"', texts, told)
    if material.question_column is None and material.question is not None:
        name, parts = material.question
        yield from _values(
            name, [(c.where, t) for c, t in zip(material.cases, parts, strict=True) if t], told
        )


def _holds_text(material: Material) -> bool:
    """Whether a column holds texts, so that equal rows are not just rows of few values."""
    lengths = [
        len(value)
        for name, values in material.columns.items()
        if not _ID.fullmatch(name)
        for _, value in values
        if isinstance(value, str)
    ]
    return sum(length >= _TEXT for length in lengths) >= 0.2 * len(material.records)


def _values(name: str, values: list[tuple[str, str]], told: set[str]) -> Iterator[Finding]:
    """Repeated values, unless the rows are those of which it was said already that they repeat."""
    groups = grouped([text for _, text in values])
    repeated = [values[k] for g in groups for k in g[1:]]
    if repeated and len(repeated) <= 0.3 * len(values) and not {where for where, _ in repeated} <= told:
        yield found(
            "duplicate_value",
            "note",
            f"{name}: {many(len(repeated), 'row')} repeat an earlier value",
            (where for where, _ in repeated),
            examples=[{"text": short(values[g[0]][1]), "rows": [values[k][0] for k in g]} for g in groups],
            column=name,
            distinct=len(values) - len(repeated),
        )


def check_ids(material: Material) -> Iterator[Finding]:
    """Ids that stand in two rows."""
    by_part: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for record, part in material.records:
        for name, value in record.fields.items():
            if _ID.fullmatch(name) and (text := to_text(value)):
                by_part.setdefault((part + record.origin.file, name), []).append((str(record.origin), text))
    for (_, name), values in by_part.items():
        groups = grouped([text for _, text in values])
        if groups and len({text for _, text in values}) >= 0.9 * len(values):
            yield found(
                "repeated_id",
                "warning",
                f'column "{name}": {many(len(groups), "value")} stand in more than one row',
                (values[k][0] for g in groups for k in g),
                count=len(groups),
                examples=[{"text": values[g[0]][1], "rows": [values[k][0] for k in g]} for g in groups],
                column=name,
            )


def check_lists(material: Material) -> Iterator[Finding]:
    """Lists with an entry twice, and texts that hold their list twice over."""
    for name, values in material.columns.items():
        doubled = [where for where, value in values if isinstance(value, str) and is_doubled(value)]
        if len(doubled) >= _MANY:  # then "A,A" is a list of one entry twice over too
            doubled = [
                where for where, value in values if isinstance(value, str) and is_doubled(value, least=1)
            ]
        if doubled:
            yield found(
                "doubled_text",
                "warning",
                f'column "{name}": {many(len(doubled), "row")} hold their list twice over',
                doubled,
                column=name,
            )
        lists = [(where, value) for where, value in values if isinstance(value, list) and len(value) > 1]
        twice = [where for where, value in lists if _has_repeats(value)]
        if twice and len(twice) <= 0.2 * len(lists):
            yield found(
                "repeated_item",
                "note",
                f'column "{name}": {many(len(twice), "row")} hold an entry of their list twice',
                twice,
                column=name,
            )


def is_doubled(text: str, *, least: int = 2) -> bool:
    """Whether a list of at least so many entries is written twice: ``A,B,C,A,B,C``."""
    for separator in _SEPARATORS:
        parts = [part.strip() for part in text.split(separator)]
        half = len(parts) // 2
        if half >= least and len(parts) % 2 == 0 and parts[:half] == parts[half:] and parts[0]:
            return True
    return False


def _has_repeats(value: list[Any]) -> bool:
    texts = [item for item in value if isinstance(item, str)]
    return len(texts) == len(value) and max(Counter(texts).values()) > 1
