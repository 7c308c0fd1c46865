"""The progress bar of a prediction: rows done, rows per second, time left."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console


@contextmanager
def progress_bar(console: Console | None, total: int, done: int = 0) -> Iterator[Callable[[int], None]]:
    """Show a bar while the block runs.

    Args:
        console: Where; None shows nothing.
        total: Rows.
        done: Rows that were done before; they do not count for the speed.

    Yields:
        A function to call with the number of rows done since its last call.
    """
    if console is None:
        yield lambda rows: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("answering"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[speed]}"),
        TimeRemainingColumn(),
    )
    started, count = time.perf_counter(), 0
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("answering", total=total, completed=done, speed="")

        def advance(rows: int) -> None:
            nonlocal count
            count += rows
            speed = count / max(time.perf_counter() - started, 1e-9)
            bar.update(task, advance=rows, speed=f"{speed:.1f} rows/s")

        yield advance
