"""Names of columns: from one row, or from several rows with merged cells above each other.

Row and column numbers count from 1, as a user sees them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from weitiao.errors import DataError

JOINT = "/"  # between the names of several header rows


@dataclass(frozen=True)
class Merge:
    """A range of merged cells, its ends included."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def where(self) -> str:
        """As a workbook writes it, ``B1:C1``."""
        return f"{letters(self.left)}{self.top}:{letters(self.right)}{self.bottom}"


def letters(column: int) -> str:
    """1 -> ``A``, 27 -> ``AA``."""
    name = ""
    while column:
        column, rest = divmod(column - 1, 26)
        name = chr(ord("A") + rest) + name
    return name


def is_blank(value: Any) -> bool:
    """Whether a cell holds nothing that can be a name."""
    return value is None or (isinstance(value, str) and not value.strip())


def column_names(header: Sequence[Any], name: str, rows: Sequence[int] = (1,)) -> list[str]:
    """Names from a header row; an unnamed column N is called ``column_N``.

    Args:
        header: One name a column.
        name: File and sheet, for errors.
        rows: Where the names stand, for errors.

    Raises:
        DataError: A name occurs twice.
    """
    columns = [
        f"column_{number}" if is_blank(cell) else str(cell) for number, cell in enumerate(header, start=1)
    ]
    twice = sorted({column for column in columns if columns.count(column) > 1}, key=columns.index)
    if twice:
        places = "; ".join(
            f'"{column}" in columns {", ".join(str(k) for k, c in enumerate(columns, 1) if c == column)}'
            for column in twice
        )
        raise DataError(
            f"{name}, {said(rows)}: duplicate column names: {places}", remedy="give each column its own name"
        )
    return columns


def joined_names(
    rows: Mapping[int, Sequence[Any]], numbers: Sequence[int], merges: Sequence[Merge]
) -> list[Any]:
    """One name a column from the header rows ``numbers``: their cells from top to bottom, joined by ``/``.

    A merged cell counts for each column that it spans, in the last row for its first column only; a name that is
    repeated by the row below is written once.

    Example:
        >>> rows = {1: ["公司", "财务", None], 2: [None, "收入", "利润"]}
        >>> joined_names(rows, [1, 2], [Merge(1, 1, 2, 1), Merge(1, 2, 1, 3)])
        ['公司', '财务/收入', '财务/利润']
    """
    cells = {n: list(rows.get(n, ())) for n in numbers}
    spans = [m.right for m in merges if m.top in cells and m.left <= len(cells[m.top])]
    width = max([*map(len, cells.values()), *spans], default=0)
    for values in cells.values():
        values.extend([None] * (width - len(values)))
    last = numbers[-1]
    if len(numbers) == 1:
        return cells[last]
    for merge in merges:
        if merge.top not in cells or merge.left > width:
            continue
        value = cells[merge.top][merge.left - 1]
        for row in range(merge.top, min(merge.bottom, last) + 1):
            spanned = merge.left if row == last and merge.top == last else merge.right
            for column in range(merge.left, min(spanned, width) + 1):
                cells[row][column - 1] = value
    return [_joined([cells[n][k] for n in numbers]) for k in range(width)]


def _joined(parts: Sequence[Any]) -> str | None:
    names: list[str] = []
    for part in parts:
        text = "" if is_blank(part) else str(part).strip()
        if text and (not names or names[-1] != text):
            names.append(text)
    return JOINT.join(names) or None


def find_header(rows: Mapping[int, Sequence[Any]], merges: Sequence[Merge], name: str) -> tuple[int, ...]:
    """The rows of the column names at the top of a sheet: what merged cells say, else the first row with a value.

    A title (one merged cell over the width of the table) is passed over. Where it is not sure, nothing is guessed.

    Args:
        rows: The first rows that hold a value, by number.
        merges: Merged cells of the sheet.
        name: File and sheet, for errors.

    Raises:
        DataError: It cannot be told which rows hold the names.
    """
    filled = [number for number in sorted(rows) if not all(map(is_blank, rows[number]))]
    while len(filled) > 1 and _is_title(filled[0], rows[filled[0]], rows[filled[1]], merges):
        filled = filled[1:]
    if not filled:
        return (1,)
    top = filled[0]
    if len(filled) > 1 and _count(rows[top]) == 1 < _count(rows[filled[1]]):
        raise _unsure(
            name,
            f"row {top} has one value, row {filled[1]} has {_count(rows[filled[1]])}: "
            f"is row {top} a title above the table?",
            f"`header: {filled[1]}` if so, `header: {top}` if not",
        )
    bottom = top
    while True:
        new = _bottom(top, bottom, rows, merges, name)
        if new == bottom:
            return tuple(range(top, bottom + 1))
        bottom = new


def _bottom(
    top: int, bottom: int, rows: Mapping[int, Sequence[Any]], merges: Sequence[Merge], name: str
) -> int:
    """The last row that the merged cells of the header rows found so far reach."""
    inside = [m for m in merges if top <= m.top <= bottom]
    reach = max([bottom, *(m.bottom for m in inside)])
    if reach > bottom:
        return reach
    wide = [m for m in inside if m.bottom == bottom and m.right > m.left]
    if not wide:
        return bottom
    below = rows.get(bottom + 1, ())
    wrong = _not_names(wide, below)
    if wrong is None:
        return bottom + 1
    raise _unsure(
        name,
        f"row {bottom} has merged cells ({wide[0].where}), but row {bottom + 1} below them {wrong}",
        f"`header: {top}` or `header: {list(range(top, bottom + 2))}`",
    )


def _not_names(wide: Sequence[Merge], below: Sequence[Any]) -> str | None:
    """Why a row cannot be the second row of names under merged cells, None where it is one."""
    under = {k for m in wide for k in range(m.left, m.right + 1)}
    for column, value in enumerate(below, start=1):
        if is_blank(value):
            continue
        if not isinstance(value, str):
            return f"has {value!r} in column {letters(column)}, which is no name"
        if column not in under:
            return f"has a value in column {letters(column)} too, which is not under them"
    for merge in wide:
        if all(is_blank(v) for v in below[merge.left - 1 : merge.right]):
            return "is empty"
    return None


def _is_title(number: int, cells: Sequence[Any], following: Sequence[Any], merges: Sequence[Merge]) -> bool:
    """Whether a row is one merged cell over the width of the row below."""
    width = max((k for k, v in enumerate(following, 1) if not is_blank(v)), default=0)
    spans = [m for m in merges if m.top == number and m.right > m.left]
    return _count(cells) == 1 and len(spans) == 1 and spans[0].left == 1 and spans[0].right >= max(2, width)


def _count(cells: Sequence[Any]) -> int:
    return sum(not is_blank(cell) for cell in cells)


def _unsure(name: str, why: str, choices: str) -> DataError:
    return DataError(
        f"{name}: which rows hold the column names? {why}", remedy=f"say it in the source: {choices}"
    )


def said(rows: Sequence[int]) -> str:
    """``row 1``, ``rows 2 to 3``."""
    return f"row {rows[0]}" if len(rows) == 1 else f"rows {rows[0]} to {rows[-1]}"
