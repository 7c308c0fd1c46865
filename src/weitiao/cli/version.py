"""``weitiao version``: versions of what matters, read without importing it."""

from __future__ import annotations

import platform
from importlib import metadata

import typer

PACKAGES = ("torch", "transformers", "accelerate", "tokenizers", "safetensors", "pydantic", "peft")


def version() -> None:
    """Show the versions of weitiao and of the packages it stands on."""
    typer.echo(text())


def eager(value: bool) -> None:
    """``weitiao --version``."""
    if value:
        version()
        raise typer.Exit


def text() -> str:
    """One line a package; ``not installed`` where it is missing."""
    from weitiao import __version__

    lines = {"weitiao": __version__, "python": platform.python_version()}
    for name in PACKAGES:
        try:
            lines[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            lines[name] = "not installed"
    width = max(map(len, lines))
    return "\n".join(f"{name:<{width}}  {found}" for name, found in lines.items())
