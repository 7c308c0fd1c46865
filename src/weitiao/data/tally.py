"""Rows left out or changed: how many, and where the first of them are. Memory does not grow with the count."""

from __future__ import annotations

from dataclasses import dataclass, field

from weitiao.data.facts import said
from weitiao.types import Example

_SHORT = 80  # characters of a question or an answer
NUM_EXAMPLES = 20  # written out for each finding; all are counted


@dataclass(frozen=True)
class Drop:
    """Rows that were left out for one reason.

    Attributes:
        reason: In words.
        rows: Where they are, ``file, row N``; of many the first.
        more: How many there are beside those.
        texts: What ``rows`` say, in the same order; empty where nobody noted it.
    """

    reason: str
    rows: tuple[str, ...]
    more: int = 0
    texts: tuple[str, ...] = ()

    @property
    def count(self) -> int:
        """All of them."""
        return len(self.rows) + self.more


@dataclass
class Tally:
    """Counts rows and keeps the first.

    Attributes:
        count: All rows so far.
        first: Where the first of them are.
        texts: What they say, where that was noted.
    """

    count: int = 0
    first: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)

    def add(self, row: str, example: Example | None = None) -> None:
        """One more row, and what it says."""
        self.count += 1
        if len(self.first) < NUM_EXAMPLES:
            self.first.append(row)
            self.texts += [] if example is None else [shown(example)]

    def drop(self, reason: str) -> Drop:
        """As what was left out for a reason."""
        texts = tuple(self.texts) if len(self.texts) == len(self.first) else ()
        return Drop(reason, tuple(self.first), self.count - len(self.first), texts)


def shown(example: Example) -> str:
    """The last question and its answer on one line: ``question -> answer``."""
    asked = example.prompt[-1].content if example.prompt else ""
    return f"{_line(asked)} -> {_line(said(example) or '')}"


def _line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _SHORT else f"{line[: _SHORT // 2]} … {line[-_SHORT // 2 :]}"
