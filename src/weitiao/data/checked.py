"""The result of `weitiao data check` in the card of a data set, where it costs little."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from weitiao.config import DataConfig
from weitiao.types import Dataset

CHECKED_ROWS = 5000
"""Sources with more rows are not checked along the way: it takes about a second for each 1,500 rows."""


def with_checks(dataset: Dataset, data: DataConfig, *, root: Path, limit: int = CHECKED_ROWS) -> Dataset:
    """The data set with ``checks`` in its card: how many findings of each severity, and their titles.

    Args:
        dataset: Made of the section.
        data: The section ``data`` of the recipe.
        root: Folder that relative paths start from.
        limit: With more rows in all sources nothing is checked, and the card says so.

    Raises:
        DataError: A source cannot be read any more.
    """
    rows = sum(source.get("rows") or 0 for source in dataset.card.get("sources", ()))
    checks = _skipped(rows, limit) if rows > limit else _checks(data, root)
    return replace(dataset, card={**dataset.card, "checks": checks})


def _skipped(rows: int, limit: int) -> dict[str, Any]:
    return {"skipped": f"not checked: {rows:,} rows, more than {limit:,}"}


def _checks(data: DataConfig, root: Path) -> dict[str, Any]:
    from weitiao.data.check import check, material_of
    from weitiao.data.check.finding import SEVERITIES

    findings = check(material_of(data, root=root))
    counts = {severity: sum(f.severity == severity for f in findings) for severity in SEVERITIES}
    listed = [{"code": f.code, "severity": f.severity, "count": f.count, "title": f.title} for f in findings]
    return {**counts, "findings": listed}
