"""Files of records: json, jsonl, csv, tsv, xlsx, parquet.

`read` finds the file, its format (by extension) and its encoding, and yields one `Record` a row. All
bad rows of a file are collected and raised as one `DataError` when its end is reached.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from weitiao.config import Source
from weitiao.data.encoding import find_encoding
from weitiao.data.problems import Problems, nearest
from weitiao.data.read_json import Row, json_items, json_lines
from weitiao.data.read_path import Step, parse_path
from weitiao.data.read_table import csv_rows, parquet_rows
from weitiao.data.read_xlsx import xlsx_rows
from weitiao.errors import DataError
from weitiao.types import Origin, Record

FIELD_LIMIT = 1_000_000  # characters of one field
_TEXT_FORMATS = (".json", ".jsonl", ".ndjson", ".csv", ".tsv")
_WORKBOOKS = (".xlsx", ".xlsm")
FORMATS = (*_TEXT_FORMATS, *_WORKBOOKS, ".parquet")
#: For which files a key of the source is, beside those that every file has.
_ONLY_FOR = {
    "sheet": ("xlsx", _WORKBOOKS),
    "encoding": ("text", _TEXT_FORMATS),
    "header": ("csv, tsv and xlsx", (".csv", ".tsv", *_WORKBOOKS)),
    "path": ("json and jsonl", (".json", ".jsonl", ".ndjson")),
    "delimiter": ("csv", (".csv", ".tsv")),
}


class Reading(Iterator[Record]):
    """The records of one source, one after the other, and what was found out on the way.

    Attributes:
        source: What was asked for.
        path: The file.
        encoding: Of a text file, else None.
        sheet: Name of the sheet that is read, once reading has begun; None for other formats.
        items: Name of the list inside an object that held the records, else None.
        rows: Records yielded so far.
        header: Rows that the names of a table's columns were taken from, where they were looked for or given.
        notes: What the user may not expect, one sentence each: hidden rows, merged cells, sheets that are not read.
        columns: Names of all fields seen so far, in order of appearance.
    """

    def __init__(self, source: Source, path: Path, encoding: str | None) -> None:
        self.source = source
        self.path = path
        self.encoding = encoding
        self.rows = 0
        self._columns: dict[str, None] = {}
        self._found: dict[str, Any] = {}
        if encoding is not None and source.encoding is None and not encoding.startswith("utf"):
            self._found["notes"] = [f"it is no UTF-8 and says nothing of its encoding: read as {encoding}"]
        self._records = self._read()

    def __next__(self) -> Record:
        return next(self._records)

    @property
    def sheet(self) -> str | None:
        return self._found.get("sheet")

    @property
    def label(self) -> str:
        """File and sheet, as errors name them."""
        return self.source.file if self.sheet is None else f'{self.source.file}, sheet "{self.sheet}"'

    @property
    def items(self) -> str | None:
        return self._found.get("items")

    @property
    def header(self) -> tuple[int, ...] | None:
        return tuple(self._found["header"]) if "header" in self._found else None

    @property
    def notes(self) -> tuple[str, ...]:
        return tuple(self._found.get("notes", ()))

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(self._columns)

    def sha256(self) -> str:
        """Hash of the file's bytes, hex."""
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def _read(self) -> Iterator[Record]:
        problems = Problems(self.source.file)
        for number, fields in self._rows(problems):
            fault = _bad_field(fields)
            if fault:
                problems.add(f"row {number}, {fault}")
                continue
            self.rows += 1
            self._columns.update(dict.fromkeys(fields))
            yield Record(fields, Origin(self.source.file, number, self.sheet))
            if self.rows == self.source.limit:
                break
        if not self.rows and not problems:
            problems.add(
                "no records: expected at least one row (below the header row of a table)",
                remedy="name another file or sheet, or put rows into this one",
            )
        problems.raise_if_any()
        if problems.passed_over:
            counted = [f"{count:,} {what}" for what, count in problems.passed_over.items()]
            self._found["notes"] = [*self._found.get("notes", ()), *counted]

    def _rows(self, problems: Problems) -> Iterator[Row]:
        suffix = self.path.suffix.lower()
        header = self.source.header_rows
        if suffix in _WORKBOOKS:
            yield from xlsx_rows(
                self.path,
                self.source.sheet,
                problems,
                self._found,
                header=header,
                merged=self.source.merged,
            )
        elif suffix == ".parquet":
            yield from parquet_rows(self.path, problems)
        else:
            steps = _steps(self.source)
            with self.path.open(encoding=self.encoding, newline="") as stream:
                if suffix == ".json":
                    yield from json_items(stream, problems, self._found, steps)
                elif suffix in (".jsonl", ".ndjson"):
                    yield from json_lines(stream, problems, steps)
                else:
                    delimiter = self.source.delimiter or ("\t" if suffix == ".tsv" else None)
                    yield from csv_rows(stream, problems, self._found, delimiter=delimiter, header=header)


def read(source: Source, *, root: Path) -> Reading:
    """Records of one source; the file is looked up relative to ``root``.

    Args:
        source: File, and where needed sheet, encoding and limit.
        root: Folder of the recipe.

    Returns:
        An iterator over `Record` that also knows encoding, sheet and columns.

    Raises:
        DataError: At once if there is no such file or its format or encoding cannot be told; at the end of
            the iteration with all bad rows.
    """
    if source.patterns is not None:
        from weitiao.data.patterns.source import read_patterns  # a Reading too, so it imports this module

        return read_patterns(source, root=root)
    path = _find(source.file, root)
    suffix = path.suffix.lower()
    for key, (kinds, suffixes) in _ONLY_FOR.items():
        if getattr(source, key) is not None and suffix not in suffixes:
            raise DataError(
                f"{source.file}: `{key}` is for {kinds} files only", remedy=f"take `{key}` out of the source"
            )
    _steps(source)
    encoding = (
        find_encoding(path, name=source.file, given=source.encoding) if suffix in _TEXT_FORMATS else None
    )
    return Reading(source, path, encoding)


def _steps(source: Source) -> tuple[Step, ...] | None:
    if source.path is None:
        return None
    steps = parse_path(source.path)
    if steps is None:
        raise DataError(
            f"{source.file}: `path` {source.path!r} is no path",
            remedy="names are joined by points, places stand in brackets: data.items, data[*].qas[*], turns[0]",
        )
    return steps


def source_of(source: str | Path | Source) -> Source:
    """A file as a source."""
    return source if isinstance(source, Source) else Source(file=str(source))


def is_workbook(file: str) -> bool:
    """Whether a file has sheets."""
    return Path(file).suffix.lower() in _WORKBOOKS


def existing_file(file: str, root: Path) -> Path:
    """A file that holds something.

    Args:
        file: As the user wrote it.
        root: Folder of the recipe.

    Raises:
        DataError: There is none, or it is a folder, or empty.
    """
    path = root / Path(file).expanduser()
    if path.is_dir():
        raise DataError(f"{file}: is a folder, expected a file", remedy="name the file inside it")
    if not path.is_file():
        there = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
        folder = "" if path.parent.is_dir() else f" (there is no folder {path.parent} either)"
        raise DataError(
            f"{file}: no such file{folder}{nearest(path.name, there)}",
            remedy="paths are relative to the recipe's folder",
        )
    if path.stat().st_size == 0:
        raise DataError(
            f"{file}: the file is empty (0 bytes)", remedy="name another file, or save this one again"
        )
    return path


def _find(file: str, root: Path) -> Path:
    path = existing_file(file, root)
    if path.suffix.lower() not in FORMATS:
        hint = (
            "save it as .xlsx"
            if path.suffix.lower() == ".xls"
            else "convert it, or rename it if it is one of these"
        )
        raise DataError(
            f"{file}: unknown file type {path.suffix!r}, expected one of {', '.join(FORMATS)}", remedy=hint
        )
    return path


def _bad_field(fields: dict[str, Any]) -> str | None:
    """What is wrong with a row's values: too long, or not text that can be written again."""
    for name, value in fields.items():
        if isinstance(value, bytes):
            return f'column "{name}": bytes, expected text'
        if isinstance(value, str):
            if len(value) > FIELD_LIMIT:
                return (
                    f'column "{name}": {len(value):,} characters in one field, the limit is {FIELD_LIMIT:,}'
                )
            if not _is_writable(value):
                return f'column "{name}": half a surrogate pair, which is no character'
    return None


def _is_writable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
