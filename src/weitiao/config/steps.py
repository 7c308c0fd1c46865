"""Section ``data.steps``: what is done to examples before and after the split."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field, model_validator

from weitiao.config.augment import AugmentConfig
from weitiao.config.balance import ANSWER, BalanceStep, MixStep, WeighStep
from weitiao.config.section import Section

PartName = Literal["train", "dev", "test"]


class NoiseMix(Section):
    """How often each kind of damage is done, as weights."""

    mask: float = Field(default=0, ge=0, description="A character becomes the mask character.")
    homophone: float = Field(
        default=0,
        ge=0,
        description="A Chinese word becomes another word of the same sound; where there is none, a character becomes a "
        "frequent one of the same syllable, mostly of the same tone.",
    )
    near_homophone: float = Field(
        default=0,
        ge=0,
        description="The same with a sound that is often confused with its own: zh and z, ch and c, sh and s, n and l, "
        "f and h, r and l, -ng and -n.",
    )
    drop: float = Field(
        default=0, ge=0, description="A character, or a word of letters, is left out; nothing of a number."
    )
    repeat: float = Field(
        default=0, ge=0, description="A character, or a word of letters, is said twice; nothing of a number."
    )
    filler: float = Field(default=0, ge=0, description="A filler word is put between two words.")
    numeral: float = Field(
        default=0, ge=0, description="Digits become Chinese numerals, Chinese numerals become digits."
    )

    @model_validator(mode="after")
    def _some(self) -> NoiseMix:
        if not any(getattr(self, name) for name in type(self).model_fields):
            raise ValueError("at least one weight must be above 0")
        return self


def spoken() -> NoiseMix:
    """The mistakes of a speech recogniser."""
    return NoiseMix(homophone=4, near_homophone=2, drop=2, repeat=1, filler=1, numeral=1)


class NoiseStep(Section):
    """Prompts as a speech recogniser hears them."""

    kind: Literal["noise"] = "noise"
    column: str | None = Field(
        default=None,
        description="Column whose value is damaged where the prompt holds it; default: the user's last message, with "
        "its instruction.",
    )
    cer: float = Field(default=0.1, gt=0, le=0.5, description="Character error rate to reach.")
    mix: NoiseMix = Field(
        default_factory=spoken, description="Kinds of damage; those not named are not done."
    )
    mask: str = Field(default="*", min_length=1, max_length=1, description="The mask character.")
    fillers: tuple[str, ...] | None = Field(
        default=None, description="Filler words. Default: some of the text's language."
    )
    answers: Literal["keep", "protect", "follow"] = Field(
        default="keep",
        description="Words of the answer that stand in the prompt: keep (the answer stays right although the prompt is "
        "damaged), protect (they are not damaged), follow (the answer is changed as they are).",
    )
    share: float = Field(default=1, gt=0, le=1, description="Share of the examples that are damaged.")
    copies: int = Field(default=1, ge=1, description="Damaged versions of each example.")
    keep_original: bool = Field(default=True, description="Whether the undamaged example stays beside them.")
    parts: tuple[PartName, ...] = Field(
        default=("train",), min_length=1, description="Parts of the split in which it is done."
    )
    seed: int | None = Field(default=None, ge=0, description="Default: the seed of the recipe.")

    @model_validator(mode="after")
    def _tests_keep_their_size(self) -> NoiseStep:
        if set(self.parts) != {"train"} and (self.keep_original or self.copies > 1):
            raise ValueError("dev and test keep their size: set `keep_original: false` and `copies: 1`")
        return self


class NoiseLevels(NoiseStep):
    """Noise at several error rates, a version of each example at each of them: for the curve, not for recipes."""

    rates: tuple[float, ...] = ()

    def at(self, cer: float) -> NoiseStep:
        """The step at one rate."""
        return NoiseStep.model_validate({**self.model_dump(exclude={"rates"}), "cer": cer})


class DeduplicateStep(Section):
    """Leaves out what stood there before."""

    kind: Literal["deduplicate"] = "deduplicate"
    by: Literal["sample", "prompt"] = Field(
        default="sample",
        description="sample: same prompt and answer; prompt: same prompt, the first answer stays.",
    )


StepConfig = Annotated[
    NoiseStep | DeduplicateStep | AugmentConfig | BalanceStep | WeighStep | MixStep,
    Field(discriminator="kind"),
]

FIELDS = "fields"
"""Key of `Example.meta` under which the columns that steps ask for travel until the last step is done."""


def step_columns(step: StepConfig) -> tuple[str, ...]:
    """Columns of the rows that a step needs, or templates over them."""
    if isinstance(step, NoiseStep):
        return () if step.column is None else (step.column,)
    if isinstance(step, AugmentConfig):
        return (*(() if step.column is None else (step.column,)), *step.keep)
    if isinstance(step, BalanceStep | WeighStep):
        return () if step.by == ANSWER else (step.by,)
    return ()


def check_order(steps: Sequence[StepConfig]) -> list[str]:
    """What is wrong with the order of the steps, one sentence each."""
    problems = []
    for number, step in enumerate(steps):
        later = [(k, other) for k, other in enumerate(steps) if k > number]
        for k, other in later:
            why = _misplaced(step, other)
            if why is not None:
                problems.append(f"steps.{k}: {other.kind} stands after {step.kind} (steps.{number}): {why}")
    return problems


def _misplaced(step: StepConfig, later: StepConfig) -> str | None:
    """Why a step must not stand behind another one, None where it may."""
    counts = isinstance(step, BalanceStep | MixStep | WeighStep)
    if counts and isinstance(later, DeduplicateStep):
        return "it is done before the split, so put it first"
    repeats = isinstance(step, MixStep) or (isinstance(step, BalanceStep) and step.method == "up")
    if repeats and isinstance(later, AugmentConfig):
        return "it would pay for new texts of repeated rows, so let it write first"
    if isinstance(step, WeighStep) and _changes_counts(later):
        return "it changes how many rows a class has, so weigh last"
    return None


def _changes_counts(step: StepConfig) -> bool:
    if isinstance(step, NoiseStep):
        return "train" in step.parts and (step.keep_original or step.copies > 1)
    return isinstance(step, AugmentConfig | BalanceStep | MixStep | WeighStep)
