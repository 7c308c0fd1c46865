"""Every error a user can see.

WeitiaoError
├── ConfigError     a recipe or a ``--set`` value is wrong (dotted path in the recipe)
├── DataError       a user's file is wrong (file, sheet, row)
├── FormatError     an example cannot be rendered in the chat format (example id)
├── ModelError      a base model cannot be loaded or does not support what is asked
├── AdapterError    an adapter folder is broken or belongs to another base or chat format
├── TrainError      a training run cannot go on (diverged, checkpoint unusable, disk full)
└── RequestError    a request to the server is wrong (HTTP status)

Each message says what was expected, what came, where, and what to do about it. Only ``weitiao.cli`` turns
them into one line and exit code 2.
"""

from __future__ import annotations

from collections.abc import Sequence


class WeitiaoError(Exception):
    """Base of all errors that are the user's business.

    Args:
        message: What was expected, what came, and where.
        remedy: What to do about it; shown on a line of its own.
    """

    def __init__(self, message: str, *, remedy: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return self.message if self.remedy is None else f"{self.message}\n  -> {self.remedy}"


class ConfigError(WeitiaoError):
    """A recipe is wrong; the message names the dotted path."""


class DataError(WeitiaoError):
    """A user's data is wrong; the message names file, sheet and row."""


class FormatError(WeitiaoError):
    """An example cannot be rendered; the message names its id and origin."""


class ModelError(WeitiaoError):
    """A base model cannot be loaded or cannot do what is asked."""


class AdapterError(WeitiaoError):
    """An adapter folder is broken or does not fit."""


class TrainError(WeitiaoError):
    """A training run cannot go on."""


class RequestError(WeitiaoError):
    """A request to the server is wrong.

    Args:
        message: What is wrong.
        status: HTTP status.
        remedy: What to send instead.
    """

    def __init__(self, message: str, *, status: int = 400, remedy: str | None = None) -> None:
        super().__init__(message, remedy=remedy)
        self.status = status


def collect(problems: Sequence[str], *, what: str, limit: int = 20, more: int = 0) -> str:
    """Put several problems of one file or recipe into one message.

    Args:
        problems: One sentence each, in the order in which they occur.
        what: Heading, for instance ``orders.xlsx has 3 problems``.
        limit: How many are written out; the rest is counted.
        more: Problems beside these, which are only counted.
    """
    shown = [f"  - {p}" for p in problems[:limit]]
    more += max(0, len(problems) - limit)
    if more:
        shown.append(f"  ... and {more} more")
    return "\n".join([what, *shown])
