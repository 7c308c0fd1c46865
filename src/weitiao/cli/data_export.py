"""``weitiao data export``: a data set in the format of another tool."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from weitiao.cli import shell
from weitiao.cli.options import Sets

_REASONS = 10


def export(
    context: typer.Context,
    source: Annotated[
        Path, typer.Argument(metavar="RUN_OR_RECIPE", help="Run folder, dataset folder, or recipe.")
    ],
    to: Annotated[
        str,
        typer.Option(
            "--to",
            metavar="FORMAT",
            help="alpaca, sharegpt, messages, chatglm2, chatglm3, iflytek, iflytek-csv, llama-factory or "
            "huggingface.",
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", metavar="DIR", help="New folder, or an earlier export.")
    ],
    skip: Annotated[bool, typer.Option("--skip", help="Leave out what the format cannot hold.")] = False,
    system_in_prompt: Annotated[
        bool,
        typer.Option(
            "--system-in-prompt",
            help="Formats without system messages: put them in front of the first question.",
        ),
    ] = False,
    name: Annotated[str, typer.Option("--name", help="Of the data set, for LLaMA-Factory.")] = "weitiao",
    bom: Annotated[
        bool, typer.Option("--bom", help="Csv: begin with a byte order mark, so that Excel shows Chinese.")
    ] = False,
    sets: Sets = None,
) -> None:
    """Write a data set in the format of another tool; `read_back.yaml` beside it reads it back."""
    from weitiao.data.export import export as write
    from weitiao.data.find import find_dataset

    with shell.of(context).progress().status("preparing") as status:
        dataset = find_dataset(source, tuple(sets or ()))
        status.update("writing")
        done = write(
            dataset,
            to,
            output,
            skip=skip,
            system_in_prompt=system_in_prompt,
            name=name,
            bom=bom,
            progress=lambda part, rows: status.update(f"{part}: {rows:,} rows"),
        )
    for line in _lines(done.report, to, output):
        shell.output().print(line, soft_wrap=True, highlight=False, markup=False)


def _lines(report: Mapping[str, Any], to: str, output: Path) -> list[str]:
    parts = report["parts"]
    counts = ", ".join(f"{part} {account['rows']:,}" for part, account in parts.items())
    lines = [f"{counts} rows as {to} -> {output}"]
    merged = sum(account.get("merged", 0) for account in parts.values())
    if merged:
        lines.append(f"  {merged:,} rounds went into the row of their dialogue")
    also = sum(account.get("also_learnt", 0) for account in parts.values())
    if also:
        lines.append(
            f"  {also:,} earlier replies that were context only are learnt too by readers of this format"
        )
    left_out = [
        f"  left out of {part}: {item['count']:,} rows, {item['reason']}"
        for part, account in parts.items()
        for item in account["left_out"]
    ]
    lines += left_out[:_REASONS]
    if len(left_out) > _REASONS:
        lines.append(f"  ... and {len(left_out) - _REASONS} more reasons, see export.json")
    return lines
