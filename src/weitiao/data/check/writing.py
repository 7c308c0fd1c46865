"""Findings as ``check.json``; the terminal summary and the page are made of the same values."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from weitiao.data.check.finding import SEVERITIES, Finding, many
from weitiao.data.check.material import Material
from weitiao.data.whole import write_whole
from weitiao.errors import DataError

SCHEMA_VERSION = 1


def report_of(material: Material, findings: Sequence[Finding]) -> dict[str, Any]:
    """Everything that was found, with what was looked at; json can write it.

    Keys: ``schema_version``, ``rows``, ``samples``, ``parts`` (samples by part), ``files`` (rows by file),
    ``findings``, ``severities`` (findings by severity).
    """
    severities = Counter(finding.severity for finding in findings)
    return {
        "schema_version": SCHEMA_VERSION,
        "rows": len(material.records),
        "samples": len(material.cases),
        "parts": dict(Counter(case.part for case in material.cases)),
        "files": dict(Counter(record.origin.file for record, _ in material.records)),
        "severities": {severity: severities[severity] for severity in SEVERITIES},
        "findings": [finding.as_dict() for finding in findings],
    }


def places(rows: Sequence[str], *, shown: int = 3) -> str:
    """The first rows in words, each file named once.

    Example:
        >>> places(["a.json, row 3", "a.json, row 7", "b.json, row 1", "b.json, row 2"])
        'a.json, rows 3, 7; b.json, row 1; ...'
    """
    by_file: dict[str, list[str]] = {}
    for row in rows[:shown]:
        file, _, number = row.rpartition(", row ")
        by_file.setdefault(file, []).append(number)
    named = [
        f"{file}, row{'s' if len(numbers) > 1 else ''} {', '.join(numbers)}" if file else ", ".join(numbers)
        for file, numbers in by_file.items()
    ]
    together = len(named) == 1 and len(rows) > shown
    return "; ".join(named) + (", ..." if together else "; ..." if len(rows) > shown else "")


def example_line(example: Mapping[str, Any]) -> str:
    """An example of a finding on one line; empty where it says nothing that its rows do not say.

    Example:
        >>> example_line({"text": "How much?", "answers": [{"answer": "A", "rows": 2}, {"answer": "B", "rows": 1}]})
        'How much? -> A (2 rows) / B (1 row)'
    """
    text = str(example.get("text") or example.get("template") or "")
    answers = example.get("answers") or ([example["answer"]] if "answer" in example else [])
    said = [
        f"{a['answer']} ({many(a['rows'], 'row')})" if isinstance(a, Mapping) else str(a) for a in answers
    ]
    rest = [str(value) for name in ("read_as", "problem") if (value := example.get(name))]
    rest += [", ".join(example[name]) for name in ("numbers", "names") if example.get(name)]
    return " -> ".join(_cut(part) for part in (text, " / ".join(_cut(s, 60) for s in said), *rest) if part)


def _cut(text: str, size: int = 120) -> str:
    line = " ".join(str(text).split())
    return line if len(line) <= size else f"{line[: size - 2]} …"


def write(report: Mapping[str, Any], page: str, folder: Path) -> tuple[Path, Path]:
    """``check.json`` and ``check.html`` in a folder; each appears whole or not at all.

    Raises:
        DataError: They cannot be written.
    """
    written = json.dumps(report, ensure_ascii=False, indent=1, default=str) + "\n"
    return _write(folder / "check.json", written), _write(folder / "check.html", page)


def _write(path: Path, text: str) -> Path:
    try:
        write_whole(path, [text])
    except OSError as error:
        raise DataError(
            f"{path}: cannot be written: {error.strerror or error}", remedy="choose another folder with --out"
        ) from error
    return path
