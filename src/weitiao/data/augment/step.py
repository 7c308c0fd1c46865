"""Augmentation as a step of the recipe."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from weitiao.config import DataConfig
from weitiao.config.augment import AugmentConfig
from weitiao.data.augment.engine import NoProgress, Progress
from weitiao.data.augment.job import Done, augment_examples, prices_of
from weitiao.data.augment.report import cost_of, report_of
from weitiao.data.augment.request import Generator
from weitiao.data.augment.samples import question_of
from weitiao.data.facts import said
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
        held_out: Examples of other parts, which no new one may nearly repeat.
    """

    name = "augment"
    parts: tuple[str, ...] = ("train",)

    def __init__(
        self,
        config: AugmentConfig,
        generator: Generator | None = None,
        root: Path | None = None,
        progress: Progress | None = None,
        held_out: Iterable[Example] = (),
    ) -> None:
        self.config, self.generator, self.root, self.progress = config, generator, root, progress
        self.held_out = held_out

    def avoiding(self, held_out: Iterable[Example]) -> Augment:
        """The same step, whose new examples nearly repeat none of these."""
        return Augment(self.config, self.generator, self.root, self.progress, held_out)

    def apply(self, examples: Iterable[Example], account: Account) -> Iterator[Example]:
        """The examples, then the new ones.

        Raises:
            ConfigError: The settings do not fit, or the endpoint refuses everything.
            ModelError: The endpoint stopped answering, or the budget ends before all texts are made.
        """
        sources = list(examples)
        try:
            made, done = augment_examples(
                sources,
                self.config,
                generator=self.generator,
                root=self.root,
                held_out=self.held_out,
                progress=self.progress,
            )
        except ConfigError as error:
            raise _in_recipe(error) from error
        if done.made.stopped is not None or done.tally.unanswered:
            raise _stopped(
                done, self.config
            )  # a data set that depends on money or on a bad day is no data set
        if self.config.target_per_class is not None:
            account.facts["classes"] = _class_counts(sources, made)
        report = report_of(done, self.config, rows=len(sources))
        by_id = {example.id: example for example in sources}
        for example in made:
            source = by_id[example.meta["augment"]["of"]]
            account.change(question_of(source) or "", question_of(example) or "")
        account.facts.update(
            generator=report["generator"],
            settings=report["settings"],
            kinds=report["kinds"],
            cost=cost_of(done, prices_of(self.config)),
            dropped_texts=report["dropped"],
        )
        yield from sources
        yield from made


def _stopped(done: Done, config: AugmentConfig) -> ModelError:
    """Why a run ended before all texts were made, and what it did cost."""
    money = done.tally.cost + done.tally.unconfirmed
    spent = f" {money:.4f} is spent." if money else ""
    made = f"data.steps: augment: {len(done.made.variants):,} of {done.made.wanted:,} texts are made"
    if done.made.stopped == "budget":
        return ModelError(
            f"{made}: the next request could exceed the budget of {config.budget:g}.{spent}",
            remedy="run again, with a larger budget if need be; what is paid for is not asked again",
        )
    number = done.tally.unanswered
    lost = "" if done.made.stopped else f"; {number:,} request{'s' * (number != 1)} got no answer"
    return ModelError(
        f"{made}{lost or ', then'}: {done.last_failure}.{spent}",
        remedy="run again when the endpoint is back; what is paid for is not asked again",
    )


_KEYS = {
    "--endpoint": "endpoint.url",
    "--api-key-env": "endpoint.api_key_env",
    "--cache": "cache",
    "--verify": "filter.verify",
}


def _in_recipe(error: ConfigError) -> ConfigError:
    """An error that names options of the command line, in the words of the recipe."""
    message, remedy = error.message.removeprefix("augment: "), error.remedy or ""
    for option, key in _KEYS.items():
        message, remedy = message.replace(option, key), remedy.replace(option, f"`{key}`")
    remedy = remedy.replace("go on with --resume", "run again")
    remedy = remedy.replace(
        "name the column of the labels with --label, or ", ""
    )  # labels are the answers here
    return ConfigError(f"data.steps: augment: {message}", remedy=remedy)


def _class_counts(before: Sequence[Example], made: Sequence[Example]) -> dict[str, list[int]]:
    old, new = (Counter(said(example) or "" for example in part) for part in (before, made))
    return {label: [count, count + new[label]] for label, count in old.items()}


def needs_base(data: DataConfig) -> bool:
    """Whether the base of the recipe is to write for one of the steps."""
    return any(isinstance(step, AugmentConfig) and step.base is not None for step in data.steps)


_OFTEN = 1000


class _Requests(NoProgress):
    """Tells how many requests are done and how many answers sifted."""

    def __init__(self, tell: Callable[[str, int], None]) -> None:
        self.tell, self.num_done, self.num_sifted = tell, 0, 0

    def done(self, requests: int) -> None:
        self.num_done += requests
        self.tell("requests", self.num_done)

    def sifted(self, answers: int) -> None:
        self.num_sifted += answers
        if self.num_sifted % _OFTEN == 0:
            self.tell("answers sifted", self.num_sifted)


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
