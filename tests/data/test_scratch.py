"""Temporary files for which there is no room."""

from __future__ import annotations

import errno
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import pytest

from weitiao.data import column
from weitiao.data.column import Column
from weitiao.data.shelf import Shelf
from weitiao.errors import DataError
from weitiao.types import Example, Message


def full(**_: Any) -> IO[bytes]:
    """A file on a disk without room: writing to it fails as it does there."""
    return open("/dev/full", "w+b")


def absent(**_: Any) -> IO[bytes]:
    raise OSError(errno.EROFS, "Read-only file system")


on_linux = pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")


@pytest.mark.parametrize("opened", [pytest.param(full, marks=on_linux), absent])
def test_no_room_is_said_with_the_folder(
    opened: Callable[..., IO[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "TemporaryFile", opened)
    monkeypatch.setattr(column, "CHUNK", 4)
    with pytest.raises(DataError, match="temporary files") as numbers:
        Column(range(9))
    messages = (Message("user", "问"), Message("assistant", "答", train=True))
    with pytest.raises(DataError, match="temporary files") as examples:
        list(Shelf([Example("0" * 16, messages)] * 3, in_memory=2))
    for found in (numbers, examples):
        assert tempfile.gettempdir() in found.value.message
        assert "TMPDIR" in (found.value.remedy or "")
