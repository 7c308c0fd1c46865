"""``weitiao pretrain``: a small base from scratch."""

from __future__ import annotations

import typer

from weitiao.cli import shell
from weitiao.cli.options import Out, RecipePath, Resume, Sets


def pretrain(
    context: typer.Context, recipe: RecipePath, out: Out, sets: Sets = None, resume: Resume = False
) -> None:
    """Pretrain a small base from scratch: tokenizer, rows of tokens, training, model folder."""
    from weitiao.recipe import load_recipe
    from weitiao.train.pretrain_config import PretrainRecipe

    here = shell.of(context)
    here.resumable("pretrain", recipe, out, sets or ())
    resolved = load_recipe(recipe, sets or (), PretrainRecipe)
    values = resolved.value.rooted(resolved.root)
    from weitiao.train.pretrain import pretrain as run
    from weitiao.train.pretrain_progress import Progress

    console = here.progress()
    model = run(
        values,
        out,
        resume=resume,
        command=(here.resume or "").removesuffix(" --resume"),
        note=lambda line: console.print(line, markup=False, highlight=False, soft_wrap=True),
        callbacks=[Progress(console, values.train.batch_rows * values.data.row_tokens)],
    )
    if model is None:
        raise KeyboardInterrupt
    shell.output().print(f"model  {model}", soft_wrap=True, highlight=False)


if __name__ == "__main__":
    typer.run(pretrain)
