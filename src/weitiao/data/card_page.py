"""The card of a data set as a page: ``card.html`` beside ``card.json``, self-contained, without scripts.

Everything in the card is on the page: what this file does not know by name is shown as a table of names and values.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

PAGE = "card.html"
_KNOWN = {
    "schema_version",
    "sources",
    "columns",
    "steps",
    "duplicates",
    "conflicts",
    "leaks",
    "parts",
    "labels",
    "lengths",
    "warnings",
    "sha256",
    "licences",
    "lineage",
    "checks",
    "templates",
}
_STEP_KEYS = {"name", "in", "out", "dropped", "part", "examples", "classes"}
_SEVERITIES = ("serious", "warning", "note")
_SOURCE_KEYS = ("file", "sheet", "part", "rows", "shape", "encoding", "licence", "sha256")
_HAN_FROM, _HAN_TO = "\u3400", "\u9fff"


@dataclass(frozen=True)
class ClassView:
    """Rows of a class before and after a step; the shares are of the largest number of all classes."""

    label: str
    before: int
    after: int
    share_before: float
    share_after: float


@dataclass(frozen=True)
class StepView:
    """One step as the page shows it.

    Attributes:
        name: Of the step.
        part: Part of the split that it worked on, empty for all.
        num_in: Rows in.
        num_out: Rows out.
        facts: Names and values of everything else, nested ones by dotted names.
        dropped: Reasons with counts and examples.
        changes: Texts before and after.
        findings: Other lists of examples, by name: reasons with counts, or rows.
        classes: Rows of each class before and after, with their shares of the largest number.
    """

    name: str
    part: str
    num_in: int
    num_out: int
    facts: tuple[tuple[str, str], ...]
    dropped: tuple[Mapping[str, Any], ...]
    changes: tuple[Mapping[str, Any], ...]
    findings: tuple[tuple[str, tuple[Mapping[str, Any], ...]], ...]
    classes: tuple[ClassView, ...] = ()


def card_page(card: Mapping[str, Any], *, title: str = "Data card") -> str:
    """The page of a card.

    Args:
        card: The content of ``card.json``; keys that are absent have no section.
        title: Heading.

    Returns:
        HTML.
    """
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update(
        n=number, text=text_of, lang=lambda text: Markup(' lang="zh-Hans"') if has_han(text) else Markup("")
    )
    template = environment.from_string(
        files("weitiao.data").joinpath("card.html.j2").read_text(encoding="utf-8")
    )
    parts = card.get("parts") or {}
    sources = list(card.get("sources") or ())
    return template.render(
        title=title,
        card=card,
        parts=parts,
        total=sum(part["examples"] for part in parts.values()),
        sources=[source_view(source) for source in sources],
        no_licence=list(
            dict.fromkeys(str(s.get("file") or s.get("patterns")) for s in sources if not s.get("licence"))
        ),
        templates=list(card.get("templates") or ()),
        lineage=lineage_view(card.get("lineage")),
        checks=checks_view(card.get("checks")),
        steps=[step_view(step) for step in card.get("steps") or ()],
        seeds=seeds_of(card),
        labels=shares(card.get("labels")),
        lengths=card.get("lengths") or {},
        findings=[
            (name, {"count": 0, "rows": 0, "identical": 0, "examples": [], **card[name]})
            for name in ("duplicates", "conflicts", "leaks")
            if isinstance(card.get(name), Mapping)
        ],
        warnings=list(card.get("warnings") or ()),
        columns=card.get("columns") or {},
        others=[(words(name), pairs(value)) for name, value in card.items() if name not in _KNOWN],
    )


def source_view(source: Mapping[str, Any]) -> dict[str, Any]:
    """A source's known facts, None where it has nothing to say; all others are in ``more``."""
    view = {key: source.get(key) for key in _SOURCE_KEYS}
    view["file"] = source.get("file") or source.get("patterns") or ""
    rest = {k: v for k, v in source.items() if k not in _SOURCE_KEYS and v not in (None, [], {}, "")}
    return {**view, "more": pairs(rest)}


def step_view(step: Mapping[str, Any]) -> StepView:
    """One step of the card."""
    facts: dict[str, Any] = {}
    findings: list[tuple[str, tuple[Mapping[str, Any], ...]]] = []
    for key, value in step.items():
        if key in _STEP_KEYS or value in (None, [], {}, ""):
            continue
        if _is_rows(value):
            findings.append((words(key), tuple(value)))
        elif isinstance(value, Mapping) and _is_rows(value.get("examples")):
            findings.append((words(key), tuple(value["examples"])))
            facts[key] = {k: v for k, v in value.items() if k != "examples"}
        else:
            facts[key] = value
    examples = [item for item in step.get("examples") or () if isinstance(item, Mapping)]
    changes = tuple(item for item in examples if {"before", "after"} <= item.keys())
    others = tuple(item for item in examples if item not in changes)
    if others:
        findings.append(("examples", others))
    return StepView(
        str(step.get("name", "")),
        str(step.get("part") or ""),
        int(step.get("in", 0)),
        int(step.get("out", 0)),
        tuple(pairs(facts)),
        tuple(
            {"reason": "", "count": 0, "examples": [], "texts": [], **drop}
            for drop in step.get("dropped") or ()
        ),
        changes,
        tuple(findings),
        class_views(step.get("classes")),
    )


def class_views(classes: Any) -> tuple[ClassView, ...]:
    """``{label: [before, after]}`` as bars, the largest class before the step first; anything else as none."""
    if not isinstance(classes, Mapping):
        return ()
    rows: list[tuple[str, int, int]] = [
        (str(label), int(pair[0]), int(pair[1]))
        for label, pair in classes.items()
        if isinstance(pair, Sequence) and len(pair) == 2 and all(isinstance(n, int) for n in pair)
    ]
    most = max((max(before, after) for _, before, after in rows), default=0) or 1
    rows.sort(key=lambda row: -row[1])
    return tuple(
        ClassView(label, before, after, before / most, after / most) for label, before, after in rows
    )


def lineage_view(lineage: Any) -> dict[str, Any] | None:
    """The program, the recipe's section, and the parents with what is known of each; None where there is none."""
    if not isinstance(lineage, Mapping):
        return None
    known = ("weitiao", "seed", "data", "parents")
    return {
        "weitiao": str(lineage.get("weitiao", "unknown")),
        "seed": lineage.get("seed"),
        "data": pairs(lineage.get("data") or {}),
        "parents": [
            (str(p.get("file", "")), pairs({k: v for k, v in p.items() if k != "file"}))
            for p in lineage.get("parents") or ()
        ],
        "more": pairs({k: v for k, v in lineage.items() if k not in known}),
    }


def checks_view(checks: Any) -> dict[str, Any] | None:
    """Counts by severity and the findings; None where nothing is said about checks."""
    if not isinstance(checks, Mapping):
        return None
    return {
        "counts": [(name, int(checks[name])) for name in _SEVERITIES if name in checks],
        "findings": list(checks.get("findings") or ()),
        "skipped": checks.get("skipped"),
        "more": pairs({k: v for k, v in checks.items() if k not in (*_SEVERITIES, "findings", "skipped")}),
    }


def _is_rows(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, Mapping) for item in value)


def seeds_of(card: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Every seed in the card by where it stands."""
    named: dict[str, Any] = {}
    for step in card.get("steps") or ():
        part = f" ({step['part']})" if step.get("part") else ""
        named[f"step {step.get('name')}{part}"] = {k: v for k, v in step.items() if k != "dropped"}
    for source in card.get("sources") or ():
        named[str(source.get("file") or source.get("patterns"))] = source
    named |= {name: value for name, value in card.items() if name not in _KNOWN}
    return [
        (name, value) for name, value in pairs(named) if "seed" in name.rsplit(".", 1)[-1].rsplit(": ", 1)[-1]
    ]


def shares(labels: Mapping[str, int] | None) -> list[tuple[str, int, float]]:
    """Labels with their counts and their share of the largest one."""
    most = max((labels or {}).values(), default=1)
    return [(label, count, count / most) for label, count in (labels or {}).items()]


def pairs(value: Any, prefix: str = "") -> list[tuple[str, str]]:
    """Names and values of anything json can hold; nested names are joined with dots."""
    if isinstance(value, Mapping):
        return [
            pair
            for key, inner in value.items()
            for pair in pairs(inner, f"{prefix}.{key}" if prefix else key)
        ]
    if isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
        return [
            pair
            for place, item in enumerate(value, start=1)
            for pair in pairs(item, f"{prefix} {place}".strip())
        ]
    return [(prefix, text_of(value))]


def text_of(value: Any) -> str:
    """A value in words."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return number(value)
    if isinstance(value, str):
        return value
    if isinstance(value, Sequence) and not any(isinstance(item, Mapping | list) for item in value):
        return ", ".join(text_of(item) for item in value) or "none"
    return json.dumps(value, ensure_ascii=False)


def number(value: float) -> str:
    """A number with thousands separators."""
    return f"{value:,}" if isinstance(value, int) else f"{value:,.4g}"


def words(name: str) -> str:
    """A key of the card in words."""
    return name.replace("_", " ")


def has_han(text: Any) -> bool:
    """Whether a text has Chinese characters, so that it gets Chinese glyphs."""
    return isinstance(text, str) and any(_HAN_FROM <= character <= _HAN_TO for character in text)
