"""``weitiao data balance``: the classes of a file with as many rows as they should have."""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from weitiao.cli import shell
from weitiao.errors import ConfigError

if TYPE_CHECKING:
    from weitiao.config import BalanceStep
    from weitiao.data.balance_file import BalancedFile

_SHOWN = 30


class Method(StrEnum):
    """What is done to classes."""

    up = "up"
    down = "down"
    cap = "cap"


def balance(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="json, jsonl, csv, tsv, xlsx or parquet.")],
    by: Annotated[
        str,
        typer.Option("--by", metavar="COLUMN", help="Column of the class, or a template over the columns."),
    ],
    method: Annotated[
        Method,
        typer.Option(
            "--method", help="up: repeat rows; down: cut every class; cap: cut the large classes alone."
        ),
    ],
    output: Annotated[Path, typer.Option("--output", metavar="FILE", help="A .jsonl file.")],
    target: Annotated[
        str | None,
        typer.Option(
            "--target",
            metavar="ROWS",
            help="Rows of a class: a number, max, median or min. Default: max for up, min for down, median for cap.",
        ),
    ] = None,
    max_repeat: Annotated[
        int | None,
        typer.Option("--max-repeat", metavar="N", help="With up: a row stands there at most N times."),
    ] = None,
    max_classes: Annotated[
        int,
        typer.Option("--max-classes", metavar="N", help="More values than these are no classes: an error."),
    ] = 100,
    sheet: Annotated[
        str | None, typer.Option("--sheet", help="Sheet of an xlsx file. Default: the first.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the choice of rows.")] = 0,
) -> None:
    """Balance the classes of a file of training rows by repeating rows or leaving some out.

    For a file that is split later, use the step `balance` of a recipe: it comes after the split, so that no copy of a
    row falls into the test.
    """
    from weitiao.config import Source
    from weitiao.data.balance_file import balance_file
    from weitiao.data.lineage import write_lineage

    config = _config(by, method.value, target, seed, max_repeat, max_classes)
    with shell.of(context).progress().status("reading") as status:
        done = balance_file(
            Source(file=str(file), sheet=sheet),
            output,
            config,
            progress=lambda rows: status.update(f"{rows:,} rows") if rows % 1000 == 0 else None,
        )
    settings = config.model_dump(mode="json", exclude_unset=True) | {"sheet": sheet}
    write_lineage(output, "weitiao data balance", [(str(file), Path(file))], settings)
    shell.output().print("\n".join(_told(done, output)), soft_wrap=True, highlight=False, markup=False)
    shell.print_notes(done.notes)


def _told(done: BalancedFile, output: Path) -> list[str]:
    """What became of the rows, and of those of each class."""
    lines = [
        f"{done.rows:,} rows, {done.dropped:,} left out, {done.repeated:,} repeated: {done.written:,} -> {output}"
    ]
    for label, (before, after) in list(done.classes.items())[:_SHOWN]:
        lines.append(f"  {label or '(empty)'}: {before:,} -> {after:,}")
    if len(done.classes) > _SHOWN:
        lines.append(f"  ... and {len(done.classes) - _SHOWN:,} classes more")
    lines += [f"warning: {warning}" for warning in done.warnings]
    return lines


def _config(
    by: str, method: str, target: str | None, seed: int, max_repeat: int | None, max_classes: int
) -> BalanceStep:
    """The settings, with what is wrong about them in the words of the command line."""
    from pydantic import ValidationError

    from weitiao.config import BalanceStep

    settings = {"by": by, "method": method, "target": _target(target), "seed": seed}
    try:
        return BalanceStep.model_validate({**settings, "max_repeat": max_repeat, "max_classes": max_classes})
    except ValidationError as error:
        found = [_said(fault["msg"], fault["loc"]) for fault in error.errors(include_url=False)]
        raise ConfigError("; ".join(found), remedy="see `weitiao data balance --help`") from None


def _target(text: str | None) -> str | int | None:
    if text is None or text in ("max", "median", "min"):
        return text
    if text.isdecimal():
        return int(text)
    raise ConfigError(
        f"--target: expected a number, max, median or min, got {text!r}", remedy="write --target 200"
    )


def _said(message: str, place: Sequence[int | str]) -> str:
    """One problem of the settings in the words of the command line."""
    said = message.removeprefix("Value error, ")
    said = re.sub(r"`(method|target|max_repeat)(?:: (\w+))?`", _option, said)
    return f"{_option_name(str(place[0]))}: {said}" if place else said


def _option(named: re.Match[str]) -> str:
    return f"`{' '.join([_option_name(named[1]), *([named[2]] if named[2] else [])])}`"


def _option_name(key: str) -> str:
    return f"--{key.replace('_', '-')}"
