"""Steps that decide how much each class or task counts in the training part."""

from __future__ import annotations

import math
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from weitiao.config.section import Section

ANSWER = "response"
"""As value of ``by``: the class of a sample is its answer."""

Target = Literal["max", "median", "min"]
Scheme = Literal["balanced", "inverse_sqrt", "effective"]


class _TrainingStep(Section):
    """A step that no other part than train may have."""

    @model_validator(mode="before")
    @classmethod
    def _train_only(cls, given: Any) -> Any:
        if isinstance(given, dict) and "parts" in given:
            raise ValueError(
                "it is done in the training part only, dev and test stay as they are: no `parts`"
            )
        return given


class _ByClass(_TrainingStep):
    """A step that looks at the classes of samples."""

    by: str = Field(
        default=ANSWER,
        min_length=1,
        description="What the class of a sample is: `response` (its answer), a column, or a template over the columns.",
    )
    max_classes: int = Field(
        default=100, ge=2, description="With more classes than these, `by` names no classes: an error."
    )


class BalanceStep(_ByClass):
    """How many rows each class has, by repeating rows or leaving some out."""

    kind: Literal["balance"] = "balance"
    method: Literal["up", "down", "cap"] = Field(
        description="up: rows of classes below the target are repeated; down: every class is cut to the target; cap: "
        "as down, but classes below the target stay as they are."
    )
    target: Target | int | None = Field(
        default=None,
        description="Rows of a class: a number, or that of the largest (max), the middle (median) or the smallest "
        "class (min). Default: max for up, min for down, median for cap.",
    )
    max_repeat: int | None = Field(
        default=None, ge=2, description="With up: a row stands there at most so many times."
    )
    seed: int | None = Field(
        default=None, ge=0, description="Of the choice of rows. Default: the seed of the recipe."
    )

    @field_validator("target")
    @classmethod
    def _some_rows(cls, target: Target | int | None) -> Target | int | None:
        if isinstance(target, int) and target < 1:
            raise ValueError(f"expected max, median, min, or a number of rows above 0, got {target}")
        return target

    @model_validator(mode="after")
    def _does_something(self) -> BalanceStep:
        useless = {"up": "min", "down": "max", "cap": "max"}[self.method]
        if self.target == useless:
            raise ValueError(f"`method: {self.method}` with `target: {useless}` changes nothing")
        if self.method == "down" and self.target == "median":
            raise ValueError("the smaller classes have no median number of rows to keep: use `method: cap`")
        if self.max_repeat is not None and self.method != "up":
            raise ValueError(f"`max_repeat` is for `method: up`, `method: {self.method}` repeats nothing")
        return self


class WeighStep(_ByClass):
    """How much the samples of each class count in the training loss; the mean over the samples is 1."""

    kind: Literal["weigh"] = "weigh"
    weights: Scheme | dict[str, float] = Field(
        default="balanced",
        description="balanced: all classes count alike, as in scikit-learn; inverse_sqrt: by one over the root of the "
        "rows; effective: by the effective number of samples; or a weight above 0 for each class.",
    )
    beta: float | None = Field(
        default=None,
        gt=0,
        lt=1,
        description="With effective: how much a further sample of a class is worth. Default: 0.999.",
    )

    @model_validator(mode="after")
    def _fits(self) -> WeighStep:
        if self.beta is not None and self.weights != "effective":
            raise ValueError("`beta` is for `weights: effective`")
        if isinstance(self.weights, dict):
            if not self.weights:
                raise ValueError("`weights` names no class")
            wrong = [f"{k}: {w}" for k, w in self.weights.items() if not (w > 0 and math.isfinite(w))]
            if wrong:
                raise ValueError(f"expected weights above 0, got {', '.join(wrong)}")
        return self


class MixStep(_TrainingStep):
    """How many rows each task has; a task is a source, or the sources with the same `task`."""

    kind: Literal["mix"] = "mix"
    temperature: float = Field(
        default=1.0,
        ge=1,
        allow_inf_nan=False,
        description="A task with n rows gets a share by n ** (1 / temperature): 1 keeps the shares, a large one makes "
        "them equal.",
    )
    size: int | None = Field(default=None, ge=1, description="Rows in all. Default: as many as there are.")
    cap: int | None = Field(
        default=None, ge=1, description="A task counts as if it had at most so many rows."
    )
    max_repeat: int | None = Field(
        default=None,
        ge=1,
        description="A row stands there at most so many times; the other tasks get what is left.",
    )
    seed: int | None = Field(
        default=None, ge=0, description="Of the choice of rows. Default: the seed of the recipe."
    )

    @model_validator(mode="after")
    def _does_something(self) -> MixStep:
        if self.temperature == 1 and self.size is None and self.cap is None:
            raise ValueError("it changes nothing: set `temperature` above 1, `size` or `cap`")
        return self
