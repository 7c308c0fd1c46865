"""The report over folds: mean and spread of every metric, and the pooled estimate over all rows."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup, escape

from weitiao.evaluate import page
from weitiao.evaluate.normalise import NORMALISATION
from weitiao.types import Estimate

SCHEMA_VERSION = 1
_WIDTH, _STEP, _EDGE = 300, 7, 6


@dataclass(frozen=True, slots=True)
class FoldRow:
    """One metric over all folds.

    Attributes:
        pooled: Before, after and difference over all rows.
        values: Value of each fold after tuning, None where the metric does not apply there.
        mean: Of the values.
        sd: Their standard deviation.
        dots: Picture of them.
    """

    pooled: page.MetricRow
    values: Sequence[float | None]
    mean: float
    sd: float
    dots: Markup


def spread(metrics: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, dict[str, Any]]]:
    """Values of every metric by fold, their mean and their standard deviation (with k - 1), by side and name.

    Args:
        metrics: ``metrics`` of the report of each of k folds. A metric that does not apply to a fold (label accuracy
            where its answers are no closed set) has None there, and is left out of mean and deviation.
    """
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for side in ("before", "after", "difference"):
        folds = [(fold[side] or {}).get("test", {}) for fold in metrics]
        for name in dict.fromkeys(name for fold in folds for name in fold):
            values = [fold[name]["value"] if name in fold else None for fold in folds]
            there = [value for value in values if value is not None]
            found.setdefault(side, {})[name] = {
                "values": values,
                "mean": statistics.fmean(there),
                "sd": statistics.stdev(there) if len(there) > 1 else 0.0,
            }
    return found


def fold_page(report: Mapping[str, Any], *, recipe_yaml: str) -> str:
    """``report.html`` over folds as one HTML text.

    Args:
        report: What ``report.json`` holds.
        recipe_yaml: The recipe of all of them.
    """
    template = page.make_environment().get_template("folds.html.j2")
    rows = fold_rows(report)
    shown = [row.pooled for row in rows]
    main = page.headline_row(shown)
    return template.render(
        report=report,
        rows=rows,
        headline=headline(rows, len(report["folds"])),
        main=next((row for row in rows if row.pooled is main), None),
        method=page.describe_method(report["method"]),
        confusions=page.confusion_views(report.get("confusion")),
        normalisation=NORMALISATION,
        recipe=recipe_yaml,
        provenance=[("Seed", report["seed"]), ("Rows", report["data"]["rows"]), *report["versions"].items()],
    )


def fold_rows(report: Mapping[str, Any]) -> list[FoldRow]:
    """One row for each metric that at least one fold has."""
    after = report["spread"].get("after", {})
    rows = []
    for row in page.metric_rows(report["metrics"]):
        if row.name not in after:
            continue
        values, mean, sd = (after[row.name][key] for key in ("values", "mean", "sd"))
        dots = fold_dots(values, mean, row.after, scale=row.title.scale)
        rows.append(FoldRow(row, values, mean, sd, dots))
    return rows


def headline(rows: Sequence[FoldRow], folds: int) -> str:
    """The main metric: its mean and spread over the folds, and the estimate over all rows."""
    main = page.headline_row([row.pooled for row in rows])
    row = next((row for row in rows if row.pooled is main), None)
    if row is None:
        return "Nothing has been measured."
    scale = row.pooled.title.scale
    after = row.pooled.after
    mean, sd, pooled, low, high = (
        page.points(value, scale) for value in (row.mean, row.sd, after.value, after.low, after.high)
    )
    told = (
        f"{row.pooled.title.title} is {mean} on average over {folds} folds (standard deviation {sd}), {pooled} over "
        f"all {after.n:,} rows, each tested by the adapter that was trained without it (95% interval {low} to {high})."
    )
    gain = row.pooled.difference
    if gain is None:
        return told
    interval = f"{page.signed(gain.low, scale)} to {page.signed(gain.high, scale)}"
    return f"{told} Against the base alone: {page.signed(gain.value, scale)} points ({interval})."


def fold_dots(values: Sequence[float | None], mean: float, pooled: Estimate, *, scale: float) -> Markup:
    """A dot for each fold from 0 to ``scale``, one below the other, with a line at their mean.

    The band behind them is the 95% interval of the estimate over all rows.
    """

    def x(value: float) -> float:
        return _EDGE + (_WIDTH - 2 * _EDGE) * min(max(value / scale, 0.0), 1.0)

    height = _STEP * len(values) + 4
    parts = [
        f'<line class="grid" x1="{x(v):.1f}" x2="{x(v):.1f}" y1="0" y2="{height}"/>'
        for v in (0, scale / 2, scale)
    ]
    band = max(x(pooled.high) - x(pooled.low), 1.0)
    parts.append(f'<rect class="band" x="{x(pooled.low):.1f}" y="0" width="{band:.1f}" height="{height}"/>')
    parts.append(f'<line class="mean" x1="{x(mean):.1f}" x2="{x(mean):.1f}" y1="0" y2="{height}"/>')
    parts += [
        f'<circle class="dot" cx="{x(value):.1f}" cy="{2 + _STEP * (n + 0.5):.1f}" r="3">'
        f"<title>fold {n + 1}: {page.points(value, scale)}</title></circle>"
        for n, value in enumerate(values)
        if value is not None
    ]
    said = ", ".join("none" if value is None else page.points(value, scale) for value in values)
    return Markup(
        f'<svg class="folds" viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{escape(said)} of 100 by fold">'
        + "".join(parts)
        + "</svg>"
    )
