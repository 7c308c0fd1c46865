"""Tagged sentences (``.bmes``, ``.conll``, ``.bio``): one token and its tag a line, sentences apart by blank lines."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from weitiao.data.encoding import find_encoding
from weitiao.data.problems import Problems
from weitiao.types import Origin, Record

TAG_FORMATS = (".bmes", ".conll", ".bio", ".iob", ".txt")
_MARKS = ("B", "I", "M", "E", "S")


def read_tags(path: Path, name: str, *, encoding: str | None = None) -> Iterator[Record]:
    """One record a sentence: ``text``, ``tokens`` and ``tags``; the row is the number of its first line.

    The tag is the last column that looks like one. A position digit behind a character (``科0``) is taken off where
    every token of the file has one.

    Args:
        path: The file.
        name: As the user wrote it, for errors.
        encoding: Stated in the recipe; None: found out.

    Raises:
        DataError: All lines without a tag.
    """
    lines = path.read_text(encoding=find_encoding(path, name=name, given=encoding)).split("\n")
    problems = Problems(name)
    rows: list[tuple[int, str, str]] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            rows.append((number, "", ""))
            continue
        parts = line.split("\t") if "\t" in line else line.split(" ")
        tag = next((p.strip() for p in reversed(parts[1:]) if _is_tag(p.strip())), None)
        if tag is None:
            problems.add(
                f"row {number}: no tag (expected: token, blank, tag such as B-ORG or O)",
                remedy=f"mend these lines; a {path.suffix} file is read as tagged sentences, files of records are "
                "json, jsonl, csv, tsv, xlsx or parquet",
            )
            continue
        rows.append((number, parts[0], tag))
    problems.raise_if_any()
    tokens = [token for _, token, tag in rows if tag]
    digits = bool(tokens) and all(len(t) >= 2 and t[-1].isdecimal() for t in tokens)
    yield from _sentences(rows, name, digits)


def _is_tag(text: str) -> bool:
    return text == "O" or (text[:1] in _MARKS and text[1:2] == "-")


def _sentences(rows: list[tuple[int, str, str]], name: str, digits: bool) -> Iterator[Record]:
    tokens: list[str] = []
    tags: list[str] = []
    first = 0
    for number, token, tag in [*rows, (0, "", "")]:
        if tag:
            first = first or number
            tokens.append(token[:-1] if digits else token)
            tags.append(tag)
        elif tokens:
            joiner = "" if all(len(t) <= 2 for t in tokens) and not all(t.isascii() for t in tokens) else " "
            yield Record({"text": joiner.join(tokens), "tokens": tokens, "tags": tags}, Origin(name, first))
            tokens, tags, first = [], [], 0
