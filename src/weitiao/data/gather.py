"""All sources of a recipe: read and built row by row, with the problems of all files in one error."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from weitiao.config import DataConfig, Source
from weitiao.data.build import Built, build_source
from weitiao.data.builder import columns_set
from weitiao.data.problems import combined
from weitiao.data.read import Reading, read
from weitiao.data.shapes.dataset_info import Entry, named_entry, neighbouring_entry
from weitiao.data.split import PARTS
from weitiao.errors import DataError
from weitiao.types import Example, Record

Shelve = Callable[[Iterator[Example]], Sequence[Example]]


@dataclass(frozen=True)
class Sourced:
    """One source with its examples.

    Attributes:
        part: ``sources``, or the part that the file was given for.
        source: As the recipe names it.
        reading: Read to its end.
        built: What became of its rows.
    """

    part: str
    source: Source
    reading: Reading
    built: Built


@dataclass(frozen=True)
class _Attempt:
    """One source, read to its end and built as if its first row had all columns.

    Attributes:
        part: As in `Sourced`.
        source: As in `Sourced`.
        entry: What a ``dataset_info.json`` says about it.
        reading: Read to its end.
        built: None where later rows have other columns, or the build failed.
    """

    part: str
    source: Source
    entry: Entry | None
    reading: Reading
    built: Built | None


def gather(
    data: DataConfig, root: Path, *, tools: Sequence[Mapping[str, Any]] = (), shelve: Shelve = tuple
) -> list[Sourced]:
    """The examples of all sources of a data section.

    A file is read once and not held: its rows are built with the columns of the first one. Where a later row has
    others, or the build fails, the file is read again with all columns known.

    Args:
        data: The section.
        root: Folder that relative paths start from.
        tools: Functions for rows that bring none of their own.
        shelve: Takes the examples of a source as they are made.

    Raises:
        DataError: All problems of all files: of those that cannot be read, else of those that cannot be built.
    """
    attempts: list[_Attempt] = []
    errors: list[DataError] = []
    for part in ("sources", *PARTS):
        for source in getattr(data, part):
            try:
                attempts.append(_attempt(part, source, data, root, tools, shelve))
            except DataError as error:
                errors.append(error)
    if errors:
        raise combined(errors)
    made: list[Sourced] = []
    for item in attempts:
        try:
            built = item.built or _with_all_columns(item, attempts, data, root, tools, shelve)
            made.append(Sourced(item.part, item.source, item.reading, built))
        except DataError as error:
            errors.append(error)
    if errors:
        raise combined(errors)
    return made


def _with_all_columns(
    item: _Attempt,
    attempts: Sequence[_Attempt],
    data: DataConfig,
    root: Path,
    tools: Sequence[Mapping[str, Any]],
    shelve: Shelve,
) -> Built:
    return build_source(
        read(item.source, root=root),
        data,
        item.source,
        columns=item.reading.columns,
        elsewhere={other.reading.label: other.reading.columns for other in attempts if other is not item},
        entry=item.entry,
        tools=tools,
        shelve=shelve,
    )


def _attempt(
    part: str,
    source: Source,
    data: DataConfig,
    root: Path,
    tools: Sequence[Mapping[str, Any]],
    shelve: Shelve,
) -> _Attempt:
    """Raises only for what is wrong with the file itself."""
    entry = _entry(source, data, root)
    if entry is not None:
        source = source.model_copy(update={"file": entry.file})
    reading = read(source, root=root)
    rows = _Rows(reading)
    attempt = _Attempt(part, source, entry, reading, None)
    try:
        built = build_source(
            rows, data, source, columns=rows.columns, entry=entry, tools=tools, shelve=shelve
        )
    except DataError:
        rows.finish()  # what is wrong with the file itself comes first
        return attempt
    return replace(attempt, built=built) if reading.columns == rows.columns else attempt


class _Rows(Iterator[Record]):
    """The records of a reading, which remembers whether the file is at fault.

    Attributes:
        columns: Of the first record.
    """

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._fault: DataError | None = None
        self._first: Record | None = next(reading)  # a file without any raises
        self.columns = tuple(self._first.fields)

    def __next__(self) -> Record:
        if self._first is not None:
            first, self._first = self._first, None
            return first
        try:
            return next(self._reading)
        except DataError as error:
            self._fault = error
            raise

    def finish(self) -> None:
        """Go through the rest.

        Raises:
            DataError: What is wrong with the file.
        """
        if self._fault is None:
            for _ in self:
                pass
        if self._fault is not None:
            raise self._fault


def _entry(source: Source, data: DataConfig, root: Path) -> Entry | None:
    if source.dataset_info is not None:
        return named_entry(source, root)
    found_out = (source.shape or data.shape) == "auto" and not columns_set(data, source)
    return neighbouring_entry(source.file, root) if found_out else None
