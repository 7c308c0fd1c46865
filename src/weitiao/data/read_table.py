"""Tables: csv, tsv and parquet as numbered rows of fields. Row numbers are those a user sees."""

from __future__ import annotations

import csv
import datetime
import io
import itertools
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TextIO

from weitiao.data.header import column_names, joined_names, said
from weitiao.data.problems import Problems
from weitiao.data.read_json import Row
from weitiao.errors import DataError

CELL_LIMIT = 64_000_000  # characters the csv parser takes in; more is not even parsed
_HEAD = 65_536  # characters in which the delimiter is looked for
_ROWS_LOOKED_AT = 50
_SAID = {",": "a comma", ";": "a semicolon", "\t": "a tab", "|": "`|`"}


def csv_rows(
    stream: TextIO,
    problems: Problems,
    found: dict[str, Any],
    *,
    delimiter: str | None,
    header: tuple[int, ...] | None = None,
) -> Iterator[Row]:
    """Rows of a csv or tsv stream; the number is the line on which the row begins (the header is line 1).

    Lines that are wholly empty hold no record and are passed over.

    Args:
        stream: The decoded file; one that can be wound back where the delimiter is to be found out.
        problems: Where bad rows are noted.
        found: Gets ``delimiter`` where it is not a comma, ``notes`` and ``header``.
        delimiter: Between cells; None: found out.
        header: Lines of the column names; None: the first that is not empty.
    """
    # The limit is process-wide; it is only ever raised.
    csv.field_size_limit(max(csv.field_size_limit(), CELL_LIMIT))
    if delimiter is None:
        delimiter = _find_delimiter(stream)
        if delimiter != ",":
            found["delimiter"] = delimiter
            found.setdefault("notes", []).append(
                f"the cells are separated by {_SAID.get(delimiter, repr(delimiter))}"
            )
    lines = _csv_lines(stream, problems, delimiter)
    columns, below = _csv_header(lines, header, problems.name, found)
    if columns is None:
        return
    for number, cells in below:
        nul = next((name for name, cell in zip(columns, cells, strict=False) if "\0" in cell), None)
        if len(cells) != len(columns):
            problems.add(
                f"row {number}: {len(cells)} cells, but the header has {len(columns)} columns",
                remedy=f"a cell that holds {_SAID.get(delimiter, repr(delimiter))} is put in quotes; if another mark "
                "separates the cells, set `delimiter` of the source",
            )
        elif nul is not None:
            problems.add(
                f'row {number}, column "{nul}": a NUL character, which is no text',
                remedy="delete it; a file full of them is UTF-16 (`encoding: utf-16-le`) or no text at all",
            )
        else:
            yield number, dict(zip(columns, cells, strict=True))


def _csv_lines(stream: TextIO, problems: Problems, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """First line and cells of each row that is not empty."""
    reader = csv.reader(stream, delimiter=delimiter, strict=True)
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
            continue
        if begin == 1 and _is_hint(cells, delimiter):
            continue
        if cells:
            yield begin, cells


def _csv_header(
    lines: Iterator[tuple[int, list[str]]],
    header: tuple[int, ...] | None,
    name: str,
    found: dict[str, Any],
) -> tuple[list[str] | None, Iterator[tuple[int, list[str]]]]:
    """Names of the columns (None: the file has none), and the rows below them."""
    if header is None:
        first = next(lines, None)
        return (None if first is None else column_names(first[1], name)), lines
    rows: dict[int, list[str]] = {}
    for number, cells in lines:
        if number > header[-1]:  # line breaks inside quotes and blank lines leave numbers out
            lines = itertools.chain([(number, cells)], lines)
            break
        rows[number] = cells
        if number == header[-1]:
            break
    names = joined_names(rows, header, ())
    if not names:
        raise DataError(
            f"{name}: {said(header)}, where the source says that the names of the columns stand, is empty",
            remedy="rows count from 1; mend `header` of the source",
        )
    found["header"] = list(header)
    if header != (1,):
        found.setdefault("notes", []).append(f"the names of the columns stand in {said(header)}")
    return column_names(names, name, header), lines


def _is_hint(cells: Sequence[str], delimiter: str) -> bool:
    """Whether a first line is ``sep=;``, by which a spreadsheet program says what separates the cells."""
    return cells in (["sep=", ""], [f"sep={delimiter}"])


def _find_delimiter(stream: TextIO) -> str:
    """What separates the cells: the comma, unless it does not fit the first rows and another mark does."""
    head = stream.read(_HEAD)
    stream.seek(0)
    hint = re.match(r"\ufeff?sep=([^\r\n])\r?\n", head)
    if hint is not None:
        return hint[1]
    widths = {delimiter: _widths(head, delimiter) for delimiter in _SAID}
    able = [delimiter for delimiter, found in widths.items() if found and found[0] > 1]
    even = (delimiter for delimiter in able if len(set(widths[delimiter])) == 1)
    fallback = "," if "," in able or not able else able[0]
    return next(even, fallback)


def _widths(head: str, delimiter: str) -> list[int]:
    """How many cells the first rows have; the last one may be cut off and does not count."""
    reader = csv.reader(io.StringIO(head, newline=""), delimiter=delimiter, strict=True)
    widths: list[int] = []
    try:
        for cells in itertools.islice(reader, _ROWS_LOOKED_AT):
            widths += [len(cells)] if cells else []
    except csv.Error:
        pass
    return widths[:-1] if len(head) == _HEAD and len(widths) > 1 else widths


def plain_value(value: Any) -> Any:
    """Dates and times as ISO text (a midnight of a date cell as the date), everything else unchanged.

    A span of time is hours, minutes and seconds, as workbooks show it: ``30:05:00``.
    """
    if isinstance(value, datetime.datetime):
        midnight = value.time() == datetime.time.min and value.tzinfo is None
        return value.date().isoformat() if midnight else value.isoformat()
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, datetime.timedelta):
        whole = value // datetime.timedelta(hours=1)
        return f"{whole}:{str(value - datetime.timedelta(hours=whole)).partition(':')[2]}"
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
