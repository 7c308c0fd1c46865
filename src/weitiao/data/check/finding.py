"""What a check has found, and how findings are made."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from weitiao.data.check.catalogue import CATALOGUE

Severity = Literal["serious", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = get_args(Severity)
_SHORT = 160
NUM_EXAMPLES = 20
_VERBS = {"are": "is", "have": "has", "do": "does"}
_ONE = re.compile(
    r"(?<![\d,.])(1 [\w-]+(?: of [\w,./ -]+?)?(?: with an? [\w ]+?)? )"
    r"(are|have|do|hold|repeat|end|differ|stand|fail|return|begin|continue|name)\b"
)


@dataclass(frozen=True)
class Finding:
    """One thing that a user should know about the data.

    Attributes:
        code: Of the kind of finding, see `weitiao.data.check.catalogue`.
        severity: ``serious`` (training or scores are wrong), ``warning`` (look at it), ``note`` (good to know).
        title: One sentence with the numbers.
        count: The headline number: of rows, unless the title says of what.
        rows: Where, ``file, row N``, all of them.
        numbers: Measured values by name.
        examples: The first cases, texts shortened.
        remedy: What to do in this case, where the catalogue's fix is not it.
    """

    code: str
    severity: Severity
    title: str
    count: int
    rows: tuple[str, ...] = ()
    numbers: Mapping[str, Any] = field(default_factory=dict)
    examples: tuple[Mapping[str, Any], ...] = ()
    remedy: str | None = None

    @property
    def why(self) -> str:
        """Why it matters."""
        return CATALOGUE[self.code].why

    @property
    def fix(self) -> str:
        """What to do, one line."""
        return self.remedy or CATALOGUE[self.code].fix

    def as_dict(self) -> dict[str, Any]:
        """The form used in ``check.json``."""
        return {
            "code": self.code,
            "severity": self.severity,
            "title": self.title,
            "count": self.count,
            "why": self.why,
            "fix": self.fix,
            "numbers": dict(self.numbers),
            "examples": [dict(e) for e in self.examples],
            "rows": list(self.rows),
        }


def found(
    code: str,
    severity: Severity,
    title: str,
    rows: Iterable[str],
    *,
    count: int | None = None,
    examples: Sequence[Mapping[str, Any]] = (),
    remedy: str | None = None,
    **numbers: Any,
) -> Finding:
    """A `Finding`; rows are listed once each, the count is theirs unless another is given."""
    listed = tuple(dict.fromkeys(rows))
    return Finding(
        code,
        severity,
        _agreeing(title),
        len(listed) if count is None else count,
        listed,
        numbers,
        tuple(examples[:NUM_EXAMPLES]),
        remedy,
    )


def _agreeing(title: str) -> str:
    """``1 rows have`` of a counted noun as ``1 row has``."""
    return _ONE.sub(lambda hit: f"{hit[1]}{_VERBS.get(hit[2]) or hit[2] + 's'}", title)


def short(text: str) -> str:
    """A text on one line of at most 160 characters."""
    line = " ".join(text.split())
    return line if len(line) <= _SHORT else f"{line[: _SHORT // 2]} … {line[-_SHORT // 2 :]}"


def many(count: int, noun: str) -> str:
    """``1 row``, ``2,310 rows``."""
    plural = f"{noun[:-1]}ies" if noun.endswith("y") and not noun.endswith("ay") else f"{noun}s"
    return f"{count:,} {noun if count == 1 else plural}"
