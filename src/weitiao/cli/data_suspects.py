"""``weitiao data suspects``: rows that are probably labelled wrongly, by what training said about them."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from weitiao.cli import shell
from weitiao.cli.options import AsJson

if TYPE_CHECKING:
    from weitiao.evaluate.suspects import Suspects

_SHOWN = 60  # characters


class Order(StrEnum):
    """What suspects are ordered by."""

    suspicion = "suspicion"
    confidence = "confidence"
    variability = "variability"
    late_loss = "late-loss"


def suspects(
    context: typer.Context,
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run.")],
    number: Annotated[int, typer.Option("-n", min=1, help="How many suspects are listed.")] = 50,
    by: Annotated[
        Order,
        typer.Option(
            "--by", help="Order; suspicion: low confidence and a high loss in the last passes together."
        ),
    ] = Order.suspicion,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Folder of the files. Default: RUN/suspects.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the training rows that are probably labelled wrongly, with the rows that resemble them."""
    from weitiao.pipeline.suspects import FOLDER, write_suspects
    from weitiao.pipeline.suspects import suspects as find

    with shell.of(context).progress().status("looking for suspects"):
        found = find(run, limit=number, by=by.value.replace("-", "_"))  # type: ignore[arg-type]
    paths: tuple[Path, ...] = ()
    if out is not None or not as_json:
        with shell.of(context).progress().status("writing"):
            paths = write_suspects(found, out or run / FOLDER, title=run.resolve().name)
    if as_json:
        shell.print_json([suspect.as_dict() for suspect in found.found])
        return
    _show(found)
    shell.output().print(f"-> {', '.join(map(str, paths))}", soft_wrap=True, highlight=False)


def _show(found: Suspects) -> None:
    from rich.table import Table

    table = Table(
        title=f"{len(found.rows):,} training rows, {found.passes} {'pass' if found.passes == 1 else 'passes'}",
        title_justify="left",
    )
    for name in ("#", "confidence", "late loss"):
        table.add_column(name, justify="right", no_wrap=True)
    for name in ("row", "prompt", "answer", "answers of the nearest rows"):
        table.add_column(name, overflow="fold")
    for s in found.found[:20]:
        near = list(dict.fromkeys(n.row.answer for n in s.neighbours[:3]))
        table.add_row(
            str(s.rank),
            f"{s.confidence:.3f}",
            f"{s.late_loss:.2f}",
            *(_cell(text) for text in (s.row.origins[0], s.row.prompt, s.row.answer, " | ".join(near))),
        )
    console = shell.output()
    shell.print_notes(found.notes, console)
    console.print(table)
    if len(found.found) > 20:
        console.print(f"and {len(found.found) - 20} more", style="dim")
    if found.spikes:
        steps = ", ".join(str(spike.step.number) for spike in found.spikes)
        console.print(f"the loss stands out at step {steps}", highlight=False)


def _cell(text: str) -> str:
    from rich.markup import escape

    flat = " ".join(text.split())
    return escape(flat if len(flat) <= _SHOWN else f"{flat[: _SHOWN - 1]}…")
