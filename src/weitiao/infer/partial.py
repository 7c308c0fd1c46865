"""The work file of a prediction: answers as they come, so that a killed run can go on.

JSON lines, only ever appended to. The first line says what the answers belong to; each further one is a
row's answer. A line that was cut by a kill is dropped with what follows it: that row is simply answered
again.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from weitiao.errors import DataError


class PartialFile:
    """Answers that are safe on the disk.

    Args:
        path: The work file; continued if it is there.
        settings: All that an answer depends on, JSON-able; a work file of other settings is refused.

    Attributes:
        rows: Row number to its answer, from before and from now.

    Raises:
        DataError: The work file belongs to other settings, or is no work file.
    """

    def __init__(self, path: Path, settings: Mapping[str, Any]) -> None:
        self.path = path
        self.rows: dict[int, dict[str, Any]] = {}
        header = _line({"weitiao_partial": 1, "settings": dict(settings)})
        size = self._resume(dict(settings)) if path.exists() else 0
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("r+b" if path.exists() else "w+b")
        self._file.truncate(size)
        self._file.seek(size)
        if size == 0:
            self._write(header)

    def __enter__(self) -> PartialFile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def add(self, rows: Iterable[tuple[int, Mapping[str, Any]]]) -> None:
        """Append answers by row number; they are on the disk when this returns."""
        lines = b""
        for number, fields in rows:
            self.rows[number] = dict(fields)
            lines += _line({"row": number, **fields})
        self._write(lines)

    def remove(self) -> None:
        """Delete the work file: everything is in the output."""
        self._file.close()
        self.path.unlink(missing_ok=True)

    def _write(self, data: bytes) -> None:
        self._file.write(data)
        self._file.flush()
        os.fsync(self._file.fileno())

    def _resume(self, settings: dict[str, Any]) -> int:
        """Take over what is there; how many bytes of it are good."""
        size = 0
        with self.path.open("rb") as file:
            for number, line in enumerate(file):
                entry = _parsed(line)
                if entry is None:
                    break  # cut by a kill; whatever follows was not written by us in this order
                if number == 0:
                    self._check(entry, settings)
                else:
                    self.rows[int(entry.pop("row"))] = entry
                size += len(line)
        if size == 0 and self.path.stat().st_size > 0 and not self._is_cut_header():
            raise self._foreign()
        return size

    def _is_cut_header(self) -> bool:
        with self.path.open("rb") as file:
            head = file.read(18)
        return b'{"weitiao_partial"'.startswith(head) or head.startswith(b'{"weitiao_partial"')

    def _check(self, header: dict[str, Any], settings: dict[str, Any]) -> None:
        if "weitiao_partial" not in header:
            raise self._foreign()
        before = header["settings"]
        now = json.loads(json.dumps(settings))
        different = [
            f"{key}: {_short(before.get(key))} then, {_short(now.get(key))} now"
            for key in dict.fromkeys([*before, *now])
            if before.get(key) != now.get(key)
        ]
        if different:
            raise DataError(
                f"{self.path} holds answers of a run with other settings ({'; '.join(different)})",
                remedy=f"run with the same settings to continue it, or delete {self.path} to start over",
            )

    def _foreign(self) -> DataError:
        return DataError(
            f"{self.path} is in the way: it is no work file of a prediction",
            remedy=f"delete {self.path} to start over, or choose another --output",
        )


def _line(value: Mapping[str, Any]) -> bytes:
    return (json.dumps(value, ensure_ascii=False) + "\n").encode()


def _parsed(line: bytes) -> dict[str, Any] | None:
    if not line.endswith(b"\n"):
        return None
    try:
        value = json.loads(line)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:57] + "..."
