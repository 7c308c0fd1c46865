"""An export folder: one file a part, and what is said about them.

``export.json`` is what came of each row, and the card of the data set; ``card.html`` shows it; ``read_back.yaml``
reads the files back.
"""

from __future__ import annotations

import contextlib
import csv
import json
import shutil
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any

from weitiao.data.card_page import PAGE, card_page
from weitiao.data.export import folders
from weitiao.data.export.dialogues import as_turns, dialogues, rounds, with_system_in_prompt
from weitiao.data.export.formats import FORMATS, Format, Row, Unsayable, alpaca_row
from weitiao.data.problems import nearest
from weitiao.data.split import PARTS
from weitiao.data.store import dataset_hash
from weitiao.errors import DataError, collect
from weitiao.types import Dataset, Example

REPORT = "export.json"
SECTION = "read_back.yaml"
SCHEMA_VERSION = 1
_NUM_EXAMPLES = 20
_OFTEN = 1000  # rows between two words about progress


@dataclass(frozen=True)
class Exported:
    """What came of one export.

    Attributes:
        folder: Where it is.
        report: The content of ``export.json``.
    """

    folder: Path
    report: Mapping[str, Any]


@dataclass
class _Part:
    """The account of one part, which grows as its rows are written.

    Attributes:
        name: Of the part.
        num_examples: That it has.
        rows: Rows written so far.
        merged: Rounds that went into the row of another.
        also_learnt: Replies that a reader learns although they were context here.
        columns: Names that occur in its rows.
        refused: Where the rows are that cannot be written, by reason.
    """

    name: str
    num_examples: int
    rows: int = 0
    merged: int = 0
    also_learnt: int = 0
    columns: set[str] = field(default_factory=set)
    refused: dict[str, list[str]] = field(default_factory=dict)

    def of(self, examples: Sequence[Example], chosen: Format, system_in_prompt: bool) -> Iterator[Row]:
        """The rows, one after the other; what cannot be written is noted."""
        make = {"all": dialogues, "last": rounds, "marked": as_turns}[chosen.learns]
        for turns in make(examples):
            if system_in_prompt:
                turns = with_system_in_prompt(turns)
            try:
                row = chosen.row(turns)
            except Unsayable as error:
                where = str(turns.origin or turns.messages[0].content[:40])
                self.refused.setdefault(str(error), []).append(where)
                continue
            self.rows += 1
            self.merged += turns.samples - 1
            self.also_learnt += 0 if chosen.marks else turns.unlearnt
            self.columns.update(row)
            yield row

    def account(self, chosen: Format) -> dict[str, Any]:
        """What the report says about it."""
        merging = {"merged": self.merged, "also_learnt": self.also_learnt} if chosen.learns == "all" else {}
        left_out = [
            {"reason": reason, "count": len(where), "examples": where[:_NUM_EXAMPLES]}
            for reason, where in self.refused.items()
        ]
        return {"examples": self.num_examples, "rows": self.rows, **merging, "left_out": left_out}

    @property
    def problems(self) -> list[str]:
        """A line for each row that cannot be written."""
        return [
            f"{self.name}: {where}: {reason}" for reason, found in self.refused.items() for where in found
        ]


def export(
    dataset: Dataset,
    to: str,
    folder: str | Path,
    *,
    skip: bool = False,
    system_in_prompt: bool = False,
    name: str = "weitiao",
    bom: bool = False,
    progress: Callable[[str, int], None] | None = None,
) -> Exported:
    """Write a data set in the format of another tool.

    Args:
        dataset: What to write.
        to: A key of `FORMATS`.
        folder: New, empty, or an earlier export, which is replaced; it appears whole or not at all.
        skip: Leave out (and count) what the format cannot hold, instead of refusing.
        system_in_prompt: Formats without system messages: put them in front of the first question.
        name: Of the data set, where the format has names (LLaMA-Factory).
        bom: Csv files begin with a byte order mark, by which spreadsheet programs know UTF-8.
        progress: Is told the part and how many rows of it are written, every thousand rows.

    Raises:
        DataError: Unknown format; ``bom`` for one without csv; a folder with other files; rows that the format cannot
            hold, all of them.
    """
    if to not in FORMATS:
        raise DataError(f"unknown format {to!r}{nearest(to, FORMATS)}", remedy=f"one of {', '.join(FORMATS)}")
    folder = Path(folder)
    _check_folder(folder)
    chosen = FORMATS[to]
    if bom and chosen.suffix != ".csv":
        raise DataError(f"{to} has no csv files for --bom", remedy="leave --bom out, or write iflytek-csv")
    if to == "llama-factory" and _is_plain(dataset):
        chosen = replace(chosen, row=alpaca_row)
    in_prompt = system_in_prompt and not chosen.takes_system
    temporary = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:8]}.tmp")
    absent = [above for above in folder.parents if not above.exists()]
    try:
        temporary.mkdir(parents=True)
        parts = {}
        for part in PARTS:
            examples: Sequence[Example] = getattr(dataset, part)
            parts[part] = _Part(part, len(examples))
            rows = _counted(parts[part].of(examples, chosen, in_prompt), part, progress)
            _write_rows(temporary / _file_of(part, chosen), rows, chosen, "utf-8-sig" if bom else "utf-8")
        _check_parts(list(parts.values()), to, skip=skip)
        report = _write_about(temporary, parts, to, chosen, name, dataset)
        _put(temporary, folder)
    except OSError as error:
        raise DataError(
            f"{folder} cannot be written: {error.strerror or error}", remedy="choose another folder"
        ) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        for above in absent:  # those that an error leaves empty
            with contextlib.suppress(OSError):
                above.rmdir()
    return Exported(folder, report)


def _check_parts(parts: Sequence[_Part], to: str, *, skip: bool) -> None:
    problems = [problem for part in parts for problem in part.problems]
    if problems and not skip:
        raise DataError(
            collect(problems, what=f"{len(problems)} rows cannot be written as {to}"),
            remedy="choose another format (`messages` holds everything), or leave them out with --skip",
        )
    if not any(part.rows for part in parts):
        raise DataError(f"nothing to write: no row can be written as {to}", remedy="choose another format")


def _counted(rows: Iterator[Row], part: str, progress: Callable[[str, int], None] | None) -> Iterator[Row]:
    for number, row in enumerate(rows, start=1):
        yield row
        if progress is not None and number % _OFTEN == 0:
            progress(part, number)


def _file_of(part: str, chosen: Format) -> str:
    return (
        folders.PARQUET.format(folders.SPLITS[part]) if chosen.suffix == ".parquet" else part + chosen.suffix
    )


def _is_plain(dataset: Dataset) -> bool:
    """Whether no example has functions, so that Alpaca's shape is enough."""
    every = (e for part in PARTS for e in getattr(dataset, part))
    return not any(e.tools or any(m.tool_calls or m.role == "tool" for m in e.messages) for e in every)


def _check_folder(folder: Path) -> None:
    if folder.is_file():
        raise DataError(f"{folder}: is a file, expected a folder", remedy="choose another --output")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / REPORT).is_file():
        raise DataError(
            f"{folder}: holds files that are no earlier export (no {REPORT})", remedy="choose a new folder"
        )


def _write_about(
    folder: Path, parts: Mapping[str, _Part], to: str, chosen: Format, name: str, dataset: Dataset
) -> Mapping[str, Any]:
    """Everything beside the rows."""
    files = {part: _file_of(part, chosen) for part, found in parts.items() if found.rows}
    sources: dict[str, list[dict[str, str]]] = {part: [{"file": file}] for part, file in files.items()}
    if to == "huggingface":
        (folder / "README.md").write_text(folders.readme(files), encoding="utf-8")
    if to == "llama-factory":
        columns = {part: found.columns for part, found in parts.items()}
        info = folders.dataset_info(files, columns, name, is_alpaca=chosen.row is alpaca_row)
        _write_json(folder / folders.INFO, info)
        sources = {part: [{"dataset_info": folders.INFO, "dataset": f"{name}_{part}"}] for part in files}
    section = {**sources, **chosen.section}
    report = {
        "schema_version": SCHEMA_VERSION,
        "format": to,
        "dataset_sha256": dataset_hash(dataset),
        "parts": {part: found.account(chosen) for part, found in parts.items()},
        "files": files,
        "data": section,
        "card": dict(dataset.card),
    }
    page = card_page(dataset.card, title=f"Data card: {name}")
    (folder / PAGE).write_text(page, encoding="utf-8")
    (folder / SECTION).write_text(_yaml(section), encoding="utf-8")
    _write_json(folder / REPORT, report)
    return report


def _yaml(section: Mapping[str, Any]) -> str:
    import yaml

    head = "# The data section of a recipe that reads these files back (paths are relative to the recipe).\n"
    return head + yaml.safe_dump({"data": dict(section)}, allow_unicode=True, sort_keys=False)


def _write_rows(path: Path, rows: Iterator[Row], chosen: Format, encoding: str) -> None:
    """Write rows as they come; no file where there are none."""
    first = next(rows, None)
    if first is None:
        return
    rows = chain([first], rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    if chosen.suffix == ".parquet":
        folders.write_parquet(path, rows)
        return
    with path.open("w", encoding=encoding, newline="") as file:
        if chosen.suffix == ".csv":
            writer = csv.DictWriter(file, fieldnames=list(first))
            writer.writeheader()
            writer.writerows(rows)
        elif chosen.lines:
            file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        else:
            file.write("[\n")
            for number, row in enumerate(rows):
                file.write((",\n" if number else "") + json.dumps(row, ensure_ascii=False))
            file.write("\n]\n")


def _write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def _put(fresh: Path, folder: Path) -> None:
    """Move a finished folder to its place; an earlier export goes only when the new one is there."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    if not folder.exists():
        fresh.rename(folder)
        return
    old = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:8]}.old")
    folder.rename(old)
    try:
        fresh.rename(folder)
    except OSError:
        old.rename(folder)
        raise
    shutil.rmtree(old, ignore_errors=True)
