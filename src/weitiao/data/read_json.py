"""JSON arrays and JSON lines: numbered rows of fields.

Broken lines and items are noted in `Problems` and skipped, so that all of a file are reported together.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any, TextIO

from weitiao.data.problems import Problems
from weitiao.data.read_path import Step, records_at

Row = tuple[int, dict[str, Any]]
_SHOWN = 100  # characters of an object in an error
LINE_LIMIT = 64_000_000  # characters; a longer line is not even parsed


class _DuplicateField(ValueError):
    pass


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        shown = ", ".join(f'"{name}": {_shown(value)}' for name, value in pairs)
        raise _DuplicateField(f'field "{twice}" occurs twice in one object: {{{shown[:_SHOWN]}}}')
    return fields


def _shown(value: Any) -> str:
    return "..." if isinstance(value, list | dict) else json.dumps(value, ensure_ascii=False)


_loads = json.JSONDecoder(object_pairs_hook=_object).decode  # made once, not for every line


def _fault(error: Exception, text: str) -> str:
    """One sentence about text that is not JSON, with the place inside its line."""
    if isinstance(error, json.JSONDecodeError):
        near = text[max(0, error.pos - 15) : error.pos + 15].replace("\n", "\\n")
        return f"not JSON: {error.msg} at column {error.colno}, near {near!r}"
    if isinstance(error, RecursionError):
        return "nested too deeply"
    return str(error)


def json_lines(stream: TextIO, problems: Problems, steps: tuple[Step, ...] | None = None) -> Iterator[Row]:
    """Objects of a JSON lines stream; the number is the line. Blank lines hold no record.

    Args:
        stream: The decoded file.
        problems: Where broken lines are noted.
        steps: Where the records are inside each line; None: each line is one.
    """
    for number, line in enumerate(_lines(stream), start=1):
        if len(line) >= LINE_LIMIT:
            problems.add(f"row {number}: the line is longer than {LINE_LIMIT:,} characters")
            continue
        if not line.strip():
            continue
        try:
            value = _loads(line)
        except (ValueError, RecursionError) as error:
            problems.add(f"row {number}: {_fault(error, line)}")
            continue
        if steps is not None:
            for fields in records_at(value, steps, problems, f"row {number}"):
                yield number, fields
        elif isinstance(value, dict):
            yield number, value
        else:
            problems.add(
                f"row {number}: expected an object {{...}}, got {_kind(value)}",
                remedy="one JSON object a line; a file that holds one array is named .json",
            )


def _lines(stream: TextIO) -> Iterator[str]:
    while line := stream.readline(LINE_LIMIT):
        yield line
        while len(line) == LINE_LIMIT and not line.endswith("\n"):
            line = stream.readline(LINE_LIMIT)


def json_items(
    stream: TextIO, problems: Problems, found: dict[str, Any], steps: tuple[Step, ...] | None = None
) -> Iterator[Row]:
    """Items of a JSON array, or of the only list inside an object; JSON lines are taken too.

    Args:
        stream: The decoded file.
        problems: Where broken items are noted.
        found: Gets ``items`` (name of the list) where the array is inside an object.
        steps: Where the records are; they are then numbered from 1 as they come.
    """
    text = stream.read()
    try:
        value = _loads(text)
    except (ValueError, RecursionError) as error:
        if _is_lines(text):
            yield from json_lines(io.StringIO(text, newline=""), problems, steps)
        else:
            line = f"line {error.lineno}: " if isinstance(error, json.JSONDecodeError) else ""
            problems.add(f"{line}{_fault(error, text)}")
        return
    if steps is not None:
        yield from enumerate(records_at(value, steps, problems), start=1)
        return
    for number, item in enumerate(_array(value, problems, found), start=1):
        if isinstance(item, dict):
            yield number, item
        else:
            problems.add(
                f"row {number}: expected an object {{...}}, got {_kind(item)}",
                remedy="say with `path` of the source where the objects are (`path: [*][1][*]`: those in the second "
                "array of each item), or write the file as [{...}, {...}], one object with named fields a record",
            )


def _is_lines(text: str) -> bool:
    """Whether the first line that is not blank is an object of its own."""
    first = next((line for line in io.StringIO(text) if line.strip()), "")
    try:
        return isinstance(json.loads(first), dict)
    except (ValueError, RecursionError):
        return False


def _array(value: Any, problems: Problems, found: dict[str, Any]) -> list[Any]:
    if isinstance(value, list):
        return value
    if not isinstance(value, dict):
        problems.add(f"expected an array of objects, got {_kind(value)}")
        return []
    lists = [name for name, inner in value.items() if isinstance(inner, list)]
    if len(lists) == 1:
        found["items"] = lists[0]
        return value[lists[0]]
    what = f"with several lists ({', '.join(lists)})" if lists else "without a list"
    problems.add(
        f"expected an array of objects, got one object {what}",
        remedy='say with `path` of the source which list holds the records (`path: "*"`: each value of the object), or '
        "write them as one array [{...}, {...}] or one object a line in a .jsonl file",
    )
    return []


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    names = {list: "an array", dict: "an object", str: "a string", bool: "true or false"}
    return names.get(type(value), "a number")
