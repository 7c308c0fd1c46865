"""Quality against error rate: the same test prompts, damaged more and more, answered by one model or several.

Legend: N samples, E error rates, M models.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from markupsafe import Markup

from weitiao.evaluate.bootstrap import estimate, group_notes, resample
from weitiao.evaluate.charts import STYLES, Series, line_chart
from weitiao.evaluate.closed_set import find_closed_set
from weitiao.evaluate.metrics import METRICS, TITLES, Title
from weitiao.evaluate.score import measure
from weitiao.evaluate.tables import words
from weitiao.types import Estimate


@dataclass(frozen=True)
class Rate:
    """One error rate.

    Attributes:
        target: Character error rate that was asked for.
        cer: Measured: edits over characters of the damaged texts.
        changed: Samples whose prompt is another than at rate 0.
    """

    target: float
    cer: float
    changed: int


def curves(
    answers: Mapping[str, Sequence[Sequence[str]]],
    references: Sequence[str],
    rates: Sequence[Rate],
    *,
    metrics: Sequence[str],
    metric: str | None = None,
    bootstrap: int = 1000,
    seed: int = 0,
    groups: Sequence[str] | None = None,
) -> dict[str, Any]:
    """Score the answers of all models at all rates on the same resamples.

    Args:
        answers: [E][N] answers of each of M models by name, the one the report is about first.
        references: [N].
        rates: [E].
        metrics: As in `weitiao.evaluate.score.score`.
        metric: Which of them is drawn. Default: the first that applies.
        bootstrap: Resamples of every 95% interval.
        seed: Of the resamples.
        groups: [N] samples of one group are drawn together; None: every sample stands for itself.

    Returns:
        Section ``robustness`` of ``report.json``: ``metric`` (name of the value that is drawn), ``n``, ``rates``,
        ``curves`` (``name`` and the estimates by name at each rate), ``differences`` (the first model less each
        other one, paired on the samples) and ``notes`` about the intervals.

    Raises:
        DataError: There is no sample.
        ValueError: No metric applies, or lists of different lengths.
    """
    named = [metric, *metrics] if metric else metrics
    asked = tuple(dict.fromkeys(named))
    closed = find_closed_set(references)
    measured = [measure(a, references, asked, closed) for found in answers.values() for a in found]
    every = [m for each in measured for m in each]
    draws = resample(every, resamples=bootstrap, seed=seed, groups=groups)
    if not draws:
        raise ValueError(f"none of {', '.join(asked)} applies to these references: {closed.reason}")
    per, n = len(measured[0]), len(references)
    values = [{k: v for m in each for k, v in m.values().items()} for each in measured]
    drawn = [
        {k: v for m in draws[per * place : per * (place + 1)] for k, v in m.items()}
        for place in range(len(measured))
    ]

    def points(model: int, less: int | None = None) -> list[dict[str, Any]]:
        found = []
        for k in range(len(rates)):
            here, other = model * len(rates) + k, None if less is None else less * len(rates) + k
            found.append(
                {
                    name: estimate(
                        value - (0.0 if other is None else values[other][name]),
                        drawn[here][name] - (0.0 if other is None else drawn[other][name]),
                        n,
                    ).as_dict()
                    for name, value in values[here].items()
                }
            )
        return found

    names = list(answers)
    return {
        "metric": _drawn(metric, list(values[0])),
        "n": n,
        "rates": [asdict(rate) for rate in rates],
        "curves": [{"name": name, "points": points(k)} for k, name in enumerate(names)],
        "differences": [
            {"name": names[0], "less": name, "points": points(0, k)} for k, name in enumerate(names) if k
        ],
        "notes": list(group_notes(groups)),
    }


def applies(metric: str, references: Sequence[str]) -> str:
    """Why a metric has no value on these references; empty where it has one."""
    closed = find_closed_set(references)
    return closed.reason if metric == "accuracy" and not closed else ""


def _drawn(metric: str | None, names: Sequence[str]) -> str:
    """The first value of the metric, e.g. ``bleu_char`` of bleu."""
    of_metric = METRICS[metric].NAMES if metric else ()
    return next((name for name in of_metric if name in names), names[0])


@dataclass(frozen=True)
class View:
    """What the section of a page shows.

    Attributes:
        title: Of the metric that is drawn.
        headline: What the curve says, computed from the numbers.
        chart: The curve.
        series: Its lines, for the legend.
        rows: One for each rate: the rate, a cell for each model, the differences.
        heads: Names of the columns of the models.
        less: Names of the models whose values are taken off in the columns of differences.
        n: Samples.
        notes: What the intervals are about.
    """

    title: Title
    headline: str
    chart: Markup | None
    series: Sequence[Series]
    rows: Sequence[Mapping[str, Any]]
    heads: Sequence[str]
    less: Sequence[str]
    n: int
    notes: Sequence[str]


def view(section: Mapping[str, Any]) -> View:
    """The section ``robustness`` of a report as it is shown."""
    metric = section["metric"]
    title = TITLES.get(metric, Title(words(metric), 1, ""))
    rates, factor = section["rates"], 100 / title.scale
    cers = [100 * rate["cer"] for rate in rates]
    found = [[Estimate(**point[metric]) for point in curve["points"]] for curve in section["curves"]]
    gains = [[Estimate(**point[metric]) for point in d["points"]] for d in section["differences"]]
    series = [
        Series(
            curve["name"],
            [(x, factor * e.value) for x, e in zip(cers, estimates, strict=True)],
            STYLES[k % len(STYLES)],
            dots=True,
            band=[(factor * e.low, factor * e.high) for e in estimates],
        )
        for k, (curve, estimates) in enumerate(zip(section["curves"], found, strict=True))
    ]
    rows = [
        {
            "rate": rate,
            "values": [estimates[k] for estimates in found],
            "gains": [(gain[k], _side(gain[k])) for gain in gains],
        }
        for k, rate in enumerate(rates)
    ]
    return View(
        title,
        _headline(section, title, found, gains),
        line_chart(series, x_label="measured character error rate, %", y_label=title.title, y_from_zero=True),
        series,
        rows,
        [curve["name"] for curve in section["curves"]],
        [d["less"] for d in section["differences"]],
        section["n"],
        section.get("notes", ()),
    )


def _side(gain: Estimate) -> str:
    return "better" if gain.low > 0 else "worse" if gain.high < 0 else "unclear"


def _headline(
    section: Mapping[str, Any],
    title: Title,
    found: Sequence[Sequence[Estimate]],
    gains: Sequence[Sequence[Estimate]],
) -> str:
    """From the first rate to the last, and against the other model where there is one."""
    factor, rates = 100 / title.scale, section["rates"]
    first, last = rates[0]["cer"], rates[-1]["cer"]
    ends = [
        f"{curve['name']} goes from {factor * e[0].value:.1f} to {factor * e[-1].value:.1f}"
        for curve, e in zip(section["curves"], found, strict=True)
    ]
    name = title.title if title.title[:4] in ("BLEU", "ROUG") else title.title[:1].lower() + title.title[1:]
    if len(rates) == 1:
        told = [
            f"{c['name']} has {factor * e[0].value:.1f}"
            for c, e in zip(section["curves"], found, strict=True)
        ]
        said = f"With {100 * first:.1f}% of the characters wrong, {name}: {', '.join(told)}."
    else:
        said = f"From {100 * first:.1f}% to {100 * last:.1f}% wrong characters, {name}: {', '.join(ends)}."
    if len(gains) != 1:
        return said
    gain, less = gains[0][-1], section["differences"][0]["less"]
    clear = {"better": "clearly above", "worse": "clearly below", "unclear": "not clearly different from"}
    return (
        f"{said} At the last rate {section['curves'][0]['name']} is {clear[_side(gain)]} {less} "
        f"({factor * gain.value:+.1f} points, 95% interval {factor * gain.low:+.1f} to {factor * gain.high:+.1f})."
    )
