"""Times of rows as numbers, and the days at which the parts of a split by time begin."""

from __future__ import annotations

import datetime
import math
import re
from array import array
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from weitiao.config import SplitConfig
from weitiao.errors import DataError, collect

_DATE = re.compile(
    r"(\d{4})\s*(?:[-/.年]\s*(?:(\d{1,2})\s*(?:[-/.月]\s*(?:(\d{1,2})\s*日?)?)?)?)?"
    r"(?:[T ]\s*(\d{1,2}):(\d{2})(?::(\d{2}(?:\.\d+)?))?\s*(Z|[+-]\d{2}:?\d{2})?)?"
)
_COMPACT = re.compile(r"((?:19|20)\d{2})(0[1-9]|1[0-2])(\d{2})?")
_WHOLE = re.compile(r"[+-]?\d+(?:\.0+)?")
_DAY = 86400.0
_EXPECTED = "2021-03-04, 2021-03, 2021年3月4日, 2021年, or a whole number"
Values = NDArray[np.float64]


def read_date(text: str) -> float:
    """Seconds of the beginning of a day, month or year (or of the moment given); NaN when it is no date.

    Example:
        >>> read_date("2021年3月") == read_date("2021-03-01") < read_date("2021/3/4 10:30")
        True
    """
    text = text.strip()
    compact = _COMPACT.fullmatch(text)
    if compact is not None:
        year, month, day = (int(piece or 1) for piece in compact.groups())
        return _seconds(year, month, day)
    found = _DATE.fullmatch(text)
    if found is None:
        return math.nan
    year, month, day = (int(piece or 1) for piece in found.groups()[:3])
    hour, minute, second, zone = found.groups()[3:]
    clock = 3600 * int(hour or 0) + 60 * int(minute or 0) + float(second or 0)
    if clock >= _DAY or int(minute or 0) > 59 or float(second or 0) >= 60:
        return math.nan
    return _seconds(year, month, day) + clock - _offset(zone)


def _seconds(year: int, month: int, day: int) -> float:
    try:
        return datetime.date(year, month, day).toordinal() * _DAY
    except ValueError:
        return math.nan


def _offset(zone: str | None) -> float:
    if zone is None or zone == "Z":
        return 0.0
    sign, digits = zone[0], zone[1:].replace(":", "")
    seconds = 3600 * int(digits[:2]) + 60 * int(digits[2:])
    return -seconds if sign == "-" else seconds


def read_number(text: str) -> float:
    """A whole number; NaN when it is none."""
    text = text.strip()
    return float(text) if _WHOLE.fullmatch(text) else math.nan


@dataclass(frozen=True)
class Times:
    """Times of N rows.

    Attributes:
        values: [N] seconds of dates, or whole numbers as they are.
        kind: Which of the two.
    """

    values: Values
    kind: Literal["date", "number"]

    def read(self, name: str, given: str | int) -> float:
        """A time of the recipe as one of these.

        Raises:
            DataError: It is of the other kind, or neither.
        """
        value = (read_date if self.kind == "date" else read_number)(str(given))
        if math.isnan(value):
            kinds = {"date": "dates", "number": "whole numbers"}
            raise DataError(
                f"data.split.{name}: {str(given)!r} cannot be compared with the column, which holds {kinds[self.kind]}",
                remedy=f"write it as {_EXPECTED}",
            )
        return value

    def text(self, value: float) -> str:
        """A time as it is written in a recipe."""
        if self.kind == "number":
            return str(int(value))
        days, seconds = divmod(value, _DAY)
        date = datetime.date.fromordinal(int(days))
        if not seconds:
            return date.isoformat()
        moment = datetime.datetime.combine(date, datetime.time()) + datetime.timedelta(seconds=seconds)
        return moment.isoformat()


@dataclass
class TimeReader:
    """Reads the times of rows one by one; whether they are dates or numbers is known at the end."""

    _dates: array[float] = field(default_factory=lambda: array("d"))
    _numbers: array[float] = field(default_factory=lambda: array("d"))
    _neither: dict[str, list[tuple[str, str]]] = field(default_factory=lambda: {"date": [], "number": []})

    def add(self, text: str, where: str) -> None:
        """Take the time of the next row."""
        date, number = read_date(text), read_number(text)
        self._dates.append(date)
        self._numbers.append(number)
        for kind, value in (("date", date), ("number", number)):
            # A column of numbers has no dates, so only what may be wanted for a message is kept.
            if math.isnan(value) and len(self._neither[kind]) < _PROBLEMS:
                self._neither[kind].append((where, text))

    def times(self) -> Times:
        """The times of all rows.

        Raises:
            DataError: The rows whose time is of another kind than that of most rows.
        """
        dates, numbers = np.array(self._dates), np.array(self._numbers)
        missing = {"date": int(np.isnan(dates).sum()), "number": int(np.isnan(numbers).sum())}
        if not missing["date"]:
            return Times(dates, "date")
        if not missing["number"]:
            return Times(numbers, "number")
        kind = "date" if missing["date"] <= missing["number"] else "number"
        rows = [
            f"{where}: {text!r}" if text.strip() else f"{where}: empty" for where, text in self._neither[kind]
        ]
        count = "1 row" if missing[kind] == 1 else f"{missing[kind]:,} rows"
        what = f"data.split.time: the time of {count} cannot be read"
        if missing[kind] > len(rows):
            what += f" (the first {len(rows)} follow)"
        raise DataError(collect(rows, what=what), remedy=f"write it as {_EXPECTED}; all rows in one way")


_PROBLEMS = 1000


def find_cuts(
    times: Times, of_component: Values, rows: NDArray[np.int64], config: SplitConfig
) -> tuple[float, float]:
    """The times with which dev and test begin; infinite for a part that is not asked for.

    Args:
        times: For reading what the recipe says.
        of_component: [C] times of the components.
        rows: [C] rows of each.
        config: With ``dev_from`` and ``test_from``, or with shares.

    Raises:
        DataError: The rows have fewer different times than there are parts, or a time of the recipe is wrong.
    """
    given = {
        name: times.read(name, value)
        for name in ("dev_from", "test_from")
        if (value := getattr(config, name)) is not None
    }
    if given:
        dev, test = given.get("dev_from", math.inf), given.get("test_from", math.inf)
        if dev >= test and config.dev > 0:
            raise DataError(
                f"data.split: dev_from {config.dev_from} is not before test_from {config.test_from}",
                remedy="the dev part lies between training and test",
            )
        return (dev if config.dev > 0 else test), test
    distinct, codes = np.unique(of_component, return_inverse=True)
    tail = np.cumsum(np.bincount(codes, weights=rows, minlength=len(distinct))[::-1])[::-1]
    asked = [share for share in (config.dev, config.test) if share > 0]
    if len(distinct) <= len(asked):
        raise DataError(
            f"data.split: {len(asked) + 1} parts by time need as many different times, there are {len(distinct)}",
            remedy="give more rows, set data.split.dev or data.split.test to 0, or use a finer time",
        )
    test = math.inf
    end = len(distinct)
    if config.test > 0:
        first = len(asked)  # at least one time is left for each of the older parts
        end = first + int(np.argmin(np.abs(tail[first:] - config.test * tail[0])))
        test = float(distinct[end])
    if config.dev == 0:
        return test, test
    wanted = (config.dev + config.test) * tail[0]
    return float(distinct[1 + int(np.argmin(np.abs(tail[1:end] - wanted)))]), test
