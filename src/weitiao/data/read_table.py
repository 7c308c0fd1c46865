"""Tables: csv, tsv, xlsx and parquet as numbered rows of fields. Row numbers are those a user sees."""

from __future__ import annotations

import csv
import datetime
import warnings
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TextIO

from weitiao.data.problems import Problems
from weitiao.data.read_json import Row
from weitiao.errors import DataError

# What openpyxl lets through when the zip or the XML inside is broken (ParseError is a SyntaxError).
_BROKEN_WORKBOOK = (zipfile.BadZipFile, zlib.error, KeyError, ValueError, TypeError, OSError, SyntaxError)
CELL_LIMIT = 64_000_000  # characters the csv parser takes in; more is not even parsed


def csv_rows(stream: TextIO, problems: Problems, *, delimiter: str) -> Iterator[Row]:
    """Rows of a csv or tsv stream; the number is the line on which the row begins (the header is line 1).

    Lines that are wholly empty hold no record and are passed over.
    """
    # The limit is process-wide; it is only ever raised.
    csv.field_size_limit(max(csv.field_size_limit(), CELL_LIMIT))
    reader = csv.reader(stream, delimiter=delimiter, strict=True)
    columns: list[str] | None = None
    begin = 1
    while True:
        begin = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            problems.add(
                f"row {begin}: {error}",
                remedy='a quote inside a quoted cell is written twice (""); look for one that is not closed',
            )
            return
        if not cells:
            continue
        if columns is None:
            columns = column_names(cells, problems.name)
        elif len(cells) != len(columns):
            problems.add(f"row {begin}: {len(cells)} cells, but the header has {len(columns)} columns")
        else:
            yield begin, dict(zip(columns, cells, strict=True))


def column_names(header: Sequence[Any], name: str) -> list[str]:
    """Names from a header row; an unnamed column N is called ``column_N``.

    Raises:
        DataError: A name occurs twice.
    """
    columns = [
        f"column_{number}" if cell is None or str(cell).strip() == "" else str(cell)
        for number, cell in enumerate(header, start=1)
    ]
    twice = sorted({column for column in columns if columns.count(column) > 1}, key=columns.index)
    if twice:
        places = "; ".join(
            f'"{column}" in columns {", ".join(str(k) for k, c in enumerate(columns, 1) if c == column)}'
            for column in twice
        )
        raise DataError(
            f"{name}, row 1: duplicate column names: {places}", remedy="give each column its own name"
        )
    return columns


def xlsx_rows(
    path: Path, sheet: str | int | None, problems: Problems, found: dict[str, Any]
) -> Iterator[Row]:
    """Rows of one sheet; row 1 is the header. Rows without any value hold no record and are passed over.

    Args:
        path: The workbook.
        sheet: Name, or number from 0; None for the first.
        problems: Where bad rows are noted; its name gets the sheet.
        found: Gets ``sheet``, the sheet's name.

    Raises:
        DataError: Not a workbook, or no such sheet.
    """
    workbook = _open_workbook(path, problems.name)
    try:
        page = _sheet(workbook, sheet, problems.name)
        found["sheet"] = page.title
        problems.name = f'{problems.name}, sheet "{page.title}"'
        page.reset_dimensions()  # some writers state a wrong size
        yield from _sheet_rows(_lines_of(page, problems.name), problems)
    finally:
        workbook.close()


def _open_workbook(path: Path, name: str) -> Any:
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


def _lines_of(page: Any, name: str) -> Iterator[Sequence[Any]]:
    number = 0
    try:
        for cells in page.iter_rows(values_only=True):
            number += 1
            yield cells
    except _BROKEN_WORKBOOK as error:
        raise DataError(
            f"{name}: the workbook is damaged after row {number} ({type(error).__name__}: {error})",
            remedy="open it, check these rows, and save it again",
        ) from error


def _sheet_rows(lines: Iterator[Sequence[Any]], problems: Problems) -> Iterator[Row]:
    columns: list[str] | None = None
    for number, cells in enumerate(lines, start=1):
        values = [_cell(cell) for cell in cells]
        while values and values[-1] is None:
            values.pop()
        if columns is None:
            if values:
                columns = column_names(values, problems.name)
        elif len(values) > len(columns):
            problems.add(
                f"row {number}: a value in column {len(values)}, but the header has {len(columns)} columns"
            )
        elif values:
            yield number, dict(zip(columns, values + [None] * (len(columns) - len(values)), strict=True))


def _cell(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("_x000D_", "\r")  # how a workbook writes a carriage return
    return plain_value(value)


def plain_value(value: Any) -> Any:
    """Dates and times as ISO text (a midnight of a date cell as the date), everything else unchanged."""
    if isinstance(value, datetime.datetime):
        midnight = value.time() == datetime.time.min and value.tzinfo is None
        return value.date().isoformat() if midnight else value.isoformat()
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, datetime.timedelta):
        return str(value)
    return value


def parquet_rows(path: Path, problems: Problems) -> Iterator[Row]:
    """Rows of a parquet file, counted from 1.

    Raises:
        DataError: Not a parquet file.
    """
    import pyarrow
    import pyarrow.parquet

    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            column_names(file.schema_arrow.names, problems.name)
            number = 0
            for batch in file.iter_batches(batch_size=1024):
                for fields in batch.to_pylist():
                    number += 1
                    yield number, {name: plain_value(value) for name, value in fields.items()}
    except (pyarrow.ArrowException, OSError) as error:
        first = str(error).splitlines()[0]
        raise DataError(
            f"{problems.name}: not a readable parquet file ({first})",
            remedy="write it again, or save it as .csv",
        ) from error
