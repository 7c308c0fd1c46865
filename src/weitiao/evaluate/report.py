"""Write ``report.json`` and the self-contained ``report.html``."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weitiao.data.whole import fresh_file

if TYPE_CHECKING:
    from weitiao.evaluate.suspects import Suspects

SCHEMA_VERSION = 1

REQUIRED: Mapping[str, tuple[str, ...]] = {
    "metrics": ("after",),
    "train": ("seconds", "steps", "samples", "tokens_rendered", "tokens_computed", "peak_memory_bytes"),
    "adapter": ("parameters", "bytes"),
    "base": ("path", "parameters"),
    "data": ("sha256", "train", "dev", "test"),
}
"""Sections that every report has, with the keys each has at least."""

_ESTIMATE = ("value", "low", "high", "n")


def problems(report: Mapping[str, Any]) -> list[str]:
    """What is missing from a report, one sentence each; empty when it has all that is promised.

    Args:
        report: As for `write_report`.
    """
    found = [f"{key} is missing" for key in ("versions", "seed") if key not in report]
    for section, keys in REQUIRED.items():
        value = report.get(section)
        if not isinstance(value, Mapping):
            found.append(f"{section} is missing")
            continue
        found += [f"{section}.{key} is missing" for key in keys if key not in value]
    version = report.get("schema_version", SCHEMA_VERSION)
    if version != SCHEMA_VERSION:
        found.append(f"schema_version is {version!r}, this version writes {SCHEMA_VERSION}")
    metrics = report.get("metrics")
    return found + (_metric_problems(metrics) if isinstance(metrics, Mapping) else [])


def _metric_problems(metrics: Mapping[str, Any]) -> list[str]:
    found = []
    for side in ("before", "after", "difference"):
        value = metrics.get(side)
        if value is None:  # `after` has been asked for by REQUIRED
            continue
        if "test" not in value:
            found.append(f"metrics.{side}.test is missing")
        for part, estimates in value.items():
            for name, estimate in estimates.items():
                missing = [k for k in _ESTIMATE if k not in estimate]
                found += [f"metrics.{side}.{part}.{name}.{k} is missing" for k in missing]
    return found


def write_report(
    folder: Path | str,
    report: Mapping[str, Any],
    *,
    predictions: Sequence[Mapping[str, Any]],
    history: Sequence[Mapping[str, Any]],
    card: Mapping[str, Any],
    recipe_yaml: str,
    suspects: Suspects | None = None,
) -> dict[str, Any]:
    """Write both forms of the report of a run; ``report.json`` last, so that it marks a finished run.

    Args:
        folder: Where; made if need be.
        report: JSON-able. At least ``metrics.{before,after}.test.<name>`` as ``{value, low, high, n}``
            (``before`` None when the base was not measured), the sections in `REQUIRED`, ``versions``
            and ``seed``. Shown when there: ``name``, ``created``, ``method`` (a text or a mapping with
            ``kind``), ``metrics.difference``, ``closed_set``, ``confusion``, ``notes`` (all four from
            `Comparison.as_report`), any further keys of the sections.
        predictions: Rows of ``predictions.jsonl``.
        history: ``log_history`` of the trainer: rows with ``step``, ``epoch`` and ``loss``,
            ``learning_rate`` or ``eval_<metric>``.
        card: The data card.
        recipe_yaml: The resolved recipe.
        suspects: Training rows that are probably labelled wrongly.

    Returns:
        What ``report.json`` holds: ``report`` with ``schema_version``; numbers that are not finite are null.

    Raises:
        ValueError: Something promised is missing; every missing key is listed.
    """
    missing = problems(report)
    if missing:
        raise ValueError("a report must be complete: " + "; ".join(missing))
    from weitiao.evaluate.page import render

    whole: dict[str, Any] = _finite({"schema_version": SCHEMA_VERSION, **report})
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    page = render(
        whole, predictions=predictions, history=history, card=card, recipe_yaml=recipe_yaml, suspects=suspects
    )
    _write(folder / "report.html", page)
    _write(folder / "report.json", json.dumps(whole, ensure_ascii=False, indent=2, allow_nan=False) + "\n")
    return whole


def _finite(value: Any) -> Any:
    """JSON has no NaN and no infinity."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(k): _finite(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(v) for v in value]
    return value


def _write(path: Path, text: str) -> None:
    """Write through a temporary name, so that no half-written file is ever seen."""
    with fresh_file(path) as fresh:
        # A lone surrogate out of a broken file must not make the report impossible.
        fresh.write_text(text, encoding="utf-8", errors="backslashreplace", newline="\n")
