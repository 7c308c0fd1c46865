"""The work file survives a kill at any byte."""

from __future__ import annotations

from pathlib import Path

import pytest

from weitiao.errors import DataError
from weitiao.infer.partial import PartialFile

SETTINGS = {"input": "abc", "decode": {"stop": ("x",)}}


def filled(path: Path) -> bytes:
    with PartialFile(path, SETTINGS) as partial:
        partial.add([(4, {"answer": "好\n😀"}), (0, {"answer": ""})])
        partial.add([(2, {"answer": "b"})])
    return path.read_bytes()


def test_answers_come_back(tmp_path: Path) -> None:
    filled(tmp_path / "p")
    with PartialFile(tmp_path / "p", SETTINGS) as partial:
        assert partial.rows == {4: {"answer": "好\n😀"}, 0: {"answer": ""}, 2: {"answer": "b"}}


def test_a_kill_at_any_byte_loses_the_broken_line_only(tmp_path: Path) -> None:
    path = tmp_path / "p"
    data = filled(path)
    whole = {4: {"answer": "好\n😀"}, 0: {"answer": ""}, 2: {"answer": "b"}}
    for length in range(len(data)):
        path.write_bytes(data[:length])
        complete = max(0, data[:length].count(b"\n") - 1)
        with PartialFile(path, SETTINGS) as partial:
            assert partial.rows == dict(list(whole.items())[:complete])
            partial.add([(n, row) for n, row in whole.items() if n not in partial.rows])
        with PartialFile(path, SETTINGS) as partial:
            assert partial.rows == whole


def test_other_settings_are_refused_with_the_difference(tmp_path: Path) -> None:
    data = filled(tmp_path / "p")
    with pytest.raises(DataError, match='input: "abc" then, "xyz" now') as error:
        PartialFile(tmp_path / "p", {**SETTINGS, "input": "xyz"})
    assert "start over" in str(error.value)
    assert (tmp_path / "p").read_bytes() == data


@pytest.mark.parametrize("content", [b"hello\n", b'{"a": 1}\n', b"\xff\xfe", b"x"])
def test_a_foreign_file_is_not_touched(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "p").write_bytes(content)
    with pytest.raises(DataError, match="no work file"):
        PartialFile(tmp_path / "p", SETTINGS)
    assert (tmp_path / "p").read_bytes() == content
