"""The result of `weitiao data check` in the card of a data set, where it costs little."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from weitiao.config import Recipe
from weitiao.types import Dataset

CHECKED_ROWS = 5000
"""Sources with more rows are not checked along the way: it takes about a second for each 1,500 rows."""


def with_checks(dataset: Dataset, recipe: Recipe, *, root: Path, limit: int = CHECKED_ROWS) -> Dataset:
    """The data set with ``checks`` in its card: how many findings of each severity, and their titles.

    Args:
        dataset: Made of the recipe.
        recipe: Its section ``data`` and its seed are used.
        root: Folder that relative paths start from.
        limit: With more rows in all sources nothing is checked, and the card says so.

    Raises:
        DataError: A source cannot be read any more.
    """
    rows = sum(source.get("rows") or 0 for source in dataset.card.get("sources", ()))
    checks = _skipped(rows, limit) if rows > limit else _checks(recipe, root)
    return replace(dataset, card={**dataset.card, "checks": checks})


def _skipped(rows: int, limit: int) -> dict[str, Any]:
    return {"skipped": f"not checked: {rows:,} rows, more than {limit:,}"}


def _checks(recipe: Recipe, root: Path) -> dict[str, Any]:
    from weitiao.data.check import check, material_of
    from weitiao.data.check.finding import SEVERITIES

    findings = check(material_of(recipe.data, root=root, seed=recipe.seed))
    counts = {severity: sum(f.severity == severity for f in findings) for severity in SEVERITIES}
    listed = [{"code": f.code, "severity": f.severity, "count": f.count, "title": f.title} for f in findings]
    return {**counts, "findings": listed}
