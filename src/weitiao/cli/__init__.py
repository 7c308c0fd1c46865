"""The command line: one file per noun. Each command parses, calls a function of the Python API, prints."""

from __future__ import annotations

from weitiao.cli.app import app

__all__ = ["app", "main"]


def main() -> None:
    """Entry point of the ``weitiao`` command."""
    app(prog_name="weitiao")
