"""Files that are there whole or not at all."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path


@contextlib.contextmanager
def fresh_file(path: Path) -> Iterator[Path]:
    """A temporary name beside a file, which takes the file's place when the block ends; an error leaves nothing behind.

    Args:
        path: The file; its folder is made where there is none.

    Raises:
        OSError: The folder cannot be made, or the file not be replaced; also whatever the block raises.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = _beside(path)
    try:
        yield fresh
        os.replace(fresh, path)
    finally:
        with contextlib.suppress(OSError):
            fresh.unlink(missing_ok=True)


def write_whole(path: Path, texts: Iterable[str]) -> None:
    """Write texts behind each other under a temporary name, then rename; an error leaves an old file untouched.

    Args:
        path: The file; its folder is made where there is none.
        texts: UTF-8, line ends as they are.

    Raises:
        OSError: The file cannot be written; also whatever the iterable raises.
    """
    write_together([(path, texts)])


def write_together(files: Sequence[tuple[Path, Iterable[str]]]) -> None:
    """Write several files under temporary names, then rename all; an error before that leaves old ones untouched.

    The last one vouches for the others: its old version goes first and its new one comes last.

    Args:
        files: Paths, whose folders are made where there are none, and their texts.

    Raises:
        OSError: A file cannot be written; also whatever the iterables raise.
    """
    named = [(path, _beside(path), texts) for path, texts in files]
    try:
        for path, fresh, texts in named:
            path.parent.mkdir(parents=True, exist_ok=True)
            _write(fresh, texts)
        if len(named) > 1:
            named[-1][0].unlink(missing_ok=True)
        for path, fresh, _ in named:
            os.replace(fresh, path)
    finally:
        for _, fresh, _ in named:
            fresh.unlink(missing_ok=True)


def _beside(path: Path) -> Path:
    """Always the same name: what a killed process has left is written over by the next one."""
    return path.with_name(f".{path.name}.new")


def _write(path: Path, texts: Iterable[str]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        file.writelines(texts)
        file.flush()
        os.fsync(file.fileno())
