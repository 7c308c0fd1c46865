"""``weitiao base``: what a base model is, and official ChatGLM folders made into standard ones."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from weitiao.cli import shell
from weitiao.cli.options import AsJson

app = typer.Typer(no_args_is_help=True, help="Base models: show one, convert an official ChatGLM folder.")


class Precision(StrEnum):
    """Type of the written weights."""

    stored = "stored"
    float32 = "float32"
    bfloat16 = "bfloat16"
    float16 = "float16"


@app.command("show")
def show(
    path: Annotated[
        str, typer.Argument(metavar="BASE", help="Folder, Hub id, modelscope:owner/name, or weitiao-tiny.")
    ],
    as_json: AsJson = False,
) -> None:
    """Show family, sizes, memory needed, tokenizer and chat format of a base; no weight is loaded."""
    from weitiao.models.describe import describe

    description = describe(path)
    if as_json:
        shell.print_json(description)
        return
    shell.print_facts(
        (name.replace("_bytes", ""), _shown(name, value)) for name, value in description.items()
    )


def _shown(name: str, value: Any) -> str:
    if name == "memory_bytes":
        from weitiao.models.memory import in_words

        return ", ".join(f"{in_words(size)} in {dtype}" for dtype, size in value.items())
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "unknown"
    return f"{value:,}" if name == "parameters" else str(value)


@app.command("convert")
def convert(
    context: typer.Context,
    official: Annotated[Path, typer.Argument(metavar="OFFICIAL_DIR", help="Official ChatGLM folder.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="New folder.")],
    dtype: Annotated[
        Precision, typer.Option("--dtype", help="Type of the written weights.")
    ] = Precision.stored,
) -> None:
    """Write an official ChatGLM folder as a standard one that plain transformers opens without remote code."""
    import torch

    from weitiao.models.convert import convert as run

    console = shell.of(context).progress()
    wanted = None if dtype is Precision.stored else getattr(torch, dtype.value)
    result = run(
        official,
        out,
        dtype=wanted,
        progress=lambda name: console.print(f"wrote {name}", markup=False, highlight=False, soft_wrap=True),
    )
    output = shell.output()
    output.print(result.summary(), markup=False, highlight=False, soft_wrap=True)
    if result.needs:
        output.print(
            f"open it after `import {result.needs}.models.chatglm1`: transformers has no class of this architecture",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
    output.print(f"base     {out}", markup=False, highlight=False, soft_wrap=True)
