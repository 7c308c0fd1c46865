"""All commands put together. Nothing heavy is imported here: ``weitiao --help`` must be quick."""

from __future__ import annotations

from typing import Annotated

import typer

from weitiao.cli import (
    adapter,
    base,
    chat,
    config,
    data,
    evaluate,
    predict,
    pretrain,
    recipe,
    robustness,
    run,
    version,
)
from weitiao.cli.shell import Shell, WeitiaoGroup, listen

app = typer.Typer(
    name="weitiao",
    cls=WeitiaoGroup,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="From a domain file to a proven adapter of a language model.",
)


@app.callback()
def options(
    context: typer.Context,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress on stderr.")] = False,
    show_version: Annotated[
        bool,
        typer.Option("--version", help="Show the versions and exit.", is_eager=True, callback=version.eager),
    ] = False,
) -> None:
    """Options of every command; they may stand anywhere on the line."""
    context.obj = Shell(debug=debug, quiet=quiet)
    listen(quiet=quiet)


app.command("run")(run.run)
app.add_typer(data.app, name="data")
app.command("predict")(predict.predict)
app.command("chat")(chat.chat)
app.add_typer(adapter.app, name="adapter")
app.command("eval")(evaluate.evaluate)
app.command("robustness")(robustness.robustness)
app.add_typer(base.app, name="base")
app.add_typer(config.app, name="config")
app.add_typer(recipe.app, name="recipe")
app.command("pretrain")(pretrain.pretrain)
app.command("version")(version.version)
