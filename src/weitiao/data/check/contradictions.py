"""One prompt, two answers: exactly, nearly, and with names, years and numbers taken out."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from weitiao.data.check.finding import Finding, found, many, short
from weitiao.data.check.material import Case, Material, grouped
from weitiao.data.check.text import fold, mask, skeleton
from weitiao.data.mask import Vocabulary

_MOSTLY = 0.8
_SHORT_ANSWER = 30  # characters: longer ones are worded freely
_NAME, _NUMBER = "\u3400", "9"  # stand for a name and a number: signs would be taken out as punctuation
_CONSISTENT = 0.7  # share of templates with one answer from which the others count as contradictions
_MIN_GROUPS = 5  # unless the answers are labels


def check_contradictions(material: Material) -> Iterator[Finding]:
    """One prompt with different answers, the largest groups first; each case is told once.

    First whole prompts, then the same question in prompts that are worded differently, then nearly equal prompts.
    """
    cases = material.cases
    groups = [g for g in grouped([case.key for case in cases]) if _answers(cases, g) > 1]
    if groups:
        serious = [g for g in groups if _in_meaning(cases, g)]
        yield found(
            "contradiction",
            "serious" if serious else "warning",
            f"{many(len(groups), 'prompt')} have different answers, in {len(serious):,} of them different in meaning "
            "too (order, blanks and closing marks do not count)",
            (cases[k].where for g in _ranked(groups) for k in g),
            count=len(groups),
            examples=[_example(material, g) for g in _ranked(groups)],
            in_meaning=len(serious),
        )
    told = {cases[k].key for g in groups for k in g}
    values: list[list[int]] = []
    for name, texts in _asked(material):
        values = [g for g in grouped(list(texts)) if _answers(cases, g) > 1]
        yield from _of_values(material, name, values, told)
    told |= {cases[k].key for g in values for k in g}
    yield from _near(material, told)


def _asked(material: Material) -> Iterator[tuple[str, Sequence[str]]]:
    """The question as a column or as the part of the prompts that differs, where something else stands around it."""
    name = material.question_column
    if name is not None:
        yield repr(name), [v if isinstance(v := c.fields.get(name), str) else "" for c in material.cases]
    elif material.question is not None:
        name, texts = material.question
        pairs = list(zip(texts, material.cases, strict=True))
        inside = sum(len(t) >= 6 and t in case.prompt and t != case.prompt for t, case in pairs)
        if inside >= _MOSTLY * len(pairs):
            yield name, texts


def _of_values(material: Material, name: str, groups: list[list[int]], told: set[str]) -> Iterator[Finding]:
    cases = material.cases
    new = [g for g in groups if not {cases[k].key for k in g} <= told]
    if new:
        yield found(
            "value_contradiction",
            "warning",
            f"{many(len(new), 'value')} of {name} have different answers, in prompts that differ around it"
            + (f" ({len(groups):,} with the prompts above)" if len(new) < len(groups) else ""),
            (cases[k].where for g in _ranked(new) for k in g),
            count=len(new),
            examples=[_example(material, g) for g in _ranked(new)],
            column=name,
            values=len(groups),
        )


def _near(material: Material, told: set[str]) -> Iterator[Finding]:
    cases = material.cases
    if any(len([m for m in case.example.prompt if m.role != "system"]) > 1 for case in cases):
        return  # rounds of a dialogue differ in what was said before
    near = [g for g in _core_groups(material) if not {cases[k].key for k in g} <= told]
    groups = [g for g in near if _in_meaning(cases, g)]
    if groups:
        yield found(
            "near_contradiction",
            "warning",
            f"{many(len(groups), 'group')} of nearly equal prompts have different answers",
            (cases[k].where for g in _ranked(groups) for k in g),
            count=len(groups),
            examples=[_example(material, g) for g in _ranked(groups)],
        )


def _in_meaning(cases: Sequence[Case], group: Sequence[int]) -> bool:
    return len({normal(cases[k].said or "") for k in group}) > 1


def _core_groups(material: Material) -> list[list[int]]:
    """Groups with equal or near cores but not one prompt."""
    near = material.near
    seen = {k for g in near for k in g}
    equal = [g for g in grouped(list(material.cores)) if not seen & set(g)]
    return [g for g in [*near, *equal] if len({material.cases[k].key for k in g}) > 1]


def check_templates(material: Material) -> Iterator[Finding]:
    """Templates (names, years and numbers taken out of prompt and answer) with more than one answer.

    Only where most templates have one answer: what is looked up or written freely differs from row to row.
    """
    templates = templates_of(material)
    answers = [mask(normal(case.said or ""), material.entities) for case in material.cases]
    groups = grouped(templates)
    split = [g for g in groups if len({answers[k] for k in g}) > 1]
    lengths = sorted(map(len, answers))
    if not split or lengths[len(lengths) // 2] > _SHORT_ANSWER:
        return
    if (len(groups) < _MIN_GROUPS and material.labels is None) or len(split) > (1 - _CONSISTENT) * len(
        groups
    ):
        return
    outside = {k for g in split for k in minority(answers, g)}
    told = {
        k
        for g in grouped([case.key for case in material.cases])
        if _answers(material.cases, g) > 1
        for k in g
    }
    if outside <= told:
        return  # whole prompts that disagree, told already
    yield found(
        "template_contradiction",
        "warning",
        f"{len(split):,} of {len(set(templates)):,} prompt templates have more than one answer; "
        f"{many(len(outside), 'row')} differ from the majority of their template",
        (material.cases[k].where for g in _ranked(split) for k in g if k in outside),
        examples=[
            {"template": short(mask(material.cores[g[0]], material.entities)), **_example(material, g)}
            for g in _ranked(split)
        ],
        as_written=_as_written(material, groups),
        templates=len(set(templates)),
        contradicting=len(split),
    )


def _as_written(material: Material, groups: list[list[int]]) -> list[int]:
    """Templates with more than one answer letter by letter, and rows that differ from the majority."""
    answers = [mask(case.said or "", material.entities) for case in material.cases]
    split = [g for g in groups if len({answers[k] for k in g}) > 1]
    return [len(split), sum(len(minority(answers, g)) for g in split)]


def templates_of(material: Material) -> list[str]:
    """The masked prompt of each case, without courtesy and what all prompts share; of a dialogue, no template."""
    return [
        template_of(core, material.entities) if len(case.example.prompt) <= 2 else ""
        for core, case in zip(material.cores, material.cases, strict=True)
    ]


def template_of(text: str, entities: Vocabulary | None) -> str:
    """Key of a text's template: names and numbers as one character each, no courtesy, no punctuation."""
    return skeleton(mask(text, entities).replace("*", _NAME).replace("#", _NUMBER))


def minority(answers: Sequence[str], group: Sequence[int]) -> list[int]:
    """Members of a group whose answer is not its most frequent one (the first of equals)."""
    majority = Counter(answers[k] for k in group).most_common(1)[0][0]
    return [k for k in group if answers[k] != majority]


def normal(answer: str) -> str:
    """An answer without the order of its list, blanks, case, and closing marks."""
    folded = fold(answer).rstrip("。.;；,， ")
    parts = re.split(r"[,、;]\s*", folded)
    is_list = len(parts) > 1 and all(len(part) <= 20 for part in parts)
    return ",".join(sorted(parts)) if is_list else folded.replace(" ", "")


def _answers(cases: Sequence[Case], group: Sequence[int]) -> int:
    return len({cases[k].said for k in group if cases[k].said is not None})


def _ranked(groups: list[list[int]]) -> list[list[int]]:
    return sorted(groups, key=lambda group: -len(group))


def _example(material: Material, group: Sequence[int]) -> dict[str, object]:
    answers = Counter(short(material.cases[k].said or "") for k in group)
    first = {short(material.cases[k].said or ""): material.cases[k].where for k in reversed(group)}
    return {
        "text": short(material.cores[group[0]]),
        "answers": [{"answer": a, "rows": n, "first": first[a]} for a, n in answers.most_common(5)],
    }
