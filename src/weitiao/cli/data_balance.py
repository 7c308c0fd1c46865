"""``weitiao data balance``: the classes of a file with as many rows as they should have."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from weitiao.cli import shell
from weitiao.errors import ConfigError

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
    from pydantic import ValidationError

    from weitiao.config import BalanceStep, Source
    from weitiao.data.balance_file import balance_file

    settings = {"by": by, "method": method.value, "target": _target(target), "seed": seed}
    try:
        config = BalanceStep.model_validate(
            {**settings, "max_repeat": max_repeat, "max_classes": max_classes}
        )
    except ValidationError as error:
        found = [_said(fault) for fault in error.errors(include_url=False)]
        raise ConfigError("; ".join(found), remedy="see `weitiao data balance --help`") from None
    with shell.of(context).progress().status("reading") as status:
        done = balance_file(
            Source(file=str(file), sheet=sheet),
            output,
            config,
            progress=lambda rows: status.update(f"{rows:,} rows") if rows % 1000 == 0 else None,
        )
    lines = [
        f"{done.rows:,} rows, {done.dropped:,} left out, {done.repeated:,} repeated: {done.written:,} -> {output}"
    ]
    for label, (before, after) in list(done.classes.items())[:_SHOWN]:
        lines.append(f"  {label or '(empty)'}: {before:,} -> {after:,}")
    if len(done.classes) > _SHOWN:
        lines.append(f"  ... and {len(done.classes) - _SHOWN:,} classes more")
    shell.output().print("\n".join(lines), soft_wrap=True, highlight=False, markup=False)


def _target(text: str | None) -> str | int | None:
    if text is None or text in ("max", "median", "min"):
        return text
    if text.isdecimal():
        return int(text)
    raise ConfigError(
        f"--target: expected a number, max, median or min, got {text!r}", remedy="write --target 200"
    )


def _said(fault: object) -> str:
    """One problem of the settings in the words of the command line."""
    found = dict(fault)  # type: ignore[call-overload]
    said = str(found["msg"]).removeprefix("Value error, ")
    name = next((str(part) for part in found["loc"]), "")
    for key in ("method", "target", "max_repeat"):
        said = said.replace(f"`{key}: ", f"`--{key.replace('_', '-')} ").replace(
            f"`{key}`", f"`--{key.replace('_', '-')}`"
        )
    return f"--{name.replace('_', '-')}: {said}" if name else said
