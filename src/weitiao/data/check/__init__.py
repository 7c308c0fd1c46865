"""What is wrong with a data set: findings with rows, numbers, why they matter and a one-line fix.

`check` runs all checks of `CHECKS` over a `Material`, which `material_of` makes of a recipe, `material_of_files` of
bare files and `material_of_dataset` of a prepared data set. Each check is a function from the material to findings;
a new one is a line in ``CHECKS``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from weitiao.data.check import (
    answers,
    choices,
    content,
    contradictions,
    damage,
    dialogues,
    fields,
    giveaway,
    leaks,
    lengths,
    lists,
    names,
    personal,
    repeats,
    schemes,
    sharing,
    sql,
    structure,
    tags,
    targets,
)
from weitiao.data.check.finding import SEVERITIES, Finding, Severity
from weitiao.data.check.loading import material_of, material_of_dataset, material_of_files
from weitiao.data.check.material import Case, Material, Options

__all__ = [
    "CHECKS",
    "Case",
    "Check",
    "Finding",
    "Material",
    "Options",
    "Severity",
    "check",
    "material_of",
    "material_of_dataset",
    "material_of_files",
]


class Check(Protocol):
    """One family of findings."""

    def __call__(self, material: Material, /) -> Iterable[Finding]:
        """All findings of this family, none where all is well."""
        ...


CHECKS: dict[str, Check] = {
    "leaks": leaks.check_leaks,
    "few-shot": leaks.check_few_shot,
    "contradictions": contradictions.check_contradictions,
    "contradicting templates": contradictions.check_templates,
    "label schemes": schemes.check_schemes,
    "give-away features": giveaway.check_giveaway,
    "duplicates": repeats.check_duplicates,
    "repeated rows": repeats.check_records,
    "ids": repeats.check_ids,
    "lists": repeats.check_lists,
    "labels": targets.check_labels,
    "repeated headers": targets.check_headings,
    "separators": lists.check_separators,
    "endings": targets.check_endings,
    "errors": targets.check_errors,
    "no data": answers.check_no_data,
    "number formats": answers.check_amounts,
    "empty fields": targets.check_empty,
    "fields": fields.check_mismatch,
    "prompt texts": fields.check_variants,
    "reading": fields.check_reading,
    "row shapes": fields.check_shapes,
    "JSON": structure.check_json,
    "slot types": structure.check_slots,
    "slot coverage": structure.check_coverage,
    "vocabulary": structure.check_vocabulary,
    "dialogues": dialogues.check_dialogues,
    "SQL": sql.check_sql,
    "choices": choices.check_choices,
    "option marks": choices.check_marks,
    "spans": tags.check_spans,
    "tags": tags.check_tags,
    "numbers": content.check_numbers,
    "names": names.check_names,
    "words": content.check_words,
    "language": content.check_language,
    "personal data": personal.check_personal,
    "damage": damage.check_damage,
    "balance": giveaway.check_balance,
    "lengths": lengths.check_lengths,
    "prompt sharing": sharing.check_sharing,
}


def check(
    material: Material, *, progress: Callable[[str, int, int], None] | None = None
) -> tuple[Finding, ...]:
    """All findings, the serious ones first, within a severity in the order of `CHECKS`.

    Args:
        material: What to check.
        progress: Told the name of each check before it runs, its number from 0, and how many there are.
    """
    findings: list[Finding] = []
    for number, (name, run) in enumerate(CHECKS.items()):
        if progress is not None:
            progress(name, number, len(CHECKS))
        findings.extend(run(material))
    return tuple(sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity)))
