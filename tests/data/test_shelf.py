"""A shelf is a list that may lie in a file: same content, no trace of it left behind."""

from __future__ import annotations

import gc
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weitiao.data.shelf import Shelf
from weitiao.types import Example, Message, Origin


def example(number: int, text: str = "问") -> Example:
    messages = (Message("user", f"{text}{number}"), Message("assistant", "答", train=True))
    return Example(f"{number:016x}", messages, f"g{number}", Origin("x.csv", number + 1), {"id": number})


def open_temporaries() -> list[str]:
    """Files without a name that this process holds open."""
    links = []
    for fd in Path("/proc/self/fd").iterdir():
        try:
            links.append(os.readlink(fd))
        except OSError:
            continue
    return [link for link in links if link.startswith(tempfile.gettempdir()) and "deleted" in link]


operations = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.integers(0, 99)),
        st.tuples(st.just("extend"), st.lists(st.integers(0, 99), max_size=5)),
        st.tuples(st.just("shelf"), st.lists(st.integers(0, 99), max_size=5)),
        st.tuples(st.just("get"), st.integers(-12, 12)),
        st.tuples(st.just("slice"), st.slices(12)),
        st.tuples(st.just("at"), st.lists(st.integers(0, 11), max_size=6)),
        st.tuples(st.just("all"), st.none()),
    ),
    max_size=12,
)


@settings(deadline=None)
@given(operations=operations, in_memory=st.integers(0, 12), other=st.integers(0, 3))
def test_a_shelf_is_a_list(operations: list[tuple[str, Any]], in_memory: int, other: int) -> None:
    shelf, expected = Shelf(in_memory=in_memory), list[Example]()
    for name, value in operations:
        if name == "append":
            shelf.append(example(value))
            expected.append(example(value))
        elif name in ("extend", "shelf"):
            more = [example(number, "另") for number in value]
            shelf.extend(more if name == "extend" else Shelf(more, in_memory=other))
            expected += more
        elif name == "get":
            if -len(expected) <= value < len(expected):
                assert shelf[value] == expected[value]
            else:
                with pytest.raises(IndexError):
                    shelf[value]
        elif name == "slice":
            assert shelf[value] == tuple(expected[value])
        elif name == "at":
            rows = [number for number in value if number < len(expected)]
            assert list(shelf.at(rows)) == [expected[number] for number in rows]
        assert len(shelf) == len(expected)
    assert list(shelf) == expected
    assert shelf == tuple(expected)
    assert (tuple(expected), 1) == (shelf, 1)
    assert shelf != [*expected, example(1)]
    assert "".join(shelf.lines()) == "".join(Shelf(expected).lines())
    assert shelf.is_on_disk or len(shelf) <= in_memory


def test_two_readers_and_a_writer_do_not_mix() -> None:
    shelf = Shelf(map(example, range(1000)), in_memory=1)
    one, two = iter(shelf), iter(shelf)
    for number in range(600):
        assert next(one) == example(number)
        if number % 2:
            assert next(two) == example(number // 2)
        if number % 100 == 0:
            shelf.append(example(1000 + number // 100))
    assert shelf[-1] == example(1005)


def test_blocks_wider_than_the_buffer() -> None:
    long = [example(k, "长" * 30_000) for k in range(40)]
    shelf = Shelf(long, in_memory=0)
    assert list(shelf) == long
    assert list(shelf.at([39, 0, 7])) == [long[39], long[0], long[7]]


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs /proc")
def test_the_file_goes_with_the_shelf(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    before = len(open_temporaries())
    shelf = Shelf(map(example, range(10)), in_memory=2)
    assert len(open_temporaries()) == before + 1
    assert not list(tmp_path.iterdir())  # it has no name: nothing is left even by a kill
    del shelf
    gc.collect()
    assert len(open_temporaries()) == before
    shelf = Shelf(map(example, range(10)), in_memory=2)
    shelf.close()
    assert (len(open_temporaries()), len(shelf)) == (before, 0)
