"""``weitiao data check``: what is wrong with the data of a recipe, with bare files, or with a prepared data set."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from weitiao.cli import shell
from weitiao.cli.options import Sets
from weitiao.errors import ConfigError

if TYPE_CHECKING:
    from weitiao.data.check import Options

Entities = Annotated[
    Path | None,
    typer.Option("--entities", metavar="FILE", help="Names to take out of templates, one a line."),
]
Vocabularies = Annotated[
    list[str] | None,
    typer.Option("--vocabulary", metavar="SLOT=FILE", help="Allowed values of a slot or column, one a line."),
]
Against = Annotated[
    list[str] | None,
    typer.Option("--against", metavar="FILE", help="A file whose prompts may not stand in the others."),
]
_COLOURS = {"serious": "bold red", "warning": "yellow", "note": "blue"}


def check(
    context: typer.Context,
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="RECIPE | FOLDER | FILE...",
            help="A recipe (YAML), the folder of a prepared data set, or files of records.",
        ),
    ],
    prompt: Annotated[str | None, typer.Option("--prompt", help="Of bare files: column or template.")] = None,
    response: Annotated[
        str | None, typer.Option("--response", help="Of bare files: column or template.")
    ] = None,
    sheet: Annotated[
        str | None, typer.Option("--sheet", help="Of bare files: sheet of a workbook, `*` for all.")
    ] = None,
    against: Against = None,
    entities: Entities = None,
    vocabulary: Vocabularies = None,
    database: Annotated[
        Path | None,
        typer.Option("--database", metavar="FILE", help="SQLite file that SQL targets are run on."),
    ] = None,
    tokens: Annotated[
        bool, typer.Option("--tokens", help="Count the tokens of samples with the recipe's base (loads it).")
    ] = False,
    after: Annotated[
        bool,
        typer.Option(
            "--after", help="Check what the recipe's repairs and steps make of the rows, not the rows."
        ),
    ] = False,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Folder for check.json and check.html.")
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit code 1 when something is serious.")] = False,
    sets: Sets = None,
) -> None:
    """Find duplicates, contradictions, leaks, typos, give-away features and more; nothing is changed."""
    from weitiao.pipeline.data import check_data

    options = _options(entities, vocabulary or (), database)
    given = {"prompt": prompt, "response": response, "sheet": sheet}
    run = partial(check_data, files, **given, against=against or (), options=options)
    report = _with_bar(context, partial(run, tokens=tokens, after=after, sets=sets or (), out=out))
    _show(report)
    if out is not None:
        shell.output().print(
            f"-> {out / 'check.json'}, {out / 'check.html'}", soft_wrap=True, highlight=False
        )
    if strict and report["severities"]["serious"]:
        raise typer.Exit(1)


def _with_bar(context: typer.Context, run: Callable[..., dict[str, Any]]) -> dict[str, Any]:
    from rich.progress import Progress

    with Progress(console=shell.of(context).progress(), transient=True) as bar:
        task = bar.add_task("checking", total=None)

        def show(name: str, number: int, total: int) -> None:
            bar.update(task, description=name, completed=number, total=total)

        return run(progress=show)


def _options(entities: Path | None, vocabulary: Sequence[str], database: Path | None) -> Options:
    from weitiao.data.check import Options
    from weitiao.data.check.sql import Database
    from weitiao.data.mask import Vocabulary

    if database is not None:
        Database(database).schema()  # said at once, not only where there are statements
    return Options(
        entities=None if entities is None else Vocabulary(_terms(entities, "--entities")),
        vocabularies=_vocabularies(vocabulary),
        database=database,
    )


def _vocabularies(given: Sequence[str]) -> dict[str, frozenset[str]]:
    result: dict[str, frozenset[str]] = {}
    for entry in given:
        slot, equals, file = entry.partition("=")
        if not equals or not slot:
            raise ConfigError(
                f"--vocabulary {entry}: expected SLOT=FILE",
                remedy="for instance --vocabulary facilities=facilities.txt",
            )
        result[slot] = _terms(Path(file).expanduser(), f"--vocabulary {entry}")
    return result


def _terms(path: Path, option: str) -> frozenset[str]:
    """The lines of a text file without empty ones."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{option}: {path} cannot be read as UTF-8 text: {error}",
            remedy="name a text file with one term a line",
        ) from error
    terms = frozenset(line.strip() for line in lines if line.strip())
    if not terms:
        raise ConfigError(f"{option}: {path} has no terms in it", remedy="one term a line")
    return terms


def _show(report: Mapping[str, Any]) -> None:
    from weitiao.data.check.finding import many

    console = shell.output()
    console.print(f"{many(report['rows'], 'row')}, {many(report['samples'], 'sample')}", highlight=False)
    if not report["samples"]:
        console.print("no samples: say what prompt and response are (--prompt, --response) for more checks")
    for finding in report["findings"]:
        console.print(f"{finding['severity']:8}", style=_COLOURS[finding["severity"]], end="")
        console.print(
            f" {finding['code']}: {finding['title']}", markup=False, highlight=False, soft_wrap=True
        )
        if finding["severity"] != "note":
            for line, style in _details(finding):
                console.print(f"         {line}", markup=False, highlight=False, soft_wrap=True, style=style)
            if finding["code"] == "prompt_sharing":
                recipe = finding["examples"][0]["recipe"]
                console.print(recipe, markup=False, highlight=False, soft_wrap=True, end="")
    counts = report["severities"]
    console.print(", ".join(f"{counts[severity]} {severity}" for severity in _COLOURS), highlight=False)


def _details(finding: Mapping[str, Any]) -> Iterator[tuple[str, str | None]]:
    """Under a title: the first rows, the first example, the fix."""
    from weitiao.data.check.writing import example_line, places

    if finding["rows"]:
        yield places(finding["rows"]), "dim"
    if finding["examples"] and (line := example_line(finding["examples"][0])):
        yield f"e.g. {line}", "dim"
    yield f"-> {finding['fix']}", None
