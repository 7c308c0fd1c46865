"""Temporary files without a name, for what would take too much memory; they go with the last reference to them."""

from __future__ import annotations

import tempfile
from array import array
from typing import IO

from weitiao.errors import DataError


def open_scratch() -> IO[bytes]:
    """A new one.

    Raises:
        DataError: There is no place for it.
    """
    try:
        return tempfile.TemporaryFile(prefix="weitiao-")
    except OSError as error:
        raise _no_place(error) from error


def write_behind(file: IO[bytes], content: bytearray | array[int]) -> None:
    """Write behind what is there. All of it at once, so that a full disk shows here and not where the file is read.

    Raises:
        DataError: There is no room for it.
    """
    try:
        file.seek(0, 2)
        file.write(content)
        file.flush()
    except OSError as error:
        raise _no_place(error) from error


def _no_place(error: OSError) -> DataError:
    return DataError(
        f"the folder for temporary files, {tempfile.gettempdir()}, takes no more: {error.strerror or error}",
        remedy="make room there, or set TMPDIR to a folder with room for about three times the data",
    )
