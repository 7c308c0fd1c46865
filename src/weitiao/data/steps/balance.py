"""The steps that balance classes: rows repeated or left out, or weights in the loss."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from statistics import median_low

from weitiao.config import BalanceStep, WeighStep
from weitiao.data.problems import Problems, nearest
from weitiao.data.steps.drawing import classes_of
from weitiao.data.steps.step import Account
from weitiao.errors import DataError
from weitiao.types import Example

_DEFAULT_TARGET = {"up": "max", "down": "min", "cap": "median"}
_DEFAULT_BETA = 0.999
_DIGITS = 9  # of a weight: what rounding leaves over is no difference


@dataclass(frozen=True)
class Balance:
    """As many rows of each class as the recipe asks for.

    Attributes:
        config: Classes, method and target.
        seed: Of the choice of rows.
    """

    config: BalanceStep
    seed: int = 0
    name: str = "balance"
    parts: tuple[str, ...] = ("train",)

    def apply(self, examples: Iterable[Example], account: Account) -> Iterator[Example]:
        """The examples in their order, copies behind their row.

        Raises:
            DataError: There are no classes, or one has too few rows to cut the others to the target.
        """
        groups = classes_of(examples, self.config.by, self.config.max_classes, self.name, account)
        target = self._target(groups.counts)
        targets = {label: self._rows(count, target) for label, count in groups.counts.items()}
        account.facts.update(by=self.config.by, method=self.config.method, target=target)
        why = f"its class has more than {target:,} rows"
        yield from groups.drawn(targets, self.seed, f"{self.name}:{self.config.by}", account, why)

    def _target(self, counts: Mapping[str, int]) -> int:
        wanted = self.config.target or _DEFAULT_TARGET[self.config.method]
        if wanted == "median":
            return median_low(counts.values())
        if isinstance(wanted, str):
            return max(counts.values()) if wanted == "max" else min(counts.values())
        if self.config.method == "down":
            self._check_reached(counts, wanted)
        return wanted

    def _check_reached(self, counts: Mapping[str, int], target: int) -> None:
        problems = Problems("data.steps: balance")
        for label, count in counts.items():
            if count < target:
                problems.add(
                    f'class "{label}" has {count:,} rows, and each is to be cut to {target:,}',
                    remedy="use `method: cap` to leave small classes as they are, or a smaller target",
                )
        problems.raise_if_any()

    def _rows(self, count: int, target: int) -> int:
        if self.config.method != "up":
            return min(count, target)
        most = target if self.config.max_repeat is None else count * self.config.max_repeat
        return max(count, min(target, most))


@dataclass(frozen=True)
class Weigh:
    """Each example with the weight of its class.

    Attributes:
        config: Classes and scheme.
    """

    config: WeighStep
    name: str = "weigh"
    parts: tuple[str, ...] = ("train",)

    def apply(self, examples: Iterable[Example], account: Account) -> Iterator[Example]:
        """The same examples; only `Example.weight` is another.

        Raises:
            DataError: There are no classes, or the recipe's weights name others than there are.
        """
        groups = classes_of(examples, self.config.by, self.config.max_classes, self.name, account)
        weights = class_weights(groups.counts, self.config)
        account.facts.update(
            by=self.config.by,
            scheme="given" if isinstance(self.config.weights, dict) else self.config.weights,
            classes={label: [count, count] for label, count in groups.counts.items()},
            weights=weights,
        )
        for example, label in groups:
            yield replace(example, weight=weights[label])


def class_weights(counts: Mapping[str, int], config: WeighStep) -> dict[str, float]:
    """The weight of each class, so that the mean over all rows is 1.

    Args:
        counts: Rows of each class, at least one.
        config: The scheme.

    Raises:
        DataError: The recipe's weights name others than there are.

    Source: ``balanced`` as ``class_weight="balanced"`` of scikit-learn, n / (k * n_c); ``effective`` as Cui et al.
        2019, "Class-balanced loss based on effective number of samples" (arXiv 1901.05555),
        (1 - beta) / (1 - beta^n_c).
    """
    if isinstance(config.weights, dict):
        _check_names(counts, config.weights)
        raw = {label: config.weights[label] for label in counts}
    elif config.weights == "effective":
        beta = config.beta or _DEFAULT_BETA
        raw = {label: (1 - beta) / (1 - beta**count) for label, count in counts.items()}
    else:
        power = 0.5 if config.weights == "inverse_sqrt" else 1.0
        raw = {label: count**-power for label, count in counts.items()}
    mean = sum(raw[label] * count for label, count in counts.items()) / sum(counts.values())
    return {label: round(weight / mean, _DIGITS) for label, weight in raw.items()}


def _check_names(counts: Mapping[str, int], weights: Mapping[str, float]) -> None:
    missing = [
        f'class "{label}" ({count:,} rows) has no weight'
        for label, count in counts.items()
        if label not in weights
    ]
    unknown = [
        f'there is no class "{label}"{nearest(label, counts)}' for label in weights if label not in counts
    ]
    if missing or unknown:
        raise DataError(
            f"data.steps: weigh: {'; '.join([*missing, *unknown])}",
            remedy=f"give `weights` one entry for each class: {', '.join(counts)}",
        )
