"""``weitiao recipe``: recipes made of other things."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="Recipes made from the scripts of other tools.")


@app.command("from-script")
def from_script(
    script: Annotated[
        Path, typer.Argument(metavar="SCRIPT", help="train.sh, ds_train_finetune.sh, evaluate.sh, ...")
    ],
) -> None:
    """Print the recipe of a ChatGLM training script; comments say what each flag became."""
    from weitiao.recipe.from_script import recipe_from_script

    text, conversion = recipe_from_script(script)
    typer.echo(text, nl=False)
    for line in conversion.unknown:
        typer.echo(f"not understood: {line}", err=True)
