"""Rows to a file of JSON lines, which appears whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from weitiao.data.whole import write_whole
from weitiao.errors import ConfigError


def check_output(path: Path) -> None:
    """Refuse a path that will not take rows, before they are made.

    Raises:
        ConfigError: It is a folder, or not a ``.jsonl``.
    """
    if path.is_dir() or path.suffix.lower() != ".jsonl":
        raise ConfigError(
            f"--output: {path} is {'a folder' if path.is_dir() else 'not a .jsonl file'}",
            remedy="name a file that ends in .jsonl",
        )


def write_jsonl(path: Path, rows: Iterable[Mapping[str, Any]]) -> int:
    """Write rows as they come; an error among them leaves no file and an old one untouched.

    Args:
        path: Its folder is made where there is none.
        rows: JSON values.

    Returns:
        How many rows there were.

    Raises:
        ConfigError: The file cannot be written.
    """
    count = 0

    def lines() -> Iterator[str]:
        nonlocal count
        for row in rows:
            yield json.dumps(row, ensure_ascii=False) + "\n"
            count += 1

    try:
        write_whole(path, lines())
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be written: {error.strerror or error}", remedy="choose another file"
        ) from error
    return count
