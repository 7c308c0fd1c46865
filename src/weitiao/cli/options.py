"""Arguments and options that several commands take, with one wording each."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

RecipePath = Annotated[Path, typer.Argument(metavar="RECIPE", help="Recipe file (YAML or JSON).")]
Sets = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="A.B=VALUE", help="Set a value of the recipe; may be given several times."),
]
Out = Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for everything that is made.")]
Resume = Annotated[bool, typer.Option("--resume", help="Continue an interrupted run in --out.")]
AdapterDir = Annotated[Path, typer.Option("--adapter", metavar="DIR", help="Adapter folder.")]
Base = Annotated[
    str | None, typer.Option("--base", metavar="PATH", help="Base model. Default: the one it was trained on.")
]
AsJson = Annotated[bool, typer.Option("--json", help="JSON instead of a table.")]
MaxNewTokens = Annotated[
    int | None,
    typer.Option(
        "--max-new-tokens",
        metavar="N",
        min=1,
        help="Longest answer in tokens. Default: as the adapter was evaluated.",
    ),
]
Temperature = Annotated[
    float | None,
    typer.Option(
        "--temperature",
        metavar="T",
        min=0,
        max=10,
        help="0: greedy. Default: as the adapter was evaluated.",
    ),
]
