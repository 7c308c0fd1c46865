"""Findings as ``check.json``; the terminal summary and the page are made of the same values."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from weitiao.data.check.finding import SEVERITIES, Finding
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
