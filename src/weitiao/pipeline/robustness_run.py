"""The robustness of a run: what can go wrong is found before training, the rest is measured behind it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from weitiao.config import FullConfig, RobustnessConfig
from weitiao.pipeline.answering import draw, reference_texts
from weitiao.pipeline.opening import Opened, fitter_of
from weitiao.pipeline.robustness import (
    Contender,
    DamagedTest,
    adapter_folder,
    check_metric,
    check_room,
    contender,
    damaged_tests,
    measure_robustness,
    open_shared,
    run_name,
)
from weitiao.tuning.tuned import Tuned
from weitiao.types import Example


@dataclass(frozen=True)
class RobustnessPlan:
    """What will be answered when the training is done.

    Attributes:
        config: The section.
        tests: At each rate.
        against: Adapter folder of the other model.
    """

    config: RobustnessConfig
    tests: tuple[DamagedTest, ...]
    against: Path | None

    def measure(
        self, opened: Opened, tuned: Tuned, known: dict[str, str], console: Console | None
    ) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """Section ``robustness`` of the report and the rows of ``robustness.jsonl``.

        Args:
            opened: The recipe of the run.
            tuned: The trained model.
            known: Its answers to the undamaged test by the id of the example.
            console: For the progress bar.
        """
        recipe = opened.recipe
        decode = recipe.evaluate.decode
        contenders = [Contender(recipe.name, tuned, opened.format, decode, recipe.seed, known)]
        if self.against is not None:
            contenders.append(_other(opened, self.against))
        return measure_robustness(
            contenders,
            self.tests,
            self.config,
            metrics=recipe.evaluate.metrics,
            bootstrap=recipe.evaluate.bootstrap,
            seed=recipe.seed,
            console=console,
        )


def plan_robustness(opened: Opened, root: Path, examples: Sequence[Example]) -> RobustnessPlan | None:
    """Damage the test prompts, and check all that would only show when the training is done.

    Args:
        opened: The recipe.
        root: Folder that its relative paths start from.
        examples: Test examples that will be scored.

    Returns:
        None where the recipe does not ask for it, or has no test.

    Raises:
        ConfigError: A metric that these data do not have.
        DataError: The prompts do not hold the column, or damaged prompts leave no room for the answer.
        AdapterError: The other model cannot be opened.
    """
    recipe = opened.recipe
    config = recipe.evaluate.robustness
    if config is None or not examples:
        return None
    chosen = draw(examples, config.limit, recipe.seed)
    check_metric(config, reference_texts(opened.format, chosen), "evaluate.robustness.metric")
    fitter = fitter_of(recipe, opened.base, opened.whole)
    tests = damaged_tests(recipe, root, chosen, config, fitter)
    longest = recipe.evaluate.decode.max_new_tokens
    check_room(opened.base.model, opened.format, tests, longest, opened.prefix_length)
    against = None if config.against is None else adapter_folder(config.against, root)
    if against is not None:
        other = _other(opened, against)
        limit = other.decode.max_new_tokens
        check_room(other.tuned.model, other.format, tests, limit, other.tuned.prefix_length)
    return RobustnessPlan(config, tuple(tests), against)


def _other(opened: Opened, folder: Path) -> Contender:
    """The other model; over the base of the run where that stays as it is."""
    trains_base = isinstance(opened.recipe.method, FullConfig)
    name = run_name(folder)
    if name == opened.recipe.name:
        name = f"{name} (against)"
    return contender(open_shared(folder, [] if trains_base else [opened.base]), name)
