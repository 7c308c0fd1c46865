"""Steps of the recipe's ``data.steps``: pure, seeded, streaming, each with its line in the card.

A new kind of step is a section in `weitiao.config.steps` (with the columns that it needs in ``step_columns``), a
`Step`, and a case in `make_step`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weitiao.config import (
    AugmentConfig,
    BalanceStep,
    DeduplicateStep,
    MixStep,
    NoiseStep,
    StepConfig,
    WeighStep,
)
from weitiao.config.steps import NoiseLevels
from weitiao.data.steps.balance import Balance, Weigh
from weitiao.data.steps.deduplicate import Deduplicate
from weitiao.data.steps.mix import Mix
from weitiao.data.steps.noise import Levels, Noise
from weitiao.data.steps.step import Account, Inventing, Step, fields_of, without_fields
from weitiao.types import Example

if TYPE_CHECKING:
    from weitiao.data.augment.request import Generator

Shelve = Callable[[Iterator[Example]], Sequence[Example]]

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


def make_step(
    config: StepConfig,
    seed: int = 0,
    *,
    root: Path | None = None,
    generator: Generator | None = None,
    progress: Callable[[str, int], None] | None = None,
) -> Step:
    """The step of a section of the recipe.

    Args:
        config: The section.
        seed: Of the recipe, for steps that have none of their own.
        root: Folder that relative paths of the section start at; default: the working directory.
        generator: Who writes for `augment` where the section names no endpoint.
        progress: Told what is done and how often it was, by steps that take long for each example.

    Raises:
        ConfigError: `augment` without anybody who writes.
    """
    own: int | None = getattr(config, "seed", None)
    seed = seed if own is None else own
    match config:
        case NoiseLevels():
            return Levels(config, seed)
        case NoiseStep():
            return Noise(config, seed)
        case DeduplicateStep():
            return Deduplicate(config)
        case BalanceStep():
            return Balance(config, seed)
        case WeighStep():
            return Weigh(config)
        case MixStep():
            return Mix(config, seed)
        case AugmentConfig():
            from weitiao.data.augment.step import augment_step  # it takes `Account` from this package

            return augment_step(config, root=root, generator=generator, progress=progress)


def apply_step(
    step: Step, examples: Iterable[Example], part: str | None = None, *, shelve: Shelve = list
) -> tuple[Sequence[Example], dict[str, Any]]:
    """One step on one part, and its line for the card; ``shelve`` takes the examples that go on."""
    account = Account()
    kept = shelve(step.apply(_counted(examples, account), account))
    account.num_out = len(kept)
    return kept, account.entry(step.name, part)


def _counted(examples: Iterable[Example], account: Account) -> Iterator[Example]:
    for example in examples:
        account.num_in += 1
        yield example


def run_before_split(
    steps: Sequence[Step], parts: Mapping[str, Sequence[Example]], *, shelve: Shelve = list
) -> tuple[dict[str, Sequence[Example]], list[dict[str, Any]]]:
    """The steps that need no split, on every part, and their lines for the card."""
    result, entries = dict(parts), []
    for step in steps:
        if step.parts:
            continue
        for name in result:
            result[name], entry = apply_step(
                step, result[name], None if name == "sources" else name, shelve=shelve
            )
            entries.append(entry)
    return result, entries


def run_after_split(
    steps: Sequence[Step], parts: Mapping[str, Sequence[Example]], *, shelve: Shelve = list
) -> tuple[dict[str, Sequence[Example]], list[dict[str, Any]]]:
    """The steps that work on parts of the split, in the order of the recipe, and their lines for the card."""
    result, entries = dict(parts), []
    for step in steps:
        for name in step.parts:
            if result[name]:
                held_out = chain.from_iterable(result[other] for other in result if other != name)
                careful = step.avoiding(held_out) if name == "train" and isinstance(step, Inventing) else step
                result[name], entry = apply_step(careful, result[name], name, shelve=shelve)
                entries.append(entry)
    return result, entries
