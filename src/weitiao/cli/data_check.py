"""``weitiao data check``: what is wrong with the data of a recipe, with bare files, or with a prepared data set."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from weitiao.cli import shell
from weitiao.cli.options import Sets
from weitiao.errors import ConfigError

if TYPE_CHECKING:
    from weitiao.data.check import Finding, Material, Options

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
_RECIPES = (".yaml", ".yml")


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
    from weitiao.data.check.writing import report_of

    options = _options(entities, vocabulary or (), database)
    if Path(files[0]).suffix.lower() in _RECIPES:
        _only_with_files(files, prompt, response)
        material = _of_recipe(Path(files[0]), sets or (), against or (), options, tokens=tokens, after=after)
    else:
        _only_with_recipe(sets, tokens, after)
        material = _of_files(files, prompt, response, against or (), options)
    findings = _run(context, material)
    report = report_of(material, findings)
    _show(report["rows"], report["samples"], findings)
    if out is not None:
        _write(report, files, out)
    if strict and report["severities"]["serious"]:
        raise typer.Exit(1)


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


def _of_recipe(
    path: Path, sets: Sequence[str], against: Sequence[str], options: Options, *, tokens: bool, after: bool
) -> Material:
    import dataclasses

    from weitiao.data.check import material_of, material_of_dataset
    from weitiao.recipe import load_recipe

    resolved = load_recipe(path, tuple(sets))
    if tokens:
        from weitiao.pipeline.opening import token_counter

        count, limit = token_counter(resolved)
        options = dataclasses.replace(options, count_tokens=count, max_length=limit)
    if after:
        if against:
            raise ConfigError("--against goes with files, not with --after", remedy="leave one of them out")
        from weitiao.data import prepare

        return material_of_dataset(prepare(resolved.value, root=resolved.root), options=options)
    extra = [str(Path(file).resolve()) for file in against]
    recipe = resolved.value
    return material_of(recipe.data, root=resolved.root, options=options, extra=extra, seed=recipe.seed)


def _of_files(
    files: Sequence[str],
    prompt: str | None,
    response: str | None,
    against: Sequence[str],
    options: Options,
) -> Material:
    """Bare files, or the folder of a prepared data set."""
    from weitiao.data.check import material_of_dataset, material_of_files

    if not Path(files[0]).is_dir():
        return material_of_files(
            files, root=Path(), prompt=prompt, response=response, against=against, options=options
        )
    from weitiao.data import load

    _only_with_files(files, prompt, response, what="a prepared data set")
    return material_of_dataset(load(Path(files[0])), options=options)


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


def _only_with_files(
    files: Sequence[str], prompt: str | None, response: str | None, *, what: str = "a recipe"
) -> None:
    if len(files) > 1 or prompt is not None or response is not None:
        raise ConfigError(
            f"{what} is checked alone: it says itself what its files, prompt and response are",
            remedy="leave out the other files, --prompt and --response"
            + ("; use --set to change values" if what == "a recipe" else ""),
        )


def _only_with_recipe(sets: Sequence[str] | None, tokens: bool, after: bool) -> None:
    given = [name for name, on in (("--set", sets), ("--tokens", tokens), ("--after", after)) if on]
    if given:
        raise ConfigError(
            f"{', '.join(given)}: options that need a recipe, none is named", remedy="name a recipe (.yaml)"
        )


def _run(context: typer.Context, material: Material) -> tuple[Finding, ...]:
    from rich.progress import Progress

    from weitiao.data.check import check as run_checks

    with Progress(console=shell.of(context).progress(), transient=True) as bar:
        task = bar.add_task("checking", total=None)
        return run_checks(
            material,
            progress=lambda name, number, total: bar.update(
                task, description=name, completed=number, total=total
            ),
        )


def _write(report: Mapping[str, Any], files: Sequence[str], out: Path) -> None:
    from weitiao.data.check.page import render
    from weitiao.data.check.writing import write

    written, page = write(report, render(report, title=f"Check of {', '.join(files)}"), out)
    shell.output().print(f"-> {written}, {page}", soft_wrap=True, highlight=False)


def _show(rows: int, samples: int, findings: Sequence[Finding]) -> None:
    from weitiao.data.check.finding import many

    console = shell.output()
    console.print(f"{many(rows, 'row')}, {many(samples, 'sample')}", highlight=False)
    if not samples:
        console.print("no samples: say what prompt and response are (--prompt, --response) for more checks")
    for finding in findings:
        console.print(f"{finding.severity:8}", style=_COLOURS[finding.severity], end="")
        console.print(f" {finding.code}: {finding.title}", markup=False, highlight=False, soft_wrap=True)
        if finding.severity != "note":
            for line, style in _details(finding):
                console.print(f"         {line}", markup=False, highlight=False, soft_wrap=True, style=style)
            if finding.code == "prompt_sharing":
                console.print(
                    finding.examples[0]["recipe"], markup=False, highlight=False, soft_wrap=True, end=""
                )
    counts = {severity: sum(f.severity == severity for f in findings) for severity in _COLOURS}
    console.print(", ".join(f"{n} {severity}" for severity, n in counts.items()), highlight=False)


def _details(finding: Finding) -> Iterator[tuple[str, str | None]]:
    """Under a title: the first rows, the first example, the fix."""
    from weitiao.data.check.writing import example_line, places

    if finding.rows:
        yield places(finding.rows), "dim"
    if finding.examples and (line := example_line(finding.examples[0])):
        yield f"e.g. {line}", "dim"
    yield f"-> {finding.fix}", None
