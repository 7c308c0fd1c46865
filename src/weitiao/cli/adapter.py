"""``weitiao adapter``: what is in an adapter folder, and the same adapter for another system."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from weitiao.cli import shell
from weitiao.cli.options import AsJson

app = typer.Typer(
    no_args_is_help=True, help="What is in an adapter folder; adapters of PEFT and of the ChatGLM scripts."
)


@app.command("show")
def show(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Adapter folder.")], as_json: AsJson = False
) -> None:
    """Show method, base, chat format, provenance and metrics of an adapter; the base is not loaded.

    Of a folder of PEFT or of the official ChatGLM scripts it says what it is and how to convert it.
    """
    description = describe(folder)
    if as_json:
        shell.print_json(description)
        return
    shell.print_facts(flatten(description))


@app.command("convert")
def convert_adapter(
    context: typer.Context,
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Adapter of weitiao, of PEFT, or of the ChatGLM scripts.")
    ],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="New folder.")],
    to: Annotated[
        Literal["weitiao", "peft", "chatglm"], typer.Option("--to", help="The system that is to read it.")
    ],
    base: Annotated[
        str | None, typer.Option("--base", metavar="PATH", help="Its base. Default: what the adapter says.")
    ] = None,
) -> None:
    """Write a prefix adapter in the layout of another system.

    weitiao reads and writes checkpoints of the official ChatGLM P-Tuning v2 scripts and PREFIX_TUNING adapters of PEFT.
    Code in a file is never run. Direct prefixes come back bit by bit.
    """
    from weitiao.pipeline.converting import convert
    from weitiao.tuning.exchange.kinds import KINDS

    done = convert(folder, out, to=to, base=base)
    shell.print_notes(done.notes, shell.of(context).progress())
    typer.echo(f"{out}: {KINDS[to]}, {done.parameters:,} numbers, from {KINDS[done.source]}")


def describe(folder: Path) -> dict[str, Any]:
    """The adapter's configuration and the tensors of its weights, from the files alone.

    Raises:
        AdapterError: No adapter folder, or a broken one.
    """
    from weitiao.tuning.exchange.kinds import ADAPTER_CONFIG, describe_foreign, kind_of, read_json

    if kind_of(folder) != "weitiao":
        return describe_foreign(folder)
    return {**read_json(folder / ADAPTER_CONFIG), "tensors": _tensors(folder / "adapter_model.safetensors")}


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
