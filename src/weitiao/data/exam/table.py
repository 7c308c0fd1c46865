"""Exam papers as tables: one row holds a reading text, its questions with options, and the answers."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weitiao.config import Source
from weitiao.data.exam.paper import Extracted, Problem, Question, extract
from weitiao.data.problems import nearest
from weitiao.data.read import read
from weitiao.data.sources import ALL_SHEETS, expand
from weitiao.data.whole import write_whole
from weitiao.errors import DataError
from weitiao.types import Origin, Record

COLUMNS = {
    "passage": ("阅读文本", "文本", "passage", "text", "article"),
    "questions": ("选项", "题目", "questions", "question", "options"),
    "answers": ("答案", "answers", "answer"),
}
"""What a column is for, and the names under which it is looked for."""

_NEARLY_ALL = 0.8


@dataclass(frozen=True)
class Paper:
    """All questions of a file.

    Attributes:
        file: As the user wrote it.
        rows: Reading texts.
        questions: Whole questions, in the order of the file.
        problems: Those that could not be recovered, with reasons.
        notes: What was left aside, ``row N: ...``.
    """

    file: str
    rows: int
    questions: tuple[Question, ...]
    problems: tuple[Problem, ...]
    notes: tuple[str, ...]

    def report(self) -> dict[str, Any]:
        """Counts, problems and what was mended, for json."""
        return {
            "file": self.file,
            "texts": self.rows,
            "questions": len(self.questions),
            "not_recovered": len(self.problems),
            "answers": dict(sorted(Counter(q.answer for q in self.questions).items())),
            "problems": [problem.as_dict() for problem in self.problems],
            "mended": [
                {"origin": str(q.origin), "number": q.number, "notes": list(q.notes)}
                for q in self.questions
                if q.notes
            ],
            "notes": list(self.notes),
        }

    def texts(self) -> list[dict[str, Any]]:
        """Reading texts that have a whole question, each with all of them, in the order of the file."""
        by_row: dict[Origin | None, list[Question]] = {}
        for question in self.questions:
            by_row.setdefault(question.origin, []).append(question)
        return [_text_dict(questions) for questions in by_row.values()]

    def save(self, path: Path, *, per_text: bool = False) -> None:
        """Write one question a line, or one reading text a line with all its questions; whole or not at all.

        Raises:
            DataError: The file cannot be written.
        """
        rows = self.texts() if per_text else (question.as_dict() for question in self.questions)
        try:
            write_whole(path, (json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
        except OSError as error:
            raise DataError(
                f"{path} cannot be written: {error.strerror or error}", remedy="choose another file"
            ) from error


def read_paper(
    file: str | Path,
    *,
    sheet: str | int | None = None,
    passage: str | None = None,
    questions: str | None = None,
    answers: str | None = None,
    num_options: int | None = None,
    root: Path | None = None,
    progress: Callable[[int], None] | None = None,
) -> Paper:
    """The questions of a table (xlsx, csv, json, ...).

    Args:
        file: The table, relative to ``root``.
        sheet: Of a workbook; by default the first. ``"*"``: all of them, which need the same columns.
        passage: Column of the reading text; by default found by its name (`COLUMNS`).
        questions: Column of the questions with their options.
        answers: Column of the answers.
        num_options: Options a question has; by default what most questions of the file have, if most agree.
        root: Folder that ``file`` starts from; by default the working directory.
        progress: Is told how many rows are done.

    Raises:
        DataError: The file cannot be read, has no such column, or a cell holds no text.
    """
    root, source = root or Path(), Source(file=str(file), sheet=sheet)
    given = {"passage": passage, "questions": questions, "answers": answers}
    rows: list[tuple[Record, dict[str, str]]] = []
    for one in expand(source, root) if sheet == ALL_SHEETS else [source]:
        reading = read(one, root=root)
        columns: dict[str, str] = {}
        for record in reading:
            columns = columns or _columns(list(record.fields), given, reading.label)
            rows.append(
                (record, {name: _text(record.fields.get(column)) for name, column in columns.items()})
            )
    found: list[Extracted] = []
    for number, (record, cells) in enumerate(rows, start=1):
        found.append(extract(**cells, origin=record.origin, num_options=num_options))
        if progress is not None:
            progress(number)
    usual = num_options or _usual([len(q.options) for one in found for q in one.questions])
    if usual is not None and num_options is None:
        found = [
            extract(**cells, origin=record.origin, num_options=usual)
            if any(len(q.options) < usual for q in one.questions)
            else one
            for one, (record, cells) in zip(found, rows, strict=True)
        ]
    notes = [
        f"{_place(record, sheet)}: {note}"
        for one, (record, _) in zip(found, rows, strict=True)
        for note in one.notes
    ]
    return Paper(
        str(file),
        len(found),
        tuple(question for one in found for question in one.questions),
        tuple(problem for one in found for problem in one.problems),
        tuple(notes),
    )


def _text_dict(questions: Sequence[Question]) -> dict[str, Any]:
    """A reading text as a line: what its questions share, how many there are, and what each has of its own."""
    rows = [question.as_dict() for question in questions]
    own = ("question", "options", "choices", "answer", "answer_text", "number", "notes")
    return {
        "id": str(rows[0]["id"]).rsplit("-", 1)[0],
        "passage": rows[0]["passage"],
        "number": len(rows),
        "questions": [{name: row[name] for name in own} for row in rows],
        "language": rows[0]["language"],
        "origin": rows[0]["origin"],
    }


def _columns(there: Sequence[str], given: dict[str, str | None], label: str) -> dict[str, str]:
    """The three columns: those that were named, else those with a known name."""
    columns: dict[str, str] = {}
    lacking = []
    for name, known in COLUMNS.items():
        wanted = given[name]
        column = wanted if wanted in there else None
        if wanted is None:
            column = next((c for k in known for c in there if c.strip().lower() == k), None)
        if column is None:
            asked = f'"{wanted}"{nearest(wanted, there)}' if wanted else f"one of {', '.join(known)}"
            lacking.append(f"no column of the {name} ({asked})")
        else:
            columns[name] = column
    if lacking:
        raise DataError(
            f"{label}: {'; '.join(lacking)}; it has {', '.join(there)}",
            remedy="name the columns with --passage, --questions and --answers",
        )
    return columns


def _place(record: Record, asked: str | int | None) -> str:
    row = f"row {record.origin.row}"
    return f'sheet "{record.origin.sheet}", {row}' if asked == ALL_SHEETS else row


def _usual(counts: Sequence[int]) -> int | None:
    """The number of options that nearly all questions have, None where they differ."""
    if not counts:
        return None
    number, times = Counter(counts).most_common(1)[0]
    return number if times >= _NEARLY_ALL * len(counts) else None


def _text(value: Any) -> str:
    return "" if value is None else str(value)
