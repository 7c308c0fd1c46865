"""Steps of the recipe's ``data.steps``: pure, seeded, streaming, each with its line in the card.

A new kind of step is a section in `weitiao.config.steps` (with the columns that it needs in ``step_columns``), a
`Step`, and a line in the table below.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from weitiao.config import DeduplicateStep, NoiseStep, StepConfig
from weitiao.data.steps.deduplicate import Deduplicate
from weitiao.data.steps.noise import Noise
from weitiao.data.steps.step import Account, Step, fields_of, without_fields
from weitiao.types import Example

__all__ = [
    "Account",
    "Step",
    "apply_step",
    "fields_of",
    "make_step",
    "run_after_split",
    "run_before_split",
    "without_fields",
]

_MAKERS: dict[type, Callable[[Any, int], Step]] = {
    NoiseStep: lambda config, seed: Noise(config, seed if config.seed is None else config.seed),
    DeduplicateStep: lambda config, seed: Deduplicate(config),
}


def make_step(config: StepConfig, seed: int = 0) -> Step:
    """The step of a section of the recipe.

    Args:
        config: The section.
        seed: Of the recipe, for steps that have none of their own.
    """
    return _MAKERS[type(config)](config, seed)


def apply_step(
    step: Step, examples: Iterable[Example], part: str | None = None
) -> tuple[list[Example], dict[str, Any]]:
    """One step on one part, and its line for the card."""
    account = Account()
    kept = list(step.apply(_counted(examples, account), account))
    account.num_out = len(kept)
    return kept, account.entry(step.name, part)


def _counted(examples: Iterable[Example], account: Account) -> Iterator[Example]:
    for example in examples:
        account.num_in += 1
        yield example


def run_before_split(
    steps: Sequence[Step], parts: Mapping[str, list[Example]]
) -> tuple[dict[str, list[Example]], list[dict[str, Any]]]:
    """The steps that need no split, on every part, and their lines for the card."""
    result, entries = dict(parts), []
    for step in steps:
        if step.parts:
            continue
        for name in result:
            result[name], entry = apply_step(step, result[name], None if name == "sources" else name)
            entries.append(entry)
    return result, entries


def run_after_split(
    steps: Sequence[Step], parts: Mapping[str, Sequence[Example]]
) -> tuple[dict[str, list[Example]], list[dict[str, Any]]]:
    """The steps that work on parts of the split, in the order of the recipe, and their lines for the card."""
    result, entries = {name: list(examples) for name, examples in parts.items()}, []
    for step in steps:
        for name in step.parts:
            if result[name]:
                result[name], entry = apply_step(step, result[name], name)
                entries.append(entry)
    return result, entries
