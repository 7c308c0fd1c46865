"""``report.html``: from a report to what the template shows. All text is escaped by the template."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from weitiao.data.words import has_han
from weitiao.evaluate import samples, tables
from weitiao.evaluate.charts import Series, line_chart, whisker_bars
from weitiao.evaluate.metrics import TITLES, Title
from weitiao.evaluate.normalise import NORMALISATION
from weitiao.evaluate.robustness import view
from weitiao.evaluate.suspects import Suspects
from weitiao.evaluate.suspects.plots import data_map
from weitiao.types import Estimate

_HEADLINE_ORDER = ("accuracy", "exact", "rouge_l", "bleu_char")
_NOT_METRICS = ("runtime", "samples_per_second", "steps_per_second", "model_preparation_time")


@dataclass(frozen=True, slots=True)
class MetricRow:
    """One line of the before/after table; verdict is ``better``, ``worse``, ``unclear`` or empty."""

    name: str
    title: Title
    before: Estimate | None
    after: Estimate
    difference: Estimate | None
    bars: Markup
    verdict: str


def render(
    report: Mapping[str, Any],
    *,
    predictions: Sequence[Mapping[str, Any]],
    history: Sequence[Mapping[str, Any]],
    card: Mapping[str, Any],
    recipe_yaml: str,
    suspects: Suspects | None = None,
) -> str:
    """The page as one HTML text; arguments as for `weitiao.evaluate.report.write_report`."""
    template = make_environment().get_template("report.html.j2")
    rows = metric_rows(report["metrics"])
    same = bool(report["data"].get("same"))
    kind = "training" if same else "test"
    best, worst = samples.best_and_worst(predictions)
    return template.render(
        report=report,
        rows=rows,
        headline=headline(rows, kind),
        same=same,
        kind=kind,
        main=headline_row(rows),
        method=describe_method(report.get("method")),
        charts=training_charts(history),
        best=best,
        worst=worst,
        ranking=samples.RANKING,
        normalisation=NORMALISATION,
        confusions=confusion_views(report.get("confusion")),
        facts=training_facts(report),
        packing=packing(report["train"]),
        provenance=provenance(report),
        card=tables.card_blocks(card),
        warnings=card.get("warnings") or [],
        recipe=recipe_yaml,
        suspects=suspects if suspects is not None and suspects.found else None,
        map=data_map(suspects) if suspects is not None else None,
        notes=report.get("notes") or [],
        robustness=view(report["robustness"]) if report.get("robustness") else None,
    )


def make_environment() -> Environment:
    """The templates of this package with the filters they use."""
    environment = Environment(
        loader=FunctionLoader(_template),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        points=points,
        signed=signed,
        size=size,
        duration=duration,
        count=count,
        lang=lang,
        decimal=decimal,
    )
    environment.tests["han"] = has_han
    return environment


def _template(name: str) -> str:
    return files("weitiao.evaluate").joinpath(name).read_text(encoding="utf-8")


def metric_rows(metrics: Mapping[str, Any]) -> list[MetricRow]:
    """One row for each metric of the test part, in the order of the report."""

    def estimates(side: str) -> dict[str, Estimate]:
        return {k: Estimate(**v) for k, v in ((metrics.get(side) or {}).get("test") or {}).items()}

    before, after, difference = estimates("before"), estimates("after"), estimates("difference")
    rows = []
    for name, value in after.items():
        title = TITLES.get(name, Title(tables.words(name), 1, ""))
        gain = difference.get(name)
        bars = whisker_bars(before.get(name), value, scale=title.scale)
        rows.append(MetricRow(name, title, before.get(name), value, gain, bars, verdict(gain)))
    return rows


def verdict(difference: Estimate | None) -> str:
    """Whether the 95% interval of a difference lies on one side of zero."""
    if difference is None:
        return ""
    if difference.low > 0:
        return "better"
    return "worse" if difference.high < 0 else "unclear"


def headline_row(rows: Sequence[MetricRow]) -> MetricRow | None:
    """The metric a headline is about: accuracy, exact match or the next one that is not zero throughout."""
    order = sorted(rows, key=lambda r: (*_HEADLINE_ORDER, r.name).index(r.name))
    shown = [r for r in order if r.after.value or (r.before and r.before.value)]
    return next(iter([*shown, *order]), None)


def headline(rows: Sequence[MetricRow], kind: str = "test") -> str:
    """What was gained, in one or two sentences computed from the numbers; ``kind`` says on which samples."""
    row = headline_row(rows)
    if row is None:
        return "There was no test part, so nothing has been measured."
    name, after, scale = row.title.title, row.after, row.title.scale
    where = f"on {after.n:,} {kind} sample{'s' if after.n != 1 else ''}"
    if row.before is None or row.difference is None:
        return (
            f"{name} is {points(after.value, scale)} {where} (95% interval {points(after.low, scale)} to "
            f"{points(after.high, scale)}). The base alone was not measured."
        )
    gain = row.difference
    interval = f"95% interval {signed(gain.low, scale)} to {signed(gain.high, scale)}"
    told = {
        "better": "Tuning made the base clearly better",
        "worse": "Tuning made the base clearly worse",
        "unclear": "No clear difference",
    }[row.verdict]
    moved = "stayed at" if gain.value == 0 else ("rose" if gain.value > 0 else "fell")
    values = (
        points(after.value, scale)
        if gain.value == 0
        else f"from {points(row.before.value, scale)} to {points(after.value, scale)}"
    )
    low_name = name if name[:4] in ("BLEU", "ROUG") else name[:1].lower() + name[1:]
    return f"{told}: {low_name} {moved} {values} {where}, {signed(gain.value, scale)} points ({interval})."


def describe_method(method: Any) -> str:
    """The method in words.

    Example:
        >>> describe_method({"kind": "prefix", "length": 64})
        'a P-Tuning v2 prefix of 64 virtual tokens'
    """
    if not isinstance(method, Mapping):
        return str(method or "")
    if method.get("kind") == "prefix":
        length = method.get("length")
        size_text = f" of {length} virtual tokens" if isinstance(length, int) else ""
        return f"a P-Tuning v2 prefix{size_text}"
    if method.get("kind") == "full":
        return "full tuning of all weights"
    return str(method.get("kind", ""))


def training_charts(history: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Loss, learning rate and dev metrics as charts with titles and legends; none without a point."""
    loss = Series("train loss", _points(history, "loss"), "a")
    dev_loss = Series("dev loss", _points(history, "eval_loss"), "b", dots=True)
    metrics = {
        k.removeprefix("eval_"): None
        for row in history
        for k in row
        if k.startswith("eval_") and k != "eval_loss"
    }
    names = [m for m in metrics if m not in _NOT_METRICS and _points(history, f"eval_{m}")]
    drawn = [
        ("Loss", [loss, dev_loss], "step", "per target token, natural logarithm"),
        ("Learning rate", [Series("learning rate", _points(history, "learning_rate"), "a")], "step", ""),
    ]
    if dev_loss.points:
        by_epoch = Series("dev loss", _points(history, "eval_loss", "epoch"), "b", dots=True)
        drawn.append(("Dev loss per epoch", [by_epoch], "epoch", "lower is better"))
    for name in names:
        title = TITLES[name].title if name in TITLES else tables.words(name)
        factor = 100 / TITLES[name].scale if name in TITLES else 1.0
        scaled = [(x, factor * y) for x, y in _points(history, f"eval_{name}", "epoch")]
        line = Series(title, scaled, "a", dots=True)
        drawn.append((f"Dev {title[:1].lower() + title[1:]} per epoch", [line], "epoch", "higher is better"))
    charts = []
    for title, series, x, note in drawn:
        svg = line_chart(series, x_label=x, y_label=title, y_from_zero=True)
        if svg is not None:
            shown = [s for s in series if s.points]
            charts.append(
                {"title": title, "note": note, "svg": svg, "series": shown if len(shown) > 1 else []}
            )
    return charts


def _points(history: Sequence[Mapping[str, Any]], key: str, x: str = "step") -> list[tuple[float, float]]:
    found = [row for row in history if _is_number(row.get(x)) and _is_number(row.get(key))]
    return [(float(row[x]), float(row[key])) for row in found]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def confusion_views(confusion: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """Confusion matrices with the share of each row, for shading; after first."""
    views = []
    for side in ("after", "before"):
        found = (confusion or {}).get(side)
        if not found:
            continue
        other = any(row[-1] for row in found["matrix"])
        heads = [*found["labels"], *(["other answer"] if other else [])]
        rows = [
            {
                "label": label,
                "cells": [
                    {"n": n, "share": n / max(sum(row), 1), "right": k == number}
                    for k, n in enumerate(row[: len(heads)])
                ],
                "stats": found["per_label"][number],
            }
            for number, (label, row) in enumerate(zip(found["labels"], found["matrix"], strict=True))
        ]
        views.append({"side": side, "heads": heads, "rows": rows})
    return views


def packing(train: Mapping[str, Any]) -> dict[str, Any] | None:
    """How many of the rendered tokens went through the model; None when not counted."""
    rendered, computed = train.get("tokens_rendered"), train.get("tokens_computed")
    if not rendered or not computed:
        return None
    return {
        "rendered": rendered,
        "computed": computed,
        "share": min(computed / rendered, 1.0),
        "factor": rendered / computed,
    }


def training_facts(report: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Name and value of what training took and made."""
    train, adapter, base = report["train"], report["adapter"], report["base"]
    facts = [
        ("Duration", duration(train["seconds"])),
        ("Optimizer steps", count(train["steps"])),
        ("Samples seen", count(train["samples"])),
        ("Peak memory", size(train["peak_memory_bytes"])),
        ("Adapter size", size(adapter["bytes"])),
        ("Trained parameters", count(adapter["parameters"])),
        ("Base parameters", count(base["parameters"])),
    ]
    if adapter["parameters"] and base["parameters"]:
        facts.append(
            ("Trained share", f"{100 * adapter['parameters'] / base['parameters']:.2g}% of the base")
        )
    if train["seconds"] and train["samples"]:
        facts.append(("Speed", f"{train['samples'] / train['seconds']:.3g} samples per second"))
    known = {"seconds", "steps", "samples", "tokens_rendered", "tokens_computed", "peak_memory_bytes"}
    facts += [(tables.words(k), tables.cell_text(v)) for k, v in train.items() if k not in known]
    return facts


def provenance(report: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Name and value of what is needed to do it again."""
    data, base, versions = report["data"], report["base"], report["versions"]
    pairs = [("Seed", str(report["seed"])), ("Data sha256", str(data["sha256"]))]
    pairs += [(f"Base {k}", tables.cell_text(v)) for k, v in base.items() if k != "parameters"]
    items = versions.items() if isinstance(versions, Mapping) else [("Versions", versions)]
    pairs += [(str(k), tables.cell_text(v)) for k, v in items]
    return [*pairs, ("Report schema", str(report["schema_version"]))]


def points(value: float, scale: float = 1) -> str:
    """A metric on a scale of 0 to 100."""
    return f"{100 * value / scale:.1f}"


def signed(value: float, scale: float = 1) -> str:
    """A difference on a scale of 0 to 100, with its sign."""
    text = f"{100 * value / scale:+.1f}"
    return "0.0" if text in ("+0.0", "-0.0") else text.replace("-", "−")


def decimal(value: float) -> str:
    """Two decimals and a real minus sign."""
    return f"{value:.2f}".replace("-0.00", "0.00").replace("-", "−")


def size(value: float | None) -> str:
    """Bytes in words."""
    if value is None:
        return "not measured"
    for unit in ("B", "KB", "MB", "GB"):
        if value < 1000 or unit == "GB":
            break
        value /= 1000
    return f"{value:.0f} {unit}" if unit == "B" else f"{value:.3g} {unit}"


def duration(seconds: float | None) -> str:
    """Seconds in words."""
    if seconds is None:
        return "not measured"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def count(value: float | None) -> str:
    """A count with thousands separators, from a million on in millions."""
    if value is None:
        return "not counted"
    return f"{value / 1e6:,.3g} million" if abs(value) >= 1e6 else f"{value:,.0f}"


def lang(text: str) -> Markup:
    """The ``lang`` attribute of a text, so that Chinese gets Chinese glyphs and line breaks."""
    return Markup(' lang="zh-Hans"') if has_han(text) else Markup("")
