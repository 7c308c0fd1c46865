"""Problems of one file, collected while it is read and raised once."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterable, Sequence

from weitiao.errors import DataError, collect


class Problems:
    """What is wrong with one file.

    Args:
        name: The file as the user wrote it, with its sheet.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.found: list[str] = []
        self.remedy: str | None = None
        self.passed_over: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self.found)

    def add(self, problem: str, *, remedy: str | None = None) -> None:
        """Note one problem; the first remedy that is given is the one that is shown."""
        self.found.append(problem)
        self.remedy = self.remedy or remedy

    def pass_over(self, what: str) -> None:
        """Count something that the user has allowed to be missing: no problem, but to be told."""
        self.passed_over[what] += 1

    def error(self) -> DataError:
        """All problems as one error."""
        remedy = self.remedy or "mend the file and run again"
        if len(self.found) == 1:
            return DataError(f"{self.name}: {self.found[0]}", remedy=remedy)
        heading = f"{self.name} has {len(self.found)} problems"
        return DataError(collect(self.found, what=heading), remedy=remedy)

    def raise_if_any(self) -> None:
        """Raise the collected problems.

        Raises:
            DataError: There is at least one.
        """
        if self.found:
            raise self.error()


def combined(errors: Sequence[DataError]) -> DataError:
    """One error for the errors of several files."""
    if len(errors) == 1:
        return errors[0]
    remedies = dict.fromkeys(e.remedy for e in errors if e.remedy)
    message = "\n".join(e.message for e in errors)
    return DataError(message, remedy="\n  -> ".join(remedies) or None)


def nearest(name: str, known: Iterable[str]) -> str:
    """``; did you mean "x"?`` where a known name is close, or a joined one (``group/name``) ends so; else nothing."""
    names = list(known)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    close = close or [joined for joined in names if joined.endswith(f"/{name}")]
    return f'; did you mean "{close[0]}"?' if close else ""
