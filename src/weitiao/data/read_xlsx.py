"""Sheets of a workbook as numbered rows of fields; row numbers are those that a user sees.

Merged cells are followed: above the table they make names (see `weitiao.data.header`), below the header their value
stands in each of their rows. What a user may not expect is noted under ``notes``.
"""

from __future__ import annotations

import itertools
import warnings
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

from weitiao.data.header import Merge, column_names, find_header, joined_names, said
from weitiao.data.problems import Problems
from weitiao.data.read_json import Row
from weitiao.data.read_table import plain_value
from weitiao.data.sheet_facts import DamagedSheet, SheetFacts, listed, sheet_facts
from weitiao.errors import DataError

# What openpyxl lets through when the zip or the XML inside is broken (ParseError is a SyntaxError).
_BROKEN_WORKBOOK = (zipfile.BadZipFile, zlib.error, KeyError, ValueError, TypeError, OSError, SyntaxError)
_LOOKED_AT = 12  # rows with a value that the header is looked for in
Cells = tuple[int, list[Any]]


def xlsx_rows(
    path: Path,
    sheet: str | int | None,
    problems: Problems,
    found: dict[str, Any],
    *,
    header: tuple[int, ...] | None = None,
    merged: Literal["down", "first"] = "down",
) -> Iterator[Row]:
    """Rows of one sheet below its header. Rows without any value of their own hold no record and are passed over.

    Args:
        path: The workbook.
        sheet: Name, or number from 0; None for the first.
        problems: Where bad rows are noted; its name gets the sheet.
        found: Gets ``sheet``, the sheet's name; ``header``, the rows of the names; ``notes``, sentences.
        header: Rows of the names; None: found out.
        merged: Whether the value of merged cells stands in each of their rows.

    Raises:
        DataError: Not a workbook, no such sheet, or no header that can be told.
    """
    workbook = open_workbook(path, problems.name)
    try:
        page = _sheet(workbook, sheet, problems.name)
        found["sheet"] = page.title
        notes = found["notes"] = _notes_of_book(workbook, page, sheet)
        problems.name = f'{problems.name}, sheet "{page.title}"'
        facts = _facts(workbook, page, problems.name)
        notes += _notes_of_sheet(facts)
        if facts.num_uncached:
            problems.add(
                f"formulas without a stored value: {listed(facts.uncached, facts.num_uncached)}",
                remedy="open the workbook in a spreadsheet program and save it (that stores the values), or paste "
                "the values over the formulas",
            )
        page.reset_dimensions()  # some writers state a wrong size
        lines = _lines_of(page, problems.name)
        columns, numbers, rest = _header(lines, header, facts.merges, problems.name)
        if columns is None:
            return
        found["header"] = list(numbers)
        if numbers != (1,):
            notes.append(f"the names of the columns stand in {said(numbers)}")
        if merged == "down":
            rest = _carried_down(rest, facts.merges, numbers[-1], notes)
        yield from _below(rest, columns, problems)
    finally:
        workbook.close()


def sheet_headers(path: Path, name: str, header: tuple[int, ...] | None) -> dict[str, list[str]]:
    """Names of the columns of each sheet that holds a value.

    Args:
        path: The workbook.
        name: As the user wrote it, for errors.
        header: Rows of the names; None: found out.

    Raises:
        DataError: Not a workbook, or no header that can be told.
    """
    workbook = open_workbook(path, name)
    try:
        headers: dict[str, list[str]] = {}
        for page in workbook.worksheets:
            label = f'{name}, sheet "{page.title}"'
            facts = _facts(workbook, page, label)
            page.reset_dimensions()
            columns, _, _ = _header(_lines_of(page, label), header, facts.merges, label)
            if columns is not None:
                headers[page.title] = columns
        return headers
    finally:
        workbook.close()


def open_workbook(path: Path, name: str) -> Any:
    """The workbook, read row by row.

    Raises:
        DataError: It is none.
    """
    import openpyxl
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        with warnings.catch_warnings():  # about charts and validations, which hold no records
            warnings.simplefilter("ignore")
            return openpyxl.load_workbook(path, read_only=True, data_only=True)
    except (InvalidFileException, *_BROKEN_WORKBOOK) as error:
        with path.open("rb") as file:
            old = file.read(4) == b"\xd0\xcf\x11\xe0"
        why = "an old .xls or a password-protected workbook" if old else f"{type(error).__name__}: {error}"
        raise DataError(
            f"{name}: not a readable xlsx workbook ({why})",
            remedy="open it and save it as .xlsx without a password",
        ) from error


def _sheet(workbook: Any, sheet: str | int | None, name: str) -> Any:
    pages = workbook.worksheets
    titles = ", ".join(f'"{page.title}"' for page in pages)
    if isinstance(sheet, str):
        for page in pages:
            if page.title == sheet:
                return page
        raise DataError(
            f'{name}: no sheet "{sheet}"; sheets: {titles}', remedy="name one of these in `sheet`"
        )
    number = sheet or 0
    if not 0 <= number < len(pages):
        raise DataError(
            f"{name}: no sheet number {number}; there are {len(pages)}, counted from 0: {titles}",
            remedy="name one of these in `sheet`",
        )
    return pages[number]


def _facts(workbook: Any, page: Any, name: str) -> SheetFacts:
    try:
        with workbook._archive.open(page._worksheet_path) as stream:  # no public way to the XML of a sheet
            return sheet_facts(stream)
    except _BROKEN_WORKBOOK as error:
        raise _damaged(name, error.row if isinstance(error, DamagedSheet) else 0, error) from error


def _damaged(name: str, row: int, error: Exception) -> DataError:
    return DataError(
        f"{name}: the workbook is damaged after row {row} ({type(error).__name__}: {error})",
        remedy="open it, check these rows, and save it again",
    )


def _notes_of_book(workbook: Any, page: Any, asked: str | int | None) -> list[str]:
    notes = []
    others = [other.title for other in workbook.worksheets if other is not page]
    if asked is None and others:
        notes.append("other sheets of the workbook are not read: " + ", ".join(f'"{t}"' for t in others))
    if page.sheet_state != "visible":
        notes.append("the sheet is hidden; it is read all the same")
    return notes


def _notes_of_sheet(facts: SheetFacts) -> list[str]:
    notes = []
    if facts.hidden_rows:
        hidden = listed(facts.hidden_rows, len(facts.hidden_rows))
        notes.append(f"hidden rows are read all the same: {hidden}")
    if facts.hidden_columns:
        notes.append(f"hidden columns are read all the same: {facts.hidden_columns}")
    if facts.num_errors:
        notes.append(f"cells that show an error: {listed(facts.errors, facts.num_errors)}")
    return notes


def _lines_of(page: Any, name: str) -> Iterator[Cells]:
    """Number and values of each row, without the empty cells at its end."""
    number = 0
    try:
        for cells in page.iter_rows(values_only=True):
            number += 1
            values = [_cell(cell) for cell in cells]
            while values and values[-1] is None:
                values.pop()
            yield number, values
    except _BROKEN_WORKBOOK as error:
        raise _damaged(name, number, error) from error


def _cell(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("_x000D_", "\r")  # how a workbook writes a carriage return
    return plain_value(value)


def _header(
    lines: Iterator[Cells], given: tuple[int, ...] | None, merges: Sequence[Merge], name: str
) -> tuple[list[str] | None, tuple[int, ...], Iterator[Cells]]:
    """Names of the columns (None: the sheet is empty), their rows, and the rows below them."""
    top: list[Cells] = []
    filled = 0
    for number, values in lines:
        top.append((number, values))
        filled += bool(values)
        if (given is None and filled >= _LOOKED_AT) or (given is not None and number >= given[-1]):
            break
    if not filled:
        return None, (1,), lines
    rows = dict(top)
    numbers = given or find_header({n: v for n, v in rows.items() if v}, merges, name)
    names = joined_names(rows, numbers, merges)
    if not names:
        raise DataError(
            f"{name}: {said(numbers)}, where the source says that the names of the columns stand, is empty",
            remedy="rows count from 1; mend `header` of the source",
        )
    below = [(number, values) for number, values in top if number > numbers[-1]]
    return column_names(names, name, numbers), numbers, itertools.chain(below, lines)


def _carried_down(
    lines: Iterator[Cells], merges: Sequence[Merge], header: int, notes: list[str]
) -> Iterator[Cells]:
    """The rows with the value of a merged range in each of its rows, in its first column."""
    tall = [m for m in merges if m.top > header and m.bottom > m.top]
    if tall:
        notes.append(
            f"merged cells: the value stands in each of their rows: {listed([m.where for m in tall], len(tall))}"
        )
    waiting = iter(tall)
    coming = next(waiting, None)
    open_ranges: list[tuple[Merge, Any]] = []
    for number, values in lines:
        open_ranges = [(m, value) for m, value in open_ranges if m.bottom >= number]
        if values:
            for merge, value in open_ranges:
                values.extend([None] * (merge.left - len(values)))
                if values[merge.left - 1] is None:
                    values[merge.left - 1] = value
        while coming is not None and coming.top <= number:
            value = values[coming.left - 1] if coming.left <= len(values) else None
            if coming.top == number and value is not None:
                open_ranges.append((coming, value))
            coming = next(waiting, None)
        yield number, values


def _below(lines: Iterator[Cells], columns: Sequence[str], problems: Problems) -> Iterator[Row]:
    for number, values in lines:
        if len(values) > len(columns):
            problems.add(
                f"row {number}: a value in column {len(values)}, but the header has {len(columns)} columns",
                remedy="name each column in the header; move a second table to a sheet of its own",
            )
        elif values:
            yield number, dict(zip(columns, values + [None] * (len(columns) - len(values)), strict=True))
