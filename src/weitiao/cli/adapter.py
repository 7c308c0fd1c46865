"""``weitiao adapter``: what is in an adapter folder."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from weitiao.cli import shell
from weitiao.cli.options import AsJson

app = typer.Typer(no_args_is_help=True, help="What is in an adapter folder.")


@app.callback()
def _group() -> None:
    """Keep ``adapter`` a group of commands while it has only one."""


@app.command("show")
def show(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Adapter folder.")], as_json: AsJson = False
) -> None:
    """Show method, base, chat format, provenance and metrics of an adapter; the base is not loaded."""
    description = describe(folder)
    if as_json:
        typer.echo(json.dumps(description, ensure_ascii=False, indent=2))
        return
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in flatten(description):
        table.add_row(name, Text(value))
    shell.output().print(table)


def describe(folder: Path) -> dict[str, Any]:
    """The adapter's configuration and the tensors of its weights, from the files alone."""
    from weitiao.errors import AdapterError

    path = folder / "adapter_config.json"
    if not path.is_file():
        raise AdapterError(
            f"{folder}: expected an adapter folder, but there is no adapter_config.json",
            remedy="Give the folder `adapter` inside the --out of a run.",
        )
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise AdapterError(
            f"{path}: not valid JSON: {error}", remedy="Copy the adapter folder again."
        ) from error
    if not isinstance(config, dict):
        raise AdapterError(f"{path}: expected a JSON object, got {type(config).__name__}")
    return {**config, "tensors": _tensors(folder / "adapter_model.safetensors")}


def _tensors(path: Path) -> dict[str, str]:
    """Name, type and shape of each tensor, from the header of the file."""
    from weitiao.errors import AdapterError

    if not path.is_file():
        raise AdapterError(f"{path.parent}: {path.name} is missing", remedy="Copy the adapter folder again.")
    try:
        with path.open("rb") as file:
            size = int.from_bytes(file.read(8), "little")
            if size > path.stat().st_size:
                raise ValueError("the header is longer than the file")
            header = json.loads(file.read(size))
        return {
            name: f"{entry['dtype']} {list(entry['shape'])}"
            for name, entry in header.items()
            if name != "__metadata__"
        }
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise AdapterError(
            f"{path}: not a safetensors file: {error}", remedy="Copy the folder again."
        ) from error


def flatten(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Dotted names and values of a nested description, one line each."""
    if isinstance(value, dict) and value:
        if set(value) == {"value", "low", "high", "n"}:
            yield name, f"{value['value']:.3f} [{value['low']:.3f}, {value['high']:.3f}] n={value['n']}"
            return
        for key, inner in value.items():
            yield from flatten(inner, f"{name}.{key}" if name else str(key))
    elif isinstance(value, str):
        yield name, value if len(value) <= 300 else f"{value[:297]}..."
    else:
        yield name, json.dumps(value, ensure_ascii=False)
