"""Examples between two stages: a list that moves to a temporary file when it grows.

A small data set never touches the disk. A large one is a file of JSON lines that has no name (it goes with the last
reference to it, whatever ends the process) and eight bytes a line in memory. The file lies where `tempfile` puts
such files: set ``TMPDIR`` to a folder with room for about three times the data.
"""

from __future__ import annotations

import tempfile
import threading
from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import IO, overload

from weitiao.data.lines import line_of, own_example_of
from weitiao.types import Example

IN_MEMORY = 20_000
"""Examples that a shelf holds in memory; with one more, all of them go to the file."""
_BLOCK = 256  # lines read in one go
_SPAN = 1 << 20  # bytes between the first and the last line of a block; wider ones are read line by line
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
        self._ends = array("Q", [0])  # line k is in the bytes from _ends[k] to _ends[k + 1]
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
            self._file, self._held, self._ends = None, [], array("Q", [0])
            self._waiting.clear()

    def __len__(self) -> int:
        return len(self._ends) - 1 if self._held is None else len(self._held)

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
        """The stored form of every example; from the file as it is there."""
        if self._held is not None:
            yield from map(line_of, self._held)
        else:
            yield from self._lines(range(len(self)))

    def _lines(self, numbers: Iterable[int]) -> Iterator[str]:
        rest = iter(numbers)
        while block := list(islice(rest, _BLOCK)):
            low, high = min(block), max(block)
            begin, end = self._ends[low], self._ends[high + 1]
            if end - begin > _SPAN:
                yield from map(self._line, block)
                continue
            text = self._bytes(begin, end)
            for number in block:
                yield _text(text[self._ends[number] - begin : self._ends[number + 1] - begin])

    def _line(self, number: int) -> str:
        return _text(self._bytes(self._ends[number], self._ends[number + 1]))

    def _bytes(self, begin: int, end: int) -> bytes:
        with self._lock:
            self._flush()
            assert self._file is not None
            self._file.seek(begin)
            return self._file.read(end - begin)

    def _move_to_disk(self, held: list[Example]) -> None:
        self._file = tempfile.TemporaryFile(prefix="weitiao-")  # noqa: SIM115  # it lives as long as the shelf
        self._held = None
        for example in held:
            self._write(line_of(example))

    def _write(self, line: str) -> None:
        # What cannot be stored as UTF-8 is refused where a data set is written, not here.
        written = line.encode("utf-8", "surrogatepass")
        with self._lock:
            self._waiting += written
            self._ends.append(self._ends[-1] + len(written))
            if len(self._waiting) >= _BUFFER:
                self._flush()

    def _flush(self) -> None:
        """Write what waits; the lock is held."""
        if self._waiting and self._file is not None:
            self._file.seek(0, 2)
            self._file.write(self._waiting)
            self._waiting.clear()


def _text(line: bytes) -> str:
    return line.decode("utf-8", "surrogatepass")
