"""What every command shares: the two consoles, and errors turned into a line and an exit code.

Human output goes to stdout, progress and errors to stderr. Exit codes: 0 done, 1 unexpected error,
2 the user's input is wrong, 130 interrupted.
"""

from __future__ import annotations

import json
import logging
import os
import shlex
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperGroup

from weitiao.errors import WeitiaoError

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console
    from rich.status import Status


ORDER = (
    "run",
    "data",
    "predict",
    "chat",
    "eval",
    "robustness",
    "adapter",
    "base",
    "config",
    "recipe",
    "pretrain",
    "version",
)


@dataclass
class Shell:
    """Global options of this call and what to type after an interruption.

    Attributes:
        debug: Show tracebacks.
        quiet: No progress.
        resume: Command that continues what was interrupted.
    """

    debug: bool = False
    quiet: bool = False
    resume: str | None = field(default=None)

    def progress(self) -> Console:
        """The console for progress: stderr, silent with ``--quiet``."""
        from rich.console import Console

        return Console(stderr=True, quiet=self.quiet)

    def loading(self) -> Status:
        """To be shown while the Python API is first asked for: importing torch takes seconds."""
        return self.progress().status("loading")

    def resumable(
        self, command: str, recipe: Path, out: Path, sets: Sequence[str], options: Sequence[str] = ()
    ) -> None:
        """Remember how to continue a run."""
        words = ["weitiao", command, str(recipe), "--out", str(out), *options]
        words += [word for value in sets for word in ("--set", value)]
        self.resume = shlex.join([*words, "--resume"])


def output() -> Console:
    """The console for results: stdout."""
    from rich.console import Console

    # Without a terminal there is no width to keep to: a table is not broken into pieces.
    return Console(width=None if sys.stdout.isatty() else 160)


def print_json(value: Any) -> None:
    """A value as JSON, for programs."""
    typer.echo(json.dumps(value, ensure_ascii=False, indent=2))


def print_notes(notes: Iterable[str], console: Console | None = None) -> None:
    """What the user should read; on stdout unless another console is given."""
    console = console or output()
    for note in notes:
        console.print(f"note: {note}", style="yellow", markup=False, highlight=False)


def print_facts(facts: Iterable[tuple[str, str]]) -> None:
    """Names and values in two columns; the values are plain text."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in facts:
        table.add_row(name, Text(value))
    output().print(table)


def of(context: typer.Context) -> Shell:
    """The shell of a command's context."""
    found = context.find_object(Shell)
    return found if found is not None else Shell()


class WeitiaoGroup(TyperGroup):
    """Root command: global options anywhere on the line, every error one message and an exit code."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Commands in the order in which a user meets them."""
        known = super().list_commands(ctx)
        return sorted(known, key=lambda name: ORDER.index(name) if name in ORDER else len(ORDER))

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Take ``--debug`` and ``--quiet`` from wherever they stand."""
        end = args.index("--") if "--" in args else len(args)
        anywhere = [a for a in args[:end] if a in ("--debug", "--quiet", "-q")]
        rest = [a for a in args[:end] if a not in anywhere]
        return super().parse_args(ctx, [*anywhere, *rest, *args[end:]])

    def invoke(self, ctx: Any) -> Any:
        """Run the command; turn what goes wrong into a line and an exit code."""
        try:
            return super().invoke(ctx)
        except WeitiaoError as error:
            _complain(ctx, error)
            raise typer.Exit(2) from None
        except KeyboardInterrupt:
            resume = of(ctx).resume
            _stderr(f"\ninterrupted; continue with: {resume}" if resume else "\ninterrupted")
            raise typer.Exit(130) from None
        except BrokenPipeError:
            # The reader went away (`| head`): nothing more can be written, not even at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(0) from None
        except Exception as error:
            if type(error).__module__.startswith(("typer", "click")) or of(ctx).debug:
                raise
            _stderr(
                f"unexpected error: {type(error).__name__}: {error}\n"
                "  -> This is a fault of weitiao: please report it, with what --debug shows."
            )
            raise typer.Exit(1) from None


def _complain(ctx: Any, error: WeitiaoError) -> None:
    if of(ctx).debug:
        import traceback

        _stderr("".join(traceback.format_exception(error)).rstrip())
    from rich.console import Console
    from rich.text import Text

    message = Text("error: ", style="bold red") + Text(error.message, style="default")
    if error.remedy is not None:
        message.append(f"\n  -> {error.remedy}")
    Console(stderr=True).print(message, soft_wrap=True, highlight=False)


class _Said(logging.Handler):
    """What the library says goes to stderr, wherever that is now."""

    def emit(self, record: logging.LogRecord) -> None:
        _stderr(self.format(record))


def listen(*, quiet: bool) -> None:
    """Show what weitiao logs (the memory a base needs), unless the user wants silence."""
    logger = logging.getLogger("weitiao")
    for handler in [h for h in logger.handlers if isinstance(h, _Said)]:
        logger.removeHandler(handler)
    if not quiet:
        logger.addHandler(_Said())
        logger.setLevel(logging.INFO)


def _stderr(text: str) -> None:
    typer.echo(text, err=True)
