"""``weitiao config``: values of a recipe and where they come from; what a recipe may hold."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from weitiao.cli import shell
from weitiao.cli.options import AsJson, RecipePath, Sets

if TYPE_CHECKING:
    from pydantic import BaseModel

Pretrain = Annotated[bool, typer.Option("--pretrain", help="A recipe of `weitiao pretrain`.")]

app = typer.Typer(no_args_is_help=True, help="Values of a recipe and where they come from.")


@app.command("show")
def show(recipe: RecipePath, sets: Sets = None, as_json: AsJson = False, pretrain: Pretrain = False) -> None:
    """Show every value of a recipe with its origin: default, file and line, or --set."""
    from weitiao.recipe import load_recipe, values

    resolved = load_recipe(recipe, tuple(sets or ()), _model(pretrain))
    rows = [(".".join(map(str, path)), value) for path, value in values(resolved.value)]
    if as_json:
        plain = {name: {"value": _plain(value), "origin": resolved.origins[name]} for name, value in rows}
        shell.print_json(plain)
        return
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    table.add_column("key", no_wrap=True)
    table.add_column("value", overflow="fold")
    table.add_column("origin", overflow="fold")
    for name, value in rows:
        origin = resolved.origins[name]
        style = "dim" if origin == "default" else "bold" if origin.startswith("--set") else ""
        text = json.dumps(_plain(value), ensure_ascii=False)
        table.add_row(Text(name), Text(text), Text(origin), style=style)
    shell.output().print(table)


@app.command("schema")
def schema(pretrain: Pretrain = False) -> None:
    """Print the JSON schema of a recipe, for editors."""
    shell.print_json(_model(pretrain).model_json_schema())


def _model(pretrain: bool) -> type[BaseModel]:
    if pretrain:
        from weitiao.train.pretrain_config import PretrainRecipe

        return PretrainRecipe
    from weitiao.config import Recipe

    return Recipe


def _plain(value: Any) -> Any:
    from pydantic_core import to_jsonable_python

    return to_jsonable_python(value)
