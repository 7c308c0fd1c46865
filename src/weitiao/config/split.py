"""Section ``data.split``: which part of the data every row belongs to."""

from __future__ import annotations

import re
from typing import Any, Literal

from pydantic import Field, model_validator

from weitiao.config.section import Section

_SEPARATORS = re.compile(r"[/:：,，\s]+")
_NEAR_SHARES = 1e-6  # shares that differ by less are the same


class MaskConfig(Section):
    """What is taken out of a group key, so that variants of one template fall together."""

    digits: bool = Field(default=True, description="Replace runs of digits by `#`.")
    vocabulary: str | None = Field(
        default=None,
        description="Text file, one term a line (company names, cities); each is replaced by `*`.",
    )


class SplitConfig(Section):
    """How sources are split. Identical prompts never fall into two parts."""

    by: Literal["hash", "stratified", "time"] = Field(
        default="hash",
        description="hash: by a number drawn from the group; stratified: the same, and every class is in every part; "
        "time: the newest rows are the test part, the oldest are trained on.",
    )
    dev: float = Field(default=0.1, ge=0, lt=1, description="Share of the dev part.")
    test: float = Field(default=0.1, ge=0, lt=1, description="Share of the test part.")
    ratio: str | tuple[float, float, float] | None = Field(
        default=None, description="Instead of dev and test: train, dev, test as `[8, 1, 1]` or `70/15/15`."
    )
    exact: bool = Field(
        default=False,
        description="Shares are met as nearly as whole groups allow, in every class and in all; rows added later may "
        "then move old ones, unless `keep` names the earlier version.",
    )
    seed: int = Field(default=7, description="Seed of the split; adding rows later moves no old group.")
    group: str | None = Field(
        default=None,
        description="Column or template; rows with the same value stay in one part. Default: the prompt.",
    )
    mask: MaskConfig | None = Field(default=None, description="Masking applied to the group value.")
    near: float | None = Field(
        default=None,
        gt=0,
        le=1,
        description="Rows whose prompts are at least so similar (share of common character trigrams) stay in one part; "
        "0.8 is usual.",
    )
    stratify: str | None = Field(
        default=None,
        description="With by: stratified: column or template of the class. Default: the response.",
    )
    time: str | None = Field(
        default=None,
        description="With by: time: column or template of the time: 2021-03-04, 2021-03, 2021年3月, or whole numbers.",
    )
    dev_from: str | int | None = Field(
        default=None,
        description="With by: time: the dev part begins with this time. Default: by the shares; the card says which.",
    )
    test_from: str | int | None = Field(
        default=None, description="With by: time: the test part begins with this time."
    )
    keep: str | None = Field(
        default=None,
        description="Folder of an earlier version of the data set, or of its run: its rows stay in their parts, "
        "whatever else decides.",
    )
    folds: int | None = Field(
        default=None,
        ge=2,
        description="Number of folds: `weitiao run` trains one adapter for each, and tests every row once.",
    )
    fold: int | None = Field(
        default=None, ge=1, description="With folds: only this one (from 1); its rows are the test part."
    )
    same: bool = Field(
        default=False,
        description="All rows in train, dev and test alike: the scores are then training scores.",
    )

    @model_validator(mode="before")
    @classmethod
    def _shares_of_ratio(cls, given: Any) -> Any:
        """``ratio`` as the shares ``dev`` and ``test``, so that there is one way to ask for them."""
        if not isinstance(given, dict) or given.get("ratio") is None:
            return given
        dev, test = shares_of(given["ratio"])
        for name, share in (("dev", dev), ("test", test)):
            if name in given and not _same_share(given[name], share):
                raise ValueError(
                    f"give either `ratio` or `dev` and `test`, not both: {name} is {given[name]}"
                )
        return {**given, "dev": dev, "test": test}

    @model_validator(mode="after")
    def _fits(self) -> SplitConfig:
        problems = [*self._share_problems(), *self._time_problems(), *self._fold_problems()]
        if self.stratify is not None and self.by != "stratified":
            problems.append("`stratify` goes with `by: stratified`")
        if self.same:
            problems += self._same_problems()
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def settings(self) -> list[str]:
        """Names of what is not as by default; the seed, and shares that `ratio` says, aside."""
        said = ("seed",) if self.ratio is None else ("seed", "dev", "test")
        fields = type(self).model_fields.items()
        return [name for name, field in fields if name not in said and getattr(self, name) != field.default]

    def _share_problems(self) -> list[str]:
        if self.dev + self.test >= 1:
            return [f"dev + test must be below 1, got {self.dev} + {self.test}"]
        return []

    def _time_problems(self) -> list[str]:
        cuts = {"dev_from": (self.dev_from, self.dev), "test_from": (self.test_from, self.test)}
        given = [name for name, (value, _) in cuts.items() if value is not None]
        if self.exact and self.by == "time":
            return ["`exact` deals groups, `by: time` cuts: take out `exact`"]
        if self.by != "time":
            named = [*(["time"] if self.time is not None else []), *given]
            return [f"`{name}` goes with `by: time`" for name in named]
        problems = [] if self.time is not None else ["`by: time` needs `time`, the column of the time"]
        missing = [name for name, (value, share) in cuts.items() if value is None and share > 0]
        if given and missing:
            share = missing[0].removesuffix("_from")
            problems.append(f"with `{given[0]}` give `{missing[0]}` too, or `{share}: 0`")
        return problems

    def _fold_problems(self) -> list[str]:
        problems = []
        if self.folds is not None and self.by == "time":
            problems.append("folds are dealt, not cut by time: `by: hash` or `by: stratified`")
        if self.folds is not None and self.keep is not None:
            problems.append("`keep` is about train, dev and test: leave out `folds`")
        if self.fold is not None and (self.folds is None or self.fold > self.folds):
            problems.append(f"fold {self.fold} of {self.folds or 'no'} folds")
        return problems

    def _same_problems(self) -> list[str]:
        given = [name for name in self.settings() if name != "same"]
        return [f"`same: true` splits nothing: take out {', '.join(given)}"] if given else []


def shares_of(ratio: str | tuple[float, ...] | list[float]) -> tuple[float, float]:
    """Shares of dev and test in a ratio of train, dev and test.

    Example:
        >>> shares_of("70/15/15")
        (0.15, 0.15)

    Raises:
        ValueError: Not three numbers, a negative one, or nothing for train.
    """
    pieces = _SEPARATORS.split(ratio.strip()) if isinstance(ratio, str) else list(ratio)
    expected = (
        f"ratio: expected three numbers (train, dev, test) such as [8, 1, 1] or 70/15/15, got {ratio!r}"
    )
    try:
        numbers = [float(str(piece).rstrip("%")) for piece in pieces]
    except ValueError:
        raise ValueError(expected) from None
    if len(numbers) != 3 or not all(0 <= number < float("inf") for number in numbers):
        raise ValueError(expected)
    if numbers[0] == 0:
        raise ValueError(f"ratio: nothing is left for train in {ratio!r}")
    total = sum(numbers)
    return numbers[1] / total, numbers[2] / total


def _same_share(given: Any, share: float) -> bool:
    return isinstance(given, int | float) and abs(given - share) < _NEAR_SHARES


TIME_FIELD, CLASS_FIELD, NO_GROUP_FIELD = "data.split.time", "data.split.stratify", "data.split.group"
"""Names under which the time and the class of a row, and that its group is empty, travel in its fields
(`weitiao.config.steps.FIELDS`)."""
