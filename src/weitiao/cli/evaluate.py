"""``weitiao eval``: measure an adapter on other data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from weitiao.cli import shell
from weitiao.cli.options import AdapterDir, AsJson, Base
from weitiao.cli.run import print_report


def evaluate(
    context: typer.Context,
    adapter: AdapterDir,
    data: Annotated[Path, typer.Option("--data", metavar="FILE", help="Prompts with reference answers.")],
    prompt: Annotated[
        str | None, typer.Option("--prompt", help="Column or template. Default: as trained.")
    ] = None,
    response: Annotated[
        str | None, typer.Option("--response", help="Column or template. Default: as trained.")
    ] = None,
    metrics: Annotated[
        list[str] | None,
        typer.Option("--metrics", help="exact, bleu, rouge, accuracy; several or with commas."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Write predictions and a report there.")
    ] = None,
    base: Base = None,
    as_json: AsJson = False,
    no_before: Annotated[bool, typer.Option("--no-before", help="Do not measure the base.")] = False,
) -> None:
    """Measure an adapter on a file, against its base with the full prompt."""
    import weitiao

    names = [name.strip() for given in metrics or () for name in given.split(",") if name.strip()]
    here = shell.of(context)
    with here.loading():
        evaluate_adapter = weitiao.evaluate_adapter
    report = evaluate_adapter(
        adapter,
        data,
        prompt=prompt,
        response=response,
        metrics=tuple(names) or None,
        before=not no_before,
        out=out,
        base=base,
        console=here.progress(),
    )
    if as_json:
        shell.print_json(report)
        return
    print_report(report)
    if out is not None:
        shell.output().print(f"report   {out / 'report.html'}", soft_wrap=True, highlight=False)
