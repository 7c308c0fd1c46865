"""``weitiao data split``: a file as train, dev and test, or as folds."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from weitiao.cli import shell
from weitiao.errors import ConfigError

if TYPE_CHECKING:
    from weitiao.config import SplitConfig
    from weitiao.data.split_file import SplitFile

_SHOWN = 30


class Way(StrEnum):
    """What decides."""

    hash = "hash"
    stratified = "stratified"
    time = "time"


def _column(name: str, text: str) -> Any:
    return typer.Option(f"--{name}", metavar="COLUMN", help=text)


def _from(part: str) -> Any:
    return typer.Option(f"--{part}-from", metavar="TIME", help=f"The {part} part begins here.")


File = Annotated[Path, typer.Argument(metavar="FILE", help="json, jsonl, csv, tsv, xlsx or parquet.")]
Out = Annotated[Path, typer.Option("--out", metavar="DIR", help="New folder, or an earlier split.")]
Ratio = Annotated[
    str | None, typer.Option("--ratio", help="Train, dev, test: 8:1:1 (default), 70/15/15, 4:0:1.")
]
By = Annotated[
    Way | None,
    typer.Option("--by", help="Default: stratified with --stratify, time with --time, else hash."),
]
Prompt = Annotated[
    str | None,
    _column("prompt", "Equal values stay in one part. Default: a column such as prompt, question, text."),
]
Group = Annotated[
    str | None, _column("group", "So do equal values of this column, or template over the columns.")
]
Near = Annotated[
    float | None,
    typer.Option("--near", metavar="SHARE", help="So do prompts that are at least so similar; 0.8 is usual."),
]
Keep = Annotated[
    Path | None,
    typer.Option("--keep", metavar="DIR", help="An earlier split, whose rows stay in their parts."),
]
Exact = Annotated[
    bool,
    typer.Option(
        "--exact", help="Meet the shares as nearly as groups allow; rows added later may then move."
    ),
]
Folds = Annotated[
    int | None, typer.Option("--folds", metavar="K", help="K files of folds instead of three parts.")
]


def split(
    context: typer.Context,
    file: File,
    out: Out,
    ratio: Ratio = None,
    by: By = None,
    prompt: Prompt = None,
    group: Group = None,
    near: Near = None,
    stratify: Annotated[str | None, _column("stratify", "The class: every one is in every part.")] = None,
    time: Annotated[str | None, _column("time", "The time: the newest rows are the test part.")] = None,
    dev_from: Annotated[str | None, _from("dev")] = None,
    test_from: Annotated[str | None, _from("test")] = None,
    keep: Keep = None,
    folds: Folds = None,
    exact: Exact = False,
    sheet: Annotated[str | None, typer.Option("--sheet", help="Sheet of a workbook, `*` for all.")] = None,
    seed: Annotated[int, typer.Option("--seed", help="Of the split.")] = 7,
) -> None:
    """Split a file into train, dev and test in which no prompt and no group stands twice; rows keep their columns.

    The options are those of `data.split` in a recipe.
    """
    from weitiao.config import Source
    from weitiao.data.split_file import split_file

    way = by.value if by is not None else "stratified" if stratify else "time" if time else "hash"
    given = {"by": way, "ratio": ratio, "group": group, "near": near, "stratify": stratify, "time": time}
    given |= {"dev_from": dev_from, "test_from": test_from, "keep": keep and str(keep)}
    config = _config({**given, "folds": folds, "exact": exact, "seed": seed})
    with shell.of(context).progress().status("reading") as status:
        done = split_file(
            Source(file=str(file), sheet=sheet),
            out,
            config,
            prompt=prompt,
            progress=lambda rows: status.update(f"{rows:,} rows") if rows % 1000 == 0 else None,
        )
    shell.output().print("\n".join(_told(done, out)), soft_wrap=True, highlight=False, markup=False)
    shell.print_notes(done.notes)


def _told(done: SplitFile, out: Path) -> list[str]:
    """Rows of each part, of each class in them, and what stayed together."""
    lines = [f"{', '.join(f'{name} {rows:,}' for name, rows in done.parts.items())} -> {out}"]
    same = [f"`{name}`" for name in (done.prompt, done.facts.get("group")) if name is not None]
    what = f"rows with the same {' or '.join(same)}" if same else "only equal rows"
    lines.append(f"  {what} stay together{'' if done.prompt else ' (`--prompt` names a column)'}")
    classes = done.facts.get("classes", {}) if "folds" not in done.facts else {}
    for label, rows in list(classes.items())[:_SHOWN]:
        lines.append(
            f"  {label or '(empty)'}: {', '.join(f'{name} {count:,}' for name, count in rows.items())}"
        )
    if len(classes) > _SHOWN:
        lines.append(f"  ... and {len(classes) - _SHOWN:,} classes more")
    lines += [f"  {name} {done.facts[name]}" for name in ("dev_from", "test_from") if name in done.facts]
    return lines + [f"warning: {warning}" for warning in done.warnings]


def _config(given: dict[str, Any]) -> SplitConfig:
    """The settings, with what is wrong about them in the words of the command line."""
    from pydantic import ValidationError

    from weitiao.config import SplitConfig

    try:
        return SplitConfig.model_validate({name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        found = [
            ": ".join(
                [*(f"--{part}" for part in fault["loc"][:1]), fault["msg"].removeprefix("Value error, ")]
            )
            for fault in error.errors(include_url=False)
        ]
        raise ConfigError("; ".join(found), remedy="see `weitiao data split --help`") from None
