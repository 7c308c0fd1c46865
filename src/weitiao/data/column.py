"""A number of every row: a list that moves to a temporary file when it grows, and what is counted in such lists.

Of each number only a chunk is in memory at a time, so that memory does not grow with the rows. Legend: N rows.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import repeat
from typing import IO, TYPE_CHECKING, Any

from weitiao.data.scratch import open_scratch, write_behind

if TYPE_CHECKING:  # loaded when numbers are counted: `weitiao --help` needs no numpy
    import numpy as np
    from numpy.typing import NDArray

CHUNK = 1 << 16
"""Numbers that are held in memory, and computed with at once."""
SORTED = 1 << 19
"""Numbers that are sorted at once, about."""


class Column:
    """Numbers in the order in which they were appended.

    Args:
        numbers: The first ones.
        kind: ``Q`` for 64 bits, ``B`` for 8.
    """

    def __init__(self, numbers: Iterable[int] = (), *, kind: str = "Q") -> None:
        self._held = array(kind)
        self._file: IO[bytes] | None = None
        self._stored = 0  # numbers in the file, those before the held ones
        for number in numbers:
            self.append(number)

    def __len__(self) -> int:
        return self._stored + len(self._held)

    def append(self, number: int) -> None:
        """Put a number behind the others."""
        self._held.append(number)
        if len(self._held) == CHUNK:
            if self._file is None:
                self._file = open_scratch()
            write_behind(self._file, self._held)
            self._stored += CHUNK
            self._held = array(self._held.typecode)

    def chunks(self, begin: int = 0, end: int | None = None) -> Iterator[NDArray[Any]]:
        """The numbers from ``begin`` on and before ``end``, some at a time."""
        import numpy as np

        end = len(self) if end is None else end
        while begin < end:
            place = begin // CHUNK * CHUNK
            if place < self._stored:
                assert self._file is not None
                self._file.seek(place * self._held.itemsize)
                numbers = np.frombuffer(self._file.read(CHUNK * self._held.itemsize), self._held.typecode)
            else:
                numbers = np.array(self._held)
            yield numbers[begin - place : end - place]
            begin = place + CHUNK

    def array(self) -> NDArray[Any]:
        """[N] all of them at once."""
        import numpy as np

        return np.concatenate([np.zeros(0, self._held.typecode), *self.chunks()])

    def take(self, rows: Sequence[int] | NDArray[np.int64]) -> NDArray[Any]:
        """The numbers of these rows, which are in rising order."""
        import numpy as np

        rows = np.asarray(rows, np.int64)
        found = np.empty(len(rows), self._held.typecode)
        begin = 0
        while begin < len(rows):
            place = int(rows[begin]) // CHUNK * CHUNK
            end = int(np.searchsorted(rows, place + CHUNK))
            (numbers,) = self.chunks(place, min(place + CHUNK, len(self)))
            found[begin:end] = numbers[rows[begin:end] - place]
            begin = end
        return found


def repeated_rows(column: Column, without: Column | None = None) -> NDArray[np.int64]:
    """Rows whose number occurs more than once, in order.

    Args:
        column: 64-bit numbers.
        without: Rows with 1 there are passed over.
    """
    import numpy as np

    values = np.concatenate(
        [np.zeros(0, np.uint64)]
        + [np.unique(some[1:][some[1:] == some[:-1]]) for some in _sorted(column, 0, len(column), without)]
    )
    found = [np.zeros(0, np.int64)]
    if len(values):
        for rows, some in _some(column, 0, len(column), without):
            place = np.minimum(np.searchsorted(values, some), len(values) - 1)
            found.append(rows[values[place] == some])
    return np.concatenate(found)


def num_different(column: Column, begin: int = 0, end: int | None = None) -> int:
    """How many different numbers there are from row ``begin`` on and before ``end``."""
    parts = _sorted(column, begin, len(column) if end is None else end, None)
    return sum(int((some[1:] != some[:-1]).sum()) + bool(len(some)) for some in parts)


def few_different(column: Column, most: int) -> dict[int, tuple[int, int]] | None:
    """First row and count of every different number, None where there are more than ``most``."""
    import numpy as np

    found: dict[int, tuple[int, int]] = {}
    begin = 0
    for some in column.chunks():
        for name, first, count in zip(*np.unique(some, return_index=True, return_counts=True), strict=True):
            row, before = found.get(int(name), (begin + int(first), 0))
            found[int(name)] = row, before + int(count)
        if len(found) > most:
            return None
        begin += len(some)
    return found


def _sorted(column: Column, begin: int, end: int, without: Column | None) -> Iterator[NDArray[np.uint64]]:
    """The numbers in rising order, some at a time; equal ones come together. Hashes fill all of these evenly."""
    import numpy as np

    num = np.uint64(max(1, -(-(end - begin) // SORTED)))
    half = np.uint64(32)
    for k in range(int(num)):
        found = [np.zeros(0, np.uint64)]
        for _, some in _some(column, begin, end, without):
            found.append(some[((some >> half) * num) >> half == k] if num > 1 else some)
        numbers = np.concatenate(found)
        del found
        numbers.sort()
        yield numbers


def _some(
    column: Column, begin: int, end: int, without: Column | None
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.uint64]]]:
    """Rows and their numbers, a chunk at a time, but for those with 1 in ``without``."""
    import numpy as np

    flags: Iterable[Any] = repeat(None) if without is None else without.chunks(begin, end)
    for numbers, gone in zip(column.chunks(begin, end), flags, strict=False):
        rows = np.arange(begin, begin + len(numbers))
        begin += len(numbers)
        yield (rows, numbers) if gone is None else (rows[gone == 0], numbers[gone == 0])
