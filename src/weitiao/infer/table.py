"""Rows of fields to a file: csv, tsv, json, jsonl, xlsx. The inverse of `weitiao.data.read`.

csv and tsv begin with a byte order mark, so that Excel reads Chinese right. A file appears whole or not at
all.
"""

from __future__ import annotations

import csv
import json
import math
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from weitiao.data.template import to_text
from weitiao.data.whole import fresh_file
from weitiao.errors import DataError

FORMATS = (".csv", ".tsv", ".json", ".jsonl", ".xlsx")

_CELL_LIMIT = 32_767  # characters of an Excel cell; openpyxl would cut what is longer without a word
_ROW_LIMIT = 1_048_575  # rows of an Excel sheet below the header
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x0d\x0e-\x1f\ufffe\uffff]|_(?=x[0-9A-Fa-f]{4}_)")


def check_writable(path: Path, *, columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> None:
    """Refuse before the work begins what could not be written after it.

    Raises:
        DataError: Unknown file type, or rows that the type cannot hold.
    """
    suffix = path.suffix.lower()
    if suffix not in FORMATS:
        raise DataError(
            f"{path}: cannot write files of type {suffix!r}, expected one of {', '.join(FORMATS)}",
            remedy="end the name of the output in .csv or .xlsx for Excel, or .jsonl",
        )
    if path.is_dir():
        raise DataError(
            f"{path}: is a folder, expected the name of a file", remedy=f"write to {path / 'answers.csv'}"
        )
    if suffix == ".xlsx":
        _check_sheet(path, columns, rows)


def _check_sheet(path: Path, columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> None:
    if len(rows) > _ROW_LIMIT:
        raise DataError(
            f"{path}: {len(rows)} rows, but a sheet holds {_ROW_LIMIT}", remedy="write to .csv or .jsonl"
        )
    for number, row in enumerate(rows, start=2):
        for column in columns:
            text = _UNPRINTABLE.sub(_escaped, to_text(row.get(column)))
            if len(text) > _CELL_LIMIT:
                raise DataError(
                    f'{path}, row {number}, column "{column}": {len(text)} characters, but a cell of a '
                    f"workbook holds {_CELL_LIMIT}",
                    remedy="write to .csv or .jsonl",
                )


def write_table(path: Path, columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> None:
    """Write a file, replacing one that is there when the new one is complete.

    Args:
        path: Its suffix is the format.
        columns: In order; a row that lacks one has nothing there.
        rows: Values by column. json and jsonl keep numbers, lists and objects; csv and tsv write them as
            text.

    Raises:
        DataError: See `check_writable`.
    """
    check_writable(path, columns=columns, rows=rows)
    suffix = path.suffix.lower()
    with fresh_file(path) as fresh:
        if suffix == ".xlsx":
            _write_sheet(fresh, columns, rows)
        elif suffix in (".csv", ".tsv"):
            with fresh.open("w", encoding="utf-8-sig", newline="") as file:
                writer = csv.writer(file, delimiter="," if suffix == ".csv" else "\t")
                writer.writerow(columns)
                writer.writerows([to_text(row.get(c)) for c in columns] for row in rows)
        else:
            with fresh.open("w", encoding="utf-8", newline="\n") as file:
                file.writelines(_json_text(columns, rows, is_array=suffix == ".json"))
        with fresh.open("rb") as file:
            os.fsync(file.fileno())


def _json_text(columns: Sequence[str], rows: Sequence[Mapping[str, Any]], *, is_array: bool) -> Iterable[str]:
    lines = (json.dumps({c: plain(row[c]) for c in columns if c in row}, ensure_ascii=False) for row in rows)
    if not is_array:
        return (line + "\n" for line in lines)
    return ["[\n", ",\n".join(lines), "\n]\n"]


def plain(value: Any) -> Any:
    """A value as JSON has it: nothing for NaN and infinity, text for what is no JSON type."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    return value if value is None or isinstance(value, str | int | bool) else str(value)


def _write_sheet(path: Path, columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> None:
    from openpyxl import Workbook

    workbook = Workbook(write_only=True)
    sheet: Any = workbook.create_sheet("answers")
    sheet.freeze_panes = "A2"
    sheet.append([_cell(sheet, column) for column in columns])
    for row in rows:
        sheet.append([_cell(sheet, row.get(column)) for column in columns])
    workbook.save(path)


def _cell(sheet: Any, value: Any) -> Any:
    from openpyxl.cell import WriteOnlyCell

    is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if value is None or isinstance(value, bool) or (is_number and abs(value) < 2**53):
        return WriteOnlyCell(sheet, value)
    cell: Any = WriteOnlyCell(sheet, _UNPRINTABLE.sub(_escaped, to_text(value)))
    cell.data_type = "s"  # text that begins with "=" stays text
    return cell


def _escaped(match: re.Match[str]) -> str:
    """How a workbook writes characters that XML cannot hold."""
    return f"_x{ord(match.group()):04X}_"
