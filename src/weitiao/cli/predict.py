"""``weitiao predict``: answers for a file of prompts."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from weitiao.cli import shell
from weitiao.cli.options import AdapterDir, Base, MaxNewTokens, Temperature

AS_EVALUATED = "Default: as the adapter was evaluated."


def predict(
    context: typer.Context,
    adapter: AdapterDir,
    source: Annotated[
        Path, typer.Option("--input", metavar="FILE", help="json, jsonl, csv, tsv, xlsx or parquet.")
    ],
    target: Annotated[Path, typer.Option("--output", metavar="FILE", help="csv, tsv, json, jsonl or xlsx.")],
    prompt: Annotated[
        str | None,
        typer.Option("--prompt", "--column", help="Column or template. Default: the one used in training."),
    ] = None,
    batch_size: Annotated[
        int | None,
        typer.Option("--batch-size", metavar="N", min=1, help=f"Prompts at a time. {AS_EVALUATED}"),
    ] = None,
    max_new_tokens: MaxNewTokens = None,
    temperature: Temperature = None,
    top_p: Annotated[
        float | None, typer.Option("--top-p", metavar="P", min=0.01, max=1, help="Nucleus of the sampling.")
    ] = None,
    stop: Annotated[list[str] | None, typer.Option("--stop", help="Stop string; several allowed.")] = None,
    limit: Annotated[
        int | None, typer.Option("--limit", metavar="N", min=1, help="Answer the first N rows only.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the sampling.")] = 0,
    base: Base = None,
    no_adapter: Annotated[
        bool, typer.Option("--no-adapter", help="The base alone, on the same prompts.")
    ] = False,
) -> None:
    """Answer every row of a file. Started again after an interruption, it goes on where it stopped."""
    import weitiao

    here = shell.of(context)
    here.resume = shlex.join(["weitiao", *sys.argv[1:]])
    given = _given(
        batch_size=batch_size,
        max_new_tokens=max_new_tokens,
        temperature=temperature,
        top_p=top_p,
        stop=tuple(stop or ()) or None,
    )
    loaded = weitiao.load(adapter, base=base) if given else None
    with here.loading():
        predict_file = weitiao.predict_file
    summary = predict_file(
        adapter,
        source,
        target,
        prompt=prompt,
        base=base,
        decode=None if loaded is None else loaded.decode_config(**given),
        with_adapter=not no_adapter,
        console=here.progress(),
        limit=limit,
        seed=seed,
        loaded=loaded,
    )
    facts = ", ".join(f"{name.replace('_', ' ')} {_said(value)}" for name, value in summary.items())
    shell.output().print(f"{target}: {facts}", soft_wrap=True, highlight=False, markup=False)


def _given(**settings: Any) -> dict[str, Any]:
    """The decoding settings that were named on the command line."""
    return {name: value for name, value in settings.items() if value is not None}


def _said(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.2f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
