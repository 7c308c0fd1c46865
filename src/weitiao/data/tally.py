"""Rows left out or changed: how many, and where the first of them are. Memory does not grow with the count."""

from __future__ import annotations

from dataclasses import dataclass, field

NUM_EXAMPLES = 20  # written out for each finding; all are counted


@dataclass(frozen=True)
class Drop:
    """Rows that were left out for one reason.

    Attributes:
        reason: In words.
        rows: Where they are, ``file, row N``; of many the first.
        more: How many there are beside those.
    """

    reason: str
    rows: tuple[str, ...]
    more: int = 0

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
    """

    count: int = 0
    first: list[str] = field(default_factory=list)

    def add(self, row: str) -> None:
        """One more row."""
        self.count += 1
        if len(self.first) < NUM_EXAMPLES:
            self.first.append(row)

    def drop(self, reason: str) -> Drop:
        """As what was left out for a reason."""
        return Drop(reason, tuple(self.first), self.count - len(self.first))
