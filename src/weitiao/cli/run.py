"""``weitiao run``: the whole way from a recipe to a report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from weitiao.cli import shell
from weitiao.cli.numbers import difference_cell, estimate_cell
from weitiao.cli.options import Out, RecipePath, Resume, Sets
from weitiao.cli.robustness import print_robustness

Folds = Annotated[
    int | None,
    typer.Option(
        "--folds",
        metavar="K",
        min=2,
        help="Train and measure K times, each row tested once; over data.split.folds. Default: as the recipe says.",
    ),
]


def run(
    context: typer.Context,
    recipe: RecipePath,
    out: Out,
    sets: Sets = None,
    resume: Resume = False,
    folds: Folds = None,
) -> None:
    """Prepare the data, train, and measure before and after, as the recipe says."""
    import weitiao

    here = shell.of(context)
    here.resumable("run", recipe, out, sets or (), ["--folds", str(folds)] if folds is not None else [])
    with here.loading():
        run_recipe = weitiao.run
    result = run_recipe(
        recipe, out=out, sets=tuple(sets or ()), resume=resume, folds=folds, console=here.progress()
    )
    print_report(result.report, said=result.said)
    if result.report.get("robustness"):
        print_robustness(result.report["robustness"])
    console = shell.output()
    if "folds" in result.report:
        print_folds(result.report)
        console.print(f"folds    {result.out / 'fold-*'}", soft_wrap=True, highlight=False)
    else:
        console.print(f"adapter  {result.out / 'adapter'}", soft_wrap=True, highlight=False)
    console.print(f"report   {result.out / 'report.html'}", soft_wrap=True, highlight=False)


def print_report(report: dict[str, Any], part: str = "test", *, said: Sequence[str] = ()) -> None:
    """Print the table of metrics before and after, with their 95% intervals.

    Args:
        report: What ``report.json`` holds.
        part: Which part was measured.
        said: Notes that the user has read already.
    """
    from rich.table import Table

    metrics = report.get("metrics") or {}
    before = (metrics.get("before") or {}).get(part) or {}
    after = (metrics.get("after") or {}).get(part) or {}
    names = list(dict.fromkeys([*after, *before]))
    if not names:
        shell.output().print("no metrics: there are no test samples")
        return
    counts = {number["n"] for number in [*before.values(), *after.values()]}
    samples = f" ({counts.pop():,} samples)" if len(counts) == 1 else ""
    table = Table(
        title=f"{part}{samples}, 95% interval in brackets", title_justify="left", title_style="bold"
    )
    table.add_column("metric")
    for column in ("before", "after"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("change", justify="right", no_wrap=True)
    for name in names:
        table.add_row(name, _cell(before.get(name)), _cell(after.get(name)), _change(metrics, part, name))
    shell.output().print(table)
    shell.print_notes(n for n in report.get("notes") or () if n not in said)


def print_folds(report: dict[str, Any]) -> None:
    """Print every metric fold by fold, with mean and standard deviation."""
    from rich.table import Table

    after = report["spread"].get("after", {})
    if not after:
        return
    table = Table(title="after tuning, by fold", title_justify="left", title_style="bold")
    table.add_column("metric")
    for fold in report["folds"]:
        table.add_column(str(fold["fold"]), justify="right", no_wrap=True)
    table.add_column("mean", justify="right", no_wrap=True)
    table.add_column("sd", justify="right", no_wrap=True)
    for name, found in after.items():
        values = ["-" if value is None else f"{value:.3f}" for value in found["values"]]
        table.add_row(name, *values, f"{found['mean']:.3f}", f"{found['sd']:.3f}")
    shell.output().print(table)


def _cell(number: dict[str, float] | None) -> str:
    return "-" if number is None else estimate_cell(number)


def _change(metrics: dict[str, Any], part: str, name: str) -> str:
    """The paired difference, nothing where there is none."""
    number = ((metrics.get("difference") or {}).get(part) or {}).get(name)
    return "" if number is None else difference_cell(number)
