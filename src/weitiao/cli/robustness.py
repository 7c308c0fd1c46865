"""``weitiao robustness``: finished runs under the mistakes of a speech recogniser."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from weitiao.cli import shell
from weitiao.cli.numbers import difference_cell, estimate_cell
from weitiao.cli.options import AsJson, Base, Sets
from weitiao.errors import ConfigError

Runs = Annotated[
    list[Path],
    typer.Argument(metavar="RUN...", help="Run or adapter folders; the first against each other one."),
]
Data = Annotated[Path, typer.Option("--data", metavar="RECIPE", help="Recipe whose test part is damaged.")]
NewFolder = Annotated[
    Path | None, typer.Option("--out", metavar="DIR", help="Empty folder for numbers, page and answers.")
]
Rates = Annotated[
    list[str] | None,
    typer.Option(
        "--cer",
        metavar="RATES",
        help="Character error rates, several or with commas. Default: evaluate.robustness of the recipe.",
    ),
]
Column = Annotated[
    str | None, typer.Option("--column", help="Column that is damaged. Default: that of the recipe.")
]
Metric = Annotated[
    str | None,
    typer.Option("--metric", help="Shown: exact, bleu, rouge, accuracy. Default: that of the recipe."),
]
Limit = Annotated[
    int | None,
    typer.Option("--limit", metavar="N", min=1, help="Test samples at most. Default: that of the recipe."),
]


def robustness(
    context: typer.Context,
    runs: Runs,
    data: Data,
    out: NewFolder = None,
    cer: Rates = None,
    column: Column = None,
    metric: Metric = None,
    limit: Limit = None,
    base: Base = None,
    sets: Sets = None,
    as_json: AsJson = False,
) -> None:
    """Measure finished runs on damaged test prompts, the same for all, at rising error rates."""
    import weitiao

    here = shell.of(context)
    with here.loading():
        compare_robustness = weitiao.compare_robustness
    report = compare_robustness(
        runs,
        data,
        out=out,
        sets=tuple(sets or ()),
        cer=_rates(cer) if cer else None,
        column=column,
        metric=metric,
        limit=limit,
        base=base,
        console=here.progress(),
    )
    if as_json:
        shell.print_json(report)
        return
    print_robustness(report["robustness"])
    shell.print_notes([*report["notes"], *report["robustness"]["notes"]])
    if out is not None:
        shell.output().print(
            f"report   {out / 'robustness.html'}", soft_wrap=True, highlight=False, markup=False
        )


def print_robustness(section: Mapping[str, Any]) -> None:
    """Print the curve as a table: a row for each rate, a column for each model.

    Args:
        section: ``robustness`` of a report.
    """
    from rich.markup import escape
    from rich.table import Table

    metric = section["metric"]
    title = f"{metric} under noise ({section['n']:,} samples), 95% interval in brackets"
    table = Table(title=title, title_justify="left", title_style="bold")
    table.add_column("wrong characters", justify="right", no_wrap=True)
    for curve in section["curves"]:
        table.add_column(escape(curve["name"]), justify="right", no_wrap=True)
    for gain in section["differences"]:
        table.add_column(escape(f"{gain['name']} - {gain['less']}"), justify="right", no_wrap=True)
    for k, rate in enumerate(section["rates"]):
        values = [estimate_cell(curve["points"][k][metric]) for curve in section["curves"]]
        gains = [difference_cell(gain["points"][k][metric]) for gain in section["differences"]]
        table.add_row(f"{100 * rate['cer']:.1f}%", *values, *gains)
    shell.output().print(table)


def _rates(given: list[str]) -> tuple[float, ...]:
    """``0,0.05`` as numbers."""
    found = []
    for word in (word.strip() for text in given for word in text.split(",")):
        try:
            found.append(float(word))
        except ValueError:
            raise ConfigError(
                f"--cer: expected numbers between 0 and 0.5, got {word!r}",
                remedy="write --cer 0,0.05,0.1,0.2",
            ) from None
    return tuple(found)
