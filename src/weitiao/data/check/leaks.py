"""Leaks: prompts across parts, parts that are copies, examples in the prompt that are cases of the test."""

from __future__ import annotations

from collections.abc import Iterator

from weitiao.data.check.finding import Finding, found, many, short
from weitiao.data.check.material import Material
from weitiao.data.check.near import alike, near_groups
from weitiao.data.check.text import fold
from weitiao.data.split import PARTS

_COPY = 0.9
_MIN_SHOT = 8


def check_leaks(material: Material) -> Iterator[Finding]:
    """Equal prompts in two parts; the smaller part is named, and called a copy where nearly all of it leaks."""
    parts = list(dict.fromkeys(case.part for case in material.cases))
    asked: dict[str, dict[str, list[int]]] = {part: {} for part in parts}
    for k, case in enumerate(material.cases):
        asked[case.part].setdefault(_key(material, k), []).append(k)
    for a, part in enumerate(parts):
        for other in parts[a + 1 :]:
            yield from _between(material, asked, part, other)
    yield from _near(material)
    yield from _user_sides(material)


def _key(material: Material, number: int) -> str:
    """What is asked: the core of a single turn, all turns of a dialogue."""
    case = material.cases[number]
    single = len([m for m in case.example.prompt if m.role != "system"]) == 1
    return fold(material.cores[number]) if single else case.key


def _between(
    material: Material, asked: dict[str, dict[str, list[int]]], part: str, other: str
) -> Iterator[Finding]:
    common = asked[part].keys() & asked[other].keys()
    if not common:
        return
    small = min((part, other), key=lambda name: sum(map(len, asked[name].values())))
    large = other if small == part else part
    rows = [k for key, numbers in asked[small].items() if key in common for k in numbers]
    total = sum(map(len, asked[small].values()))
    copied = len(rows) >= _COPY * total
    yield found(
        "copied_part" if copied else "leak",
        "serious",
        f"{len(rows):,} of {many(total, 'row')} of {small} have their prompt in {large} too"
        + (": it is a copy" if copied else ""),
        (material.cases[k].where for k in sorted(rows)),
        examples=[
            {
                "text": short(material.cores[k]),
                "rows": [material.cases[k].where, _there(material, asked[large], k)],
            }
            for k in sorted(rows)
        ],
        remedy=None if copied else _remedy(material, part, other),
        parts=[small, large],
        prompts=len(common),
    )


def _remedy(material: Material, part: str, other: str) -> str | None:
    """For parts that the recipe's split makes, the setting that keeps one question in one part."""
    name = material.question_column
    files = {case.example.origin.file for case in material.cases if case.example.origin is not None}
    is_split = name is not None and len(files) == 1 and {part, other} <= set(PARTS)
    return f"data.split.group: {name}" if is_split else None


def _there(material: Material, asked: dict[str, list[int]], number: int) -> str:
    return material.cases[asked[_key(material, number)][0]].where


def _near(material: Material) -> Iterator[Finding]:
    cases = material.cases
    if len({case.part for case in cases}) < 2:
        return
    if any(len([m for m in case.example.prompt if m.role != "system"]) > 1 for case in cases):
        return
    groups = []
    for group in near_groups([fold(core) for core in material.cores], material.details):
        parts = {cases[k].part for k in group}
        texts = {fold(material.cores[k]) for k in group}
        if len(parts) > 1 and len(texts) > 1:
            groups.append(group)
    if groups:
        yield found(
            "near_leak",
            "warning",
            f"{many(len(groups), 'group')} of nearly equal prompts stand in more than one part",
            (cases[k].where for g in groups for k in g),
            count=len(groups),
            examples=[
                {
                    "text": alike(material.cores, g),
                    "rows": [cases[k].where for k in g],
                }
                for g in groups
            ],
        )


def _user_sides(material: Material) -> Iterator[Finding]:
    """Dialogues of different parts in which the user says the same."""
    sides: dict[str, dict[str, list[str]]] = {}
    for whole in material.wholes:
        said = [m.content for m in whole.messages if m.role == "user"]
        if said and not whole.is_round:
            sides.setdefault("\n".join(said), {}).setdefault(whole.part, []).append(whole.where)
    both = [parts for parts in sides.values() if len(parts) > 1]
    if both:
        smallest = min((part for parts in both for part in parts), key=lambda p: _size(material, p))
        rows = [where for parts in both for where in parts.get(smallest, [])]
        yield found(
            "user_side_leak",
            "warning",
            f"{many(len(rows), 'dialogue')} of {smallest} have the user side of one in another part",
            (where for parts in both for rows_of in parts.values() for where in rows_of),
            count=len(rows),
        )


def _size(material: Material, part: str) -> int:
    return sum(whole.part == part for whole in material.wholes)


def check_few_shot(material: Material) -> Iterator[Finding]:
    """Cases of dev and test (of any part where there is one) that stand in the fixed part of the prompts."""
    systems = {m.content for case in material.cases for m in case.example.prompt if m.role == "system"}
    fixed = fold("\n".join([*material.common, *(systems if len(systems) <= 5 else ())]))
    if not fixed:
        return
    held_out = {case.part for case in material.cases} & {"dev", "test"}
    rows = [
        case
        for k, case in enumerate(material.cases)
        if (not held_out or case.part in held_out) and _is_shot(fold(material.cores[k]), fixed)
    ]
    if rows and len(rows) <= 0.1 * len(material.cases):
        yield found(
            "few_shot_leak",
            "serious" if held_out else "warning",
            f"{many(len(rows), 'row')} are written into the prompt as an example",
            (case.where for case in rows),
            examples=[{"text": short(case.asked), "answer": case.said} for case in rows],
        )


def _is_shot(asked: str, fixed: str) -> bool:
    return len(asked) >= _MIN_SHOT and "\n" not in asked and asked in fixed
