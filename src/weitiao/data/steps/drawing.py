"""How often each row of a group stands in the training part when the group is to have so many rows.

Every row has a rank in its group, by a hash of seed and content alone. Of n rows and a target t:

    t < n    the t rows of lowest rank
    t = n    every row once
    t > n    every row in t // n whole rounds, and the t % n rows of lowest rank once more

Hence, with the same seed: rows of other groups change nothing; with the same target, a row that is added gives no
other row of its group more places; with the same rows, a larger target takes none away.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from weitiao.config.balance import ANSWER
from weitiao.data.facts import COPY, said
from weitiao.data.shelf import Shelf
from weitiao.data.split import uniform
from weitiao.data.steps.step import Account, fields_of
from weitiao.errors import DataError
from weitiao.types import Example

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_SHOWN = 5


def num_places(ranks: Sequence[float], target: int, seed: int) -> NDArray[np.int64]:
    """How often each row stands there so that there are ``target`` in all.

    Args:
        ranks: Of the rows of one group, at least one. Of equal ranks (equal rows) the second, third, ... get ranks of
            their own.
        target: Rows wanted.
        seed: Of those ranks.

    Returns:
        Counts [len(ranks)] whose sum is ``target``.
    """
    import numpy as np

    values = np.array(ranks, dtype=np.float64)
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    number, before = 0, -1
    for place in (np.flatnonzero(ordered[1:] == ordered[:-1]) + 1).tolist():
        number, before = number + 1 if place == before + 1 else 1, place
        values[order[place]] = uniform(seed, f"{float(ordered[place])!r}:{number}")
    rounds, rest = divmod(target, len(values))
    places = np.full(len(values), rounds, dtype=np.int64)
    places[np.argsort(values, kind="stable")[:rest]] += 1
    return places


@dataclass(frozen=True)
class Groups:
    """Examples by their class or task, in some bytes each beside the examples.

    Attributes:
        examples: All of them, in order.
        labels: Names of the groups, in order of appearance.
        numbers: [N] number of the group of each example.
    """

    examples: Sequence[Example]
    labels: tuple[str, ...]
    numbers: array[int]

    @classmethod
    def by(cls, examples: Iterable[Example], label_of: Callable[[Example], str]) -> Groups:
        """The groups that a function names."""
        shelf = examples if isinstance(examples, Sequence) else Shelf(examples)
        known: dict[str, int] = {}
        numbers = array("L", (known.setdefault(label_of(example), len(known)) for example in shelf))
        return cls(shelf, tuple(known), numbers)

    @property
    def counts(self) -> dict[str, int]:
        """Rows of each group."""
        found = Counter(self.numbers)
        return {label: found[number] for number, label in enumerate(self.labels)}

    def __iter__(self) -> Iterator[tuple[Example, str]]:
        """Each example with its group."""
        for example, number in zip(self.examples, self.numbers, strict=True):
            yield example, self.labels[number]

    def drawn(
        self, targets: Mapping[str, int], seed: int, salt: str, account: Account, why: str
    ) -> Iterator[Example]:
        """The examples so that each group has its target: copies stand behind their row.

        Args:
            targets: Rows of each group.
            seed: Of the choice.
            salt: Of the step: ranks of two steps must not agree, or the second would prefer what the first cut most.
            account: Gets the rows left out, the counts and some of the copies.
            why: Why rows are left out.
        """
        ranks = {label: array("d") for label in self.labels}
        for example, label in self:
            ranks[label].append(uniform(seed, f"{salt}:{example.id}"))
        places = {label: num_places(ranks.pop(label), targets[label], seed) for label in self.labels}
        most = max(int(numbers.max()) for numbers in places.values())
        coming = {label: iter(numbers) for label, numbers in places.items()}
        for example, label in self:
            number = int(next(coming[label]))
            if number == 0:
                account.drop(why, example)
            if number > 1:
                account.change(example.prompt[-1].content, f"the same, {number} times")
            first = example.meta.get(COPY, 0) * most  # a copy of a copy has a number of its own
            for copy in range(first, first + number):
                yield replace(example, meta={**example.meta, COPY: copy}) if copy else example
        account.facts.update(
            classes={label: [count, targets[label]] for label, count in self.counts.items()},
            repeated=sum(int((numbers - 1).clip(0).sum()) for numbers in places.values()),
            most_places=most,
            seed=seed,
        )


def classes_of(examples: Iterable[Example], by: str, max_classes: int, name: str, account: Account) -> Groups:
    """The examples by class.

    Args:
        examples: Of the training part.
        by: As in the recipe.
        max_classes: More than these are no classes.
        name: Of the step, for the message.
        account: Gets a warning where rows have no class.

    Raises:
        DataError: Too many classes.
    """
    groups = Groups.by(examples, lambda example: class_of(example, by))
    num = len(groups.labels)
    if num > max_classes:
        most = ", ".join(f"{_short(label)!r} ({count})" for label, count in _largest(groups.counts))
        raise DataError(
            f"data.steps: {name}: `by: {by}` gives {num:,} different values in {len(groups.examples):,} training rows, "
            f"more than max_classes, {max_classes}: these are no classes. The most frequent: {most}",
            remedy="set `by` to the column that holds the class, or raise max_classes",
        )
    empty = sum(count for label, count in groups.counts.items() if not label.strip())
    if empty:
        rows = f"{empty:,} row{'s' if empty > 1 else ''}"
        account.facts["warnings"] = [
            f"{name}: {rows} with no class (`{by}` is empty there): together they count as a class"
        ]
    return groups


def class_of(example: Example, by: str) -> str:
    """The class of one example."""
    return said(example) or "" if by == ANSWER else fields_of(example)[by]


def _largest(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    return Counter(counts).most_common(_SHOWN)


def _short(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:39]}…"
