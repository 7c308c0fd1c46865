"""Examples between two stages: a list that moves to a temporary file when it grows.

A small data set never touches the disk. A large one is a file of JSON lines that has no name: it goes with the last
reference to it, whatever ends the process. In memory is only where every page of 16 KiB begins. The file lies where
`tempfile` puts such files: set ``TMPDIR`` to a folder with room for about three times the data.
"""

from __future__ import annotations

import threading
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import IO, overload

from weitiao.data.lines import line_of, own_example_of
from weitiao.data.scratch import open_scratch, write_behind
from weitiao.types import Example

IN_MEMORY = 20_000
"""Examples that a shelf holds in memory; with one more, all of them go to the file."""
_BLOCK = 1024  # lines read in one go
_SPAN = 1 << 20  # bytes between the first and the last line of a block; wider ones are read page by page
_PAGE = 1 << 14  # a new page begins with the first line behind this many bytes
_BUFFER = 1 << 20  # bytes gathered before they are written


class Shelf(Sequence[Example]):
    """A list of examples that can only grow at its end.

    Equal to any sequence of equal examples. Reading from several threads is safe, appending is for one.

    Args:
        examples: The first ones.
        in_memory: More than this many go to a file.
    """

    def __init__(self, examples: Iterable[Example] = (), *, in_memory: int = IN_MEMORY) -> None:
        self._in_memory = in_memory
        self._held: list[Example] | None = []
        self._file: IO[bytes] | None = None
        self._count = self._size = 0  # lines and bytes, those that wait included
        self._first, self._begin = array("Q"), array("Q")  # of each page: its first line, and where it begins
        self._last: tuple[int, list[str]] | None = None  # the page read last
        self._waiting = bytearray()  # what comes behind the bytes in the file
        self._lock = threading.Lock()
        self.extend(examples)

    @property
    def is_on_disk(self) -> bool:
        """Whether the examples are in a file."""
        return self._held is None

    def append(self, example: Example) -> None:
        """Put an example behind the others."""
        if self._held is not None:
            if len(self._held) < self._in_memory:
                self._held.append(example)
                return
            self._move_to_disk(self._held)
        self._write(line_of(example))

    def extend(self, examples: Iterable[Example]) -> None:
        """Put examples behind the others, in their order; what lies in a file is copied as it is there."""
        if isinstance(examples, Shelf) and examples.is_on_disk and examples is not self:
            if self._held is not None:
                self._move_to_disk(self._held)
            for line in examples.lines():
                self._write(line)
            return
        for example in examples:
            self.append(example)

    def close(self) -> None:
        """Give memory and file back; the shelf is empty then."""
        with self._lock:
            if self._file is not None:
                self._file.close()
            self._file, self._held, self._last = None, [], None
            self._count = self._size = 0
            self._first, self._begin = array("Q"), array("Q")
            self._waiting.clear()

    def __len__(self) -> int:
        return self._count if self._held is None else len(self._held)

    @overload
    def __getitem__(self, index: int) -> Example: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[Example, ...]: ...

    def __getitem__(self, index: int | slice) -> Example | tuple[Example, ...]:
        if isinstance(index, slice):
            return tuple(self.at(range(*index.indices(len(self)))))
        number = index + len(self) if index < 0 else index
        if not 0 <= number < len(self):
            raise IndexError(f"example {index} of {len(self)}")
        return self._held[number] if self._held is not None else own_example_of(self._line(number))

    def __iter__(self) -> Iterator[Example]:
        return self.at(range(len(self)))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or isinstance(other, str | bytes):
            return NotImplemented
        return len(self) == len(other) and all(a == b for a, b in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]  # it can grow

    def at(self, numbers: Iterable[int]) -> Iterator[Example]:
        """The examples with these numbers, in this order.

        Args:
            numbers: From 0; those in rising order are read fastest.
        """
        if self._held is not None:
            yield from map(self._held.__getitem__, numbers)
            return
        for line in self._lines(numbers):
            yield own_example_of(line)

    def lines(self) -> Iterator[str]:
        """The stored form of every example, with its line end; from the file as it is there."""
        if self._held is not None:
            yield from map(line_of, self._held)
        else:
            for line in self._lines(range(len(self))):
                yield f"{line}\n"

    def _lines(self, numbers: Iterable[int]) -> Iterator[str]:
        """Without their line ends."""
        rest = iter(numbers)
        while block := list(islice(rest, _BLOCK)):
            low, high = self._page_of(min(block)), self._page_of(max(block))
            if self._end(high) - self._begin[low] > _SPAN:
                yield from map(self._line, block)
                continue
            lines, first = self._text(low, high).split("\n"), self._first[low]
            for number in block:
                yield lines[number - first]

    def _page_of(self, line: int) -> int:
        return bisect_right(self._first, line) - 1

    def _end(self, page: int) -> int:
        return self._begin[page + 1] if page + 1 < len(self._begin) else self._size

    def _line(self, number: int) -> str:
        page = self._page_of(number)
        last = self._last
        if last is None or last[0] != page or number - self._first[page] >= len(last[1]) - 1:
            last = self._last = page, self._text(page, page).split("\n")
        return last[1][number - self._first[page]]

    def _text(self, low: int, high: int) -> str:
        """The lines of the pages from `low` to `high`."""
        begin, end = self._begin[low], self._end(high)
        with self._lock:
            self._flush()
            assert self._file is not None
            self._file.seek(begin)
            return self._file.read(end - begin).decode("utf-8", "surrogatepass")

    def _move_to_disk(self, held: list[Example]) -> None:
        self._file = open_scratch()
        self._held = None
        for example in held:
            self._write(line_of(example))

    def _write(self, line: str) -> None:
        # What cannot be stored as UTF-8 is refused where a data set is written, not here.
        written = line.encode("utf-8", "surrogatepass")
        with self._lock:
            self._waiting += written
            if not self._begin or self._size - self._begin[-1] >= _PAGE:
                self._first.append(self._count)
                self._begin.append(self._size)
            self._count += 1
            self._size += len(written)
            if len(self._waiting) >= _BUFFER:
                self._flush()

    def _flush(self) -> None:
        """Write what waits; the lock is held."""
        if self._waiting and self._file is not None:
            write_behind(self._file, self._waiting)
            self._waiting.clear()
