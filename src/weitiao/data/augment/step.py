"""Augmentation as a step of the recipe."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from weitiao.config import DataConfig
from weitiao.config.augment import AugmentConfig
from weitiao.data.augment.engine import NoProgress, Progress
from weitiao.data.augment.job import augment_examples
from weitiao.data.augment.report import report_of
from weitiao.data.augment.request import Generator
from weitiao.data.steps.step import Account
from weitiao.errors import ConfigError, ModelError
from weitiao.types import Example


class Augment:
    """Adds new examples to the training part, behind those that are there.

    Args:
        config: What is wanted; the budget is that of one run, and answers on disk cost nothing.
        generator: Who writes; default: the endpoint of the settings.
        root: Folder that relative paths of the settings start at.
        progress: Told about requests.
    """

    name = "augment"
    parts: tuple[str, ...] = ("train",)

    def __init__(
        self,
        config: AugmentConfig,
        generator: Generator | None = None,
        root: Path | None = None,
        progress: Progress | None = None,
    ) -> None:
        self.config, self.generator, self.root, self.progress = config, generator, root, progress

    def apply(self, examples: Iterable[Example], account: Account) -> Iterator[Example]:
        """The examples, then the new ones.

        Raises:
            ConfigError: The settings do not fit, or the endpoint refuses everything.
            ModelError: The endpoint stopped answering, or the budget ends before all texts are made.
        """
        sources = list(examples)
        made, done = augment_examples(
            sources, self.config, generator=self.generator, root=self.root, progress=self.progress
        )
        if done.made.stopped is not None:  # a data set that depends on when the money ran out is no data set
            why = done.last_failure if done.made.stopped == "failures" else "the budget is used up"
            raise ModelError(
                f"data.steps: augment: {len(made):,} of {done.made.wanted:,} texts are made, then: {why}",
                remedy="run again, with a larger budget if need be; what is paid for is not asked again",
            )
        if self.config.target_per_class is not None:
            account.facts["classes"] = _class_counts(sources, made)
        report = report_of(done, self.config, rows=len(sources))
        by_id = {example.id: example for example in sources}
        for example in made:
            source = by_id[example.meta["augment"]["of"]]
            account.change(source.prompt[-1].content, example.prompt[-1].content)
        account.facts.update(
            generator=report["generator"],
            settings=report["settings"],
            kinds=report["kinds"],
            dropped_texts=report["dropped"],
        )
        yield from sources
        yield from made


def _class_counts(before: Sequence[Example], made: Sequence[Example]) -> dict[str, list[int]]:
    old, new = (Counter(example.reference or "" for example in part) for part in (before, made))
    return {label: [count, count + new[label]] for label, count in old.items()}


def needs_base(data: DataConfig) -> bool:
    """Whether the base of the recipe is to write for one of the steps."""
    return any(isinstance(step, AugmentConfig) and step.base is not None for step in data.steps)


class _Requests(NoProgress):
    """Tells how many requests are done."""

    def __init__(self, tell: Callable[[str, int], None]) -> None:
        self.tell, self.num_done = tell, 0

    def done(self, requests: int) -> None:
        self.num_done += requests
        self.tell("requests", self.num_done)


def augment_step(
    config: AugmentConfig,
    *,
    root: Path | None = None,
    generator: Generator | None = None,
    progress: Callable[[str, int], None] | None = None,
) -> Augment:
    """The step of a section of the recipe.

    Args:
        config: The section; its endpoint writes where it names one.
        root: Folder that relative paths of the section start at.
        generator: Who writes where it names none: the base of the recipe, or a function of the caller.
        progress: Told how many requests are done.

    Raises:
        ConfigError: Nobody writes.
    """
    told = None if progress is None else _Requests(progress)
    if config.endpoint is not None:
        return Augment(config, None, root, told)
    if generator is not None:
        return Augment(config, generator, root, told)
    if config.base is not None:
        raise ConfigError(
            "data.steps: augment: the base of the recipe is to write, and none is loaded here",
            remedy="run `weitiao data prepare RECIPE --out FOLDER`, which loads it, and name that folder",
        )
    raise ConfigError(
        "data.steps: augment: nobody to write: neither `endpoint` nor `base` is set",
        remedy="set `endpoint` (url and model), or `base: {}` for the base of the recipe",
    )
