"""The step that decides how many rows each task has."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from weitiao.config import MixStep
from weitiao.data.builder import TASK
from weitiao.data.steps.drawing import Groups
from weitiao.data.steps.step import Account
from weitiao.errors import DataError
from weitiao.types import Example

_HALVINGS = 200  # of the interval in which the scale of the shares lies; float64 has no more digits


@dataclass(frozen=True)
class Mix:
    """Temperature mixing of tasks.

    Attributes:
        config: Temperature, size and limits.
        seed: Of the choice of rows.

    Source: examples-proportional and temperature-scaled mixing, Raffel et al. 2020 (arXiv 1910.10683), section 3.5.2.
    """

    config: MixStep
    seed: int = 0
    name: str = "mix"
    parts: tuple[str, ...] = ("train",)

    def apply(self, examples: Iterable[Example], account: Account) -> Iterator[Example]:
        """The examples in their order, copies behind their row.

        Raises:
            DataError: The size cannot be reached.
        """
        groups = Groups.by(examples, task_of)
        targets = rows_of_tasks(groups.counts, self.config)
        account.facts.update(
            by="task", temperature=self.config.temperature, cap=self.config.cap, size=sum(targets.values())
        )
        yield from groups.drawn(
            targets, self.seed, self.name, account, "its task has more rows than its share"
        )


def task_of(example: Example) -> str:
    """The task that the source names, else the file and its sheet."""
    if TASK in example.meta:
        return str(example.meta[TASK])
    origin = example.origin
    if origin is None:
        return ""
    return origin.file if origin.sheet is None else f'{origin.file}, sheet "{origin.sheet}"'


def rows_of_tasks(counts: Mapping[str, int], config: MixStep) -> dict[str, int]:
    """How many rows each task gets: at least one, and shares by ``min(n, cap) ** (1 / temperature)``.

    Args:
        counts: Rows of each task, at least one.
        config: Temperature, size and limits.

    Raises:
        DataError: The size is less than the tasks are, or more than ``max_repeat`` allows.
    """
    size = config.size or sum(counts.values())
    most = {task: size if config.max_repeat is None else n * config.max_repeat for task, n in counts.items()}
    if not len(counts) <= size <= sum(most.values()):
        least = size < len(counts)
        bound = (
            f"{len(counts):,} tasks need a row each"
            if least
            else (f"each row {config.max_repeat} times makes {sum(most.values()):,}")
        )
        raise DataError(
            f"data.steps: mix: {size:,} rows are asked for, but {bound}",
            remedy="raise `size`" if least else "lower `size`, or raise `max_repeat`",
        )
    shares = [min(n, config.cap or n) ** (1 / config.temperature) for n in counts.values()]
    rows = _allotted(size, shares, [min(most[task], size) for task in counts])
    return dict(zip(counts, rows, strict=True))


def _allotted(size: int, shares: Sequence[float], most: Sequence[int]) -> list[int]:
    """Whole numbers from 1 to ``most`` that sum to ``size`` and lie as near to a multiple of the shares as they can."""

    def at(scale: float) -> list[float]:
        return [min(max(scale * share, 1.0), float(top)) for share, top in zip(shares, most, strict=True)]

    low, high = 0.0, size / min(shares)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if sum(at(middle)) < size else (low, middle)
    exact = [round(number, 6) for number in at(high)]
    rows = [math.floor(number) for number in exact]
    order = sorted(range(len(rows)), key=lambda n: (rows[n] - exact[n], -shares[n], n))
    while (left := size - sum(rows)) != 0:
        step = 1 if left > 0 else -1
        for number in order if left > 0 else reversed(order):
            if left and 1 <= rows[number] + step <= most[number]:
                rows[number] += step
                left -= step
    return rows
