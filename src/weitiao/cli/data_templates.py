"""``weitiao data templates``: the prompts of the libraries."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from weitiao.cli import shell

if TYPE_CHECKING:
    from weitiao.config.library import PromptTemplate
    from weitiao.data.templates import Library


def templates(
    name: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="Show this one. Default: list all of them.")
    ] = None,
    language: Annotated[str | None, typer.Option("--language", help="Default: its first language.")] = None,
    version: Annotated[int | None, typer.Option("--version", min=1, help="Default: the newest.")] = None,
    file: Annotated[
        list[Path] | None, typer.Option("--file", help="A library of your own beside the shipped one.")
    ] = None,
) -> None:
    """List the prompt templates that `data.prompt: {template: ID}` may name, or show one."""
    from weitiao.data.templates import load_library

    library = load_library([str(path) for path in file or ()])
    if name is None:
        _list(library)
    else:
        _show(library, name, language, version)


def _list(library: Library) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for heading in ("id", "version", "languages", "variables", "what for"):
        table.add_column(heading, overflow="fold")
    for template in library.templates:
        table.add_row(
            template.id,
            str(template.version),
            ", ".join(template.languages),
            ", ".join(template.variables),
            template.description,
        )
    shell.output().print(table)


def _show(library: Library, name: str, language: str | None, version: int | None) -> None:
    """Head and parts of one template; variables stand in it as {{ name }}."""
    from weitiao.config import TemplateRef
    from weitiao.data.templates import expanded
    from weitiao.data.templates.library import parts_of

    template = library.find(name, version)
    reference = TemplateRef(template=name, language=language, version=template.version)
    expanded(reference, "prompt", library)  # an unknown language is an error
    texts = template.languages[language or next(iter(template.languages))]
    typer.echo(_head(template))
    for option in texts.options:
        typer.echo(f"  option {option.label}: {option.description}")
    for example in texts.examples:
        typer.echo("  example " + ", ".join(f"{key}: {text}" for key, text in example.items()))
    for part, text in parts_of(texts).items():
        typer.echo(f"\n{part}:\n{text}")


def _head(template: PromptTemplate) -> str:
    lines = [
        f"{template.id}, version {template.version} ({', '.join(template.languages)})",
        template.description,
    ]
    lines += [f"  variable {key}: {text}" for key, text in template.variables.items()]
    return "\n".join(lines)
