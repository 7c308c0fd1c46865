"""Noise in a file: the same rows with one column damaged and its spans moved along."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from weitiao.config import NoiseStep, Source
from weitiao.data.jsonl import check_output, write_jsonl
from weitiao.data.noise.damage import Span
from weitiao.data.noise.noise import noisy
from weitiao.data.noise.spans import EXPECTED, read_spans, write_spans
from weitiao.data.problems import Problems, nearest
from weitiao.data.read import read
from weitiao.data.template import to_text
from weitiao.errors import ConfigError

_COLUMNS = ("text", "prompt", "question", "sentence", "input")


@dataclass
class NoiseSummary:
    """What was done to a file.

    Attributes:
        rows: Rows read.
        damaged: Rows whose text is another now.
        column: That was damaged.
        edits: Edit distance to the original, all rows together.
        length: Characters of the original, all rows together.
        kinds: Number of edits of each kind.
    """

    rows: int = 0
    damaged: int = 0
    column: str = ""
    edits: int = 0
    length: int = 0
    kinds: dict[str, int] = field(default_factory=dict)

    @property
    def cer(self) -> float:
        """Measured character error rate."""
        return self.edits / self.length if self.length else 0.0


def noise_file(
    file: str | Path,
    output: str | Path,
    config: NoiseStep,
    *,
    spans: str | None = None,
    seed: int = 0,
    progress: Callable[[int], None] | None = None,
) -> NoiseSummary:
    """Damage a column of a file, row by row.

    Args:
        file: json, jsonl, csv, tsv, xlsx or parquet.
        output: A ``.jsonl`` file; every row keeps its columns, the undamaged text is in ``COLUMN_clean``.
        config: Error rate, mix, share and column (default: text, prompt, question, sentence or input).
        spans: Column of labelled spans of the text, see `weitiao.data.noise.spans`.
        seed: Of all choices; each row has its own, so that a longer file begins alike.
        progress: Told the number of rows so far.

    Raises:
        DataError: The file cannot be read, has no such column, or has spans that do not fit.
        ConfigError: The output cannot be written.
    """
    output = Path(output)
    check_output(output)
    if output.resolve() == Path(file).resolve():
        raise ConfigError(f"--output: {output} is the input", remedy="choose another file")
    reading, summary = read(Source(file=str(file)), root=Path()), NoiseSummary()

    def rows() -> Iterator[dict[str, Any]]:
        found: dict[str, list[int]] = {}
        for record in reading:
            row = dict(record.fields)
            column = config.column or summary.column or _column(row)
            summary.column = column
            summary.rows += 1
            problem = _missing(row, (column, *([spans] if spans else [])))
            try:
                if problem is None:
                    yield _damaged(row, column, spans, config, f"{seed}:noise:{summary.rows}", summary)
            except ValueError as error:
                problem = str(error)
            if problem is not None:
                found.setdefault(problem, []).append(record.origin.row)
            if progress is not None:
                progress(summary.rows)
        _raise_if_any(str(file), found, summary.rows)

    write_jsonl(output, rows())
    return summary


def _raise_if_any(name: str, found: Mapping[str, Sequence[int]], rows: int) -> None:
    """All problems in one error, in the order of the rows; what is wrong with every row is said once."""
    problems = Problems(name)
    for problem, at in found.items():
        if len(at) == rows > 1:
            problems.add(f"{problem} (in all {rows:,} rows)", remedy=_REMEDY)
    for row, problem in sorted((row, p) for p, at in found.items() if not len(at) == rows > 1 for row in at):
        problems.add(f"row {row}: {problem}", remedy=_REMEDY)
    problems.raise_if_any()


_REMEDY = "name other columns, or mend the rows"


def _column(row: dict[str, Any]) -> str:
    return next((name for name in _COLUMNS if name in row), _COLUMNS[0])


def _missing(row: dict[str, Any], columns: tuple[str, ...]) -> str | None:
    for name in columns:
        if name not in row:
            return f'there is no column "{name}"{nearest(name, row)}; columns: {", ".join(row)}'
    return None


def _spans(given: Any, column: str, text: str) -> tuple[Any, list[Span]]:
    """What a cell says, and the spans; an empty cell has none."""
    try:
        written = json.loads(given) if isinstance(given, str) and given.strip() else given
        return written, read_spans(written or [], text)
    except json.JSONDecodeError as error:
        raise ValueError(f'column "{column}": {EXPECTED}, got {given[:40]!r}') from error
    except ValueError as error:
        raise ValueError(f'column "{column}": {error}') from error


def _damaged(
    row: dict[str, Any], column: str, spans: str | None, config: NoiseStep, seed: str, summary: NoiseSummary
) -> dict[str, Any]:
    rng = random.Random(seed)
    text = to_text(row[column])
    if rng.random() >= config.share:
        return {**row, f"{column}_clean": text}
    given = row[spans] if spans else []
    written, places = _spans(given, spans or "", text)
    heard = noisy(text, config, rng, spans=places)
    summary.edits += heard.distance
    summary.length += heard.length
    summary.damaged += heard.text != text
    for kind, number in heard.edits.items():
        summary.kinds[kind] = summary.kinds.get(kind, 0) + number
    result = {**row, column: heard.text, f"{column}_clean": text}
    if spans and written:
        moved = write_spans(written, heard.spans, heard.text)
        result[spans] = json.dumps(moved, ensure_ascii=False) if isinstance(given, str) else moved
    return result
