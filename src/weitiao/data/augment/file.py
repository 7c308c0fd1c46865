"""Augmentation of a file: rows in, rows and new rows out, and a run that can be interrupted."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from weitiao.config import Source
from weitiao.config.augment import AugmentConfig
from weitiao.data.augment.budget import Ledger
from weitiao.data.augment.engine import Progress
from weitiao.data.augment.job import write_texts
from weitiao.data.augment.report import report_of, settings_of
from weitiao.data.augment.request import Generator
from weitiao.data.augment.rows import items_of, marks, rows_of
from weitiao.data.read import read, source_of
from weitiao.data.whole import write_whole
from weitiao.errors import ConfigError, ModelError

SOURCE = "source"  # the kind of a row that was there before


def augment_file(
    source: str | Path | Source,
    output: str | Path,
    config: AugmentConfig,
    *,
    root: Path | None = None,
    generator: Generator | None = None,
    resume: bool = False,
    new_only: bool = False,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Write a file of rows together with new rows made of them.

    While it runs, ``OUTPUT.unfinished`` holds what was spent; it stays when the run is interrupted or stops early, and
    ``resume`` goes on from it. The output and ``OUTPUT.report.json`` are written whole at the end. Every row has
    ``augment`` (``source`` or the kind) and ``source_row`` beside its own columns.

    Args:
        source: json, jsonl, csv, tsv, xlsx or parquet.
        output: A ``.jsonl`` file.
        config: What is wanted.
        root: Folder that relative paths of source and settings start at; default: the working directory.
        generator: Who writes; default: the endpoint of the settings.
        resume: Go on with an unfinished run.
        new_only: Leave the rows of the source out.
        progress: Told about requests.

    Returns:
        The report.

    Raises:
        ConfigError: Settings, columns or paths that do not fit; an unfinished run is there.
        DataError: The file cannot be read.
        ModelError: The endpoint stopped answering; what it said so far is kept, and ``resume`` goes on.
    """
    root, output, source = root or Path(), Path(output), source_of(source)
    reading = read(source, root=root)
    _check_output(output, reading.path)
    records = list(reading)
    items = items_of(records, config)
    job = {"source": reading.sha256(), "sheet": source.sheet, "limit": source.limit, "new_only": new_only}
    ledger = Ledger(_beside(output, ".unfinished"), _digest({**job, **settings_of(config)}), resume=resume)
    is_finished = False
    try:
        done = write_texts(
            items, config, generator=generator, root=root, notes=ledger, spent=ledger.spent, progress=progress
        )
        report = report_of(done, config, rows=len(records), spent_before=ledger.spent)
        report["source"] = {
            "file": source.file,
            "sha256": reading.sha256(),
            "rows_without_text": len(records) - len(items),
        }
        if done.made.stopped == "failures":
            raise ModelError(
                f"{done.generator} stopped answering: {done.last_failure}",
                remedy="repeat the command with --resume when it is back; nothing that is paid for is asked again",
            )
        new = rows_of(records, done.made.variants, items, config)
        old = [] if new_only else [{**record.fields, **marks(record, SOURCE)} for record in records]
        _write(output, (json.dumps(row, ensure_ascii=False, default=str) + "\n" for row in [*old, *new]))
        _write(_beside(output, ".report.json"), [json.dumps(report, ensure_ascii=False, indent=2) + "\n"])
        failed = any(drop["reason"].startswith("no answer") for drop in report["dropped"])
        is_finished = done.made.stopped is None and not failed
        return report
    finally:
        ledger.close(finished=is_finished)


def _check_output(output: Path, source: Path) -> None:
    if output.suffix.lower() != ".jsonl":
        raise ConfigError(f"--output {output}: expected a .jsonl file", remedy="name it like augmented.jsonl")
    if output.resolve() == source.resolve():
        raise ConfigError(f"--output {output} is the input", remedy="choose another file")
    if output.is_dir():
        raise ConfigError(f"--output {output} is a folder", remedy="name a file in it")
    if output.exists() and not _beside(output, ".report.json").exists():
        raise ConfigError(
            f"--output {output} is there, and no augmentation wrote it",
            remedy="choose another file, or delete it",
        )


def _beside(output: Path, suffix: str) -> Path:
    return output.with_name(output.name + suffix)


def _digest(settings: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(settings, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def _write(path: Path, lines: Iterable[str]) -> None:
    try:
        write_whole(path, lines)
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be written: {error.strerror or error}",
            remedy="make room, then go on with --resume",
        ) from error
