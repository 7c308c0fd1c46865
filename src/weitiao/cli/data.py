"""``weitiao data``: look at the samples of a recipe, or write its dataset."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from weitiao.cli import (
    data_augment,
    data_balance,
    data_check,
    data_diff,
    data_exam,
    data_expand,
    data_export,
    data_noise,
    data_split,
    data_suspects,
    data_templates,
    shell,
)
from weitiao.cli.options import Out, RecipePath, Sets
from weitiao.data.whole import write_whole
from weitiao.errors import ConfigError

app = typer.Typer(no_args_is_help=True, help="Check, repair, split, balance, make and exchange data.")


app.command("check")(data_check.check)


class Part(StrEnum):
    """Part of a dataset."""

    train = "train"
    dev = "dev"
    test = "test"


@app.command("show")
def show(
    context: typer.Context,
    recipe: RecipePath,
    number: Annotated[int, typer.Option("-n", min=1, help="How many samples.")] = 3,
    part: Annotated[Part, typer.Option("--part", help="Which part.")] = Part.train,
    plain: Annotated[bool, typer.Option("--plain", help="Text with marks instead of colours.")] = False,
    ids: Annotated[bool, typer.Option("--ids", help="Token ids too.")] = False,
    html: Annotated[
        Path | None, typer.Option("--html", help="Write a page to this file instead.", dir_okay=False)
    ] = None,
    sets: Sets = None,
) -> None:
    """Show samples token by token as the model sees them, what is learnt in colour."""
    import weitiao
    from weitiao.chat import show as coloured
    from weitiao.chat import show_html, show_plain

    with shell.of(context).loading():
        preview = weitiao.preview
    samples, chat_format = preview(recipe, sets=tuple(sets or ()), part=part.value, n=number)
    console = shell.output()
    if html is not None:
        text = show_html(samples, chat_format, title=f"{Path(recipe).name}, {part.value}")
        _write(html, text)
        console.print(f"{len(samples)} samples -> {html}", soft_wrap=True, highlight=False)
        return
    if not samples:
        console.print(f"the {part.value} part is empty")
    for index, (example, rendered) in enumerate(samples, start=1):
        head = f"{part.value} {index}  {example.id}"
        console.print(head + (f"  ({example.origin})" if example.origin else ""), style="bold", markup=False)
        if plain:
            typer.echo(show_plain(rendered, chat_format, ids=ids))
        else:
            console.print(coloured(rendered, chat_format, ids=ids))
        console.print()


def _write(path: Path, text: str) -> None:
    try:
        write_whole(path, [text])
    except OSError as error:
        raise ConfigError(
            f"--html: {path} cannot be written: {error.strerror or error}", remedy="choose another file"
        ) from error


@app.command("prepare")
def prepare(context: typer.Context, recipe: RecipePath, out: Out, sets: Sets = None) -> None:
    """Write the dataset of a recipe (train, dev, test and the card); the base is loaded only if a step needs it."""
    from weitiao.pipeline.data import prepare_data

    with shell.of(context).progress().status("reading") as status:
        dataset = prepare_data(recipe, out=out, sets=tuple(sets or ()), progress=_Pace(status.update))
    say = partial(shell.output().print, soft_wrap=True, highlight=False, markup=False)
    counts = ", ".join(f"{name} {len(getattr(dataset, name)):,}" for name in ("train", "dev", "test"))
    say(f"{counts} -> {out}")
    for line in _notes(dataset.card):
        say(f"  {line}")


class _Pace:
    """Progress of a stage as a line: rows so far, and rows a second.

    Args:
        show: Takes the line.
    """

    def __init__(self, show: Callable[[str], None]) -> None:
        self._show = show
        self._stage = ""
        self._begin = 0.0

    def __call__(self, stage: str, rows: int) -> None:
        if stage != self._stage:
            self._stage, self._begin = stage, time.monotonic()
        seconds = time.monotonic() - self._begin
        pace = f", {rows / seconds:,.0f} a second" if seconds > 1 else ""
        self._show(f"{stage}: {rows:,}{pace}" if rows else stage)


def _notes(card: Mapping[str, Any]) -> list[str]:
    """What the card warns of, which licences are not stated, and what the checks have found."""
    lines = [f"warning: {warning}" for warning in card["warnings"]]
    unknown = card["licences"]["not_stated"]
    if unknown:
        more = ", ..." if len(unknown) > 3 else ""
        lines.append(f"no licence is stated for {', '.join(unknown[:3])}{more} (`licence` in a source)")
    checks = card["checks"]
    if "skipped" in checks:
        return [*lines, f"{checks['skipped']}; `weitiao data check` does it"]
    counts = ", ".join(f"{checks[name]} {name}" for name in ("serious", "warning", "note"))
    if any(str(step["name"]).startswith("fix.") for step in card["steps"]):
        shown = "in the files, before repairs; `weitiao data check` shows them, with --after what is left"
        return [*lines, f"checks: {counts} {shown}"]
    return [*lines, f"checks: {counts}; `weitiao data check` shows them"]


app.command("augment")(data_augment.augment)
app.command("balance")(data_balance.balance)
app.command("split")(data_split.split)
app.command("exam")(data_exam.exam)
app.command("export")(data_export.export)
app.command("diff")(data_diff.diff)
app.command("expand")(data_expand.expand)
app.command("noise")(data_noise.noise)
app.command("templates")(data_templates.templates)
app.command("suspects")(data_suspects.suspects)
