"""LLaMA-Factory's ``dataset_info.json``: which file a data set is in, its shape, its columns and its roles."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from weitiao.config import Source
from weitiao.data.problems import nearest
from weitiao.data.shapes.alpaca import Alpaca
from weitiao.data.shapes.dialogue import Shape
from weitiao.data.shapes.sharegpt import ShareGPT
from weitiao.errors import DataError

FILE = "dataset_info.json"
_KEYS = ("file_name", "formatting", "columns", "tags", "file_sha1", "ranking")
_COLUMNS = {
    "alpaca": ("prompt", "query", "response", "history", "system", "tools"),
    "sharegpt": ("messages", "system", "tools"),
}
_TAGS = {
    "role_tag": "from",
    "content_tag": "value",
    "user_tag": "human",
    "assistant_tag": "gpt",
    "observation_tag": "observation",
    "function_tag": "function_call",
    "system_tag": "system",
}
_SPEAKERS = {
    "user_tag": "user",
    "assistant_tag": "assistant",
    "observation_tag": "tool",
    "function_tag": "function_call",
    "system_tag": "system",
}


@dataclass(frozen=True)
class Entry:
    """One data set of the file.

    Attributes:
        file: Its data file, relative to the recipe's folder.
        formatting: ``alpaca`` or ``sharegpt``.
        columns: What they are called there -> column of the data file.
        tags: Names of fields and speakers.
    """

    file: str
    formatting: str
    columns: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)

    def shape(self) -> Shape:
        """How the rows of its file are read."""
        if self.formatting == "alpaca":
            return Alpaca(**self.columns)
        tags = {**_TAGS, **self.tags}
        columns = dict(self.columns)
        column = columns.pop("messages", "conversations")
        speakers = {tags[name]: role for name, role in _SPEAKERS.items()}
        return ShareGPT(
            column=column,
            speaker=tags["role_tag"],
            value=tags["content_tag"],
            speakers=speakers,
            **columns,
        )


def named_entry(source: Source, root: Path) -> Entry:
    """The data set that a source names with ``dataset_info`` and ``dataset``.

    Raises:
        DataError: No such file or data set, or one that cannot be used here.
    """
    file = source.dataset_info or ""
    path = root / Path(file).expanduser()
    if path.is_dir():
        path, file = path / FILE, str(Path(file) / FILE)
    entries = _load(path, file)
    name = source.dataset or ""
    if name not in entries:
        raise DataError(
            f'{file}: no data set "{name}"{nearest(name, entries)}',
            remedy=f"it has {', '.join(list(entries)[:20])}",
        )
    return _entry(name, entries[name], file)


def neighbouring_entry(file: str, root: Path) -> Entry | None:
    """The data set of a ``dataset_info.json`` in a file's own folder that names this file, if there is exactly one.

    Raises:
        DataError: That file is broken, or describes data that cannot be used here.
    """
    path = root / Path(file).expanduser()
    beside = path.parent / FILE
    if path.name == FILE or not beside.is_file():
        return None
    name = str(Path(file).parent / FILE)
    entries = {
        key: value
        for key, value in _load(beside, name).items()
        if isinstance(value, dict) and value.get("file_name") == path.name
    }
    if len(entries) != 1:
        return None
    ((key, value),) = entries.items()
    return _entry(key, value, name)


def _load(path: Path, name: str) -> dict[str, Any]:
    if not path.is_file():
        raise DataError(f"{name}: no such file", remedy="paths are relative to the recipe's folder")
    try:
        value = json.loads(path.read_text(encoding="utf-8-sig"))
    except ValueError as error:
        raise DataError(f"{name}: not JSON: {error}", remedy="mend the file") from error
    if not isinstance(value, dict):
        raise DataError(f"{name}: expected an object of data sets by name", remedy="mend the file")
    return value


def _entry(name: str, value: Any, file: str) -> Entry:
    if not isinstance(value, dict):
        raise DataError(f'{file}, data set "{name}": expected an object', remedy="mend the file")
    problems = [f"{key} is not supported" for key in value if key not in _KEYS]
    if value.get("ranking"):
        problems.append("preference data (ranking) cannot be learnt by fine-tuning")
    target = value.get("file_name")
    if not isinstance(target, str):
        problems.append("no file_name: only local files can be read")
    formatting = value.get("formatting", "alpaca")
    if formatting not in _COLUMNS:
        problems.append(f"formatting {formatting!r}, expected alpaca or sharegpt")
    columns = _names(value, "columns", _COLUMNS.get(formatting, ()), problems)
    tags = _names(value, "tags", tuple(_TAGS), problems)
    if problems:
        raise DataError(
            f'{file}, data set "{name}": {"; ".join(problems)}',
            remedy="name the data file in the source itself, with data.shape",
        )
    return Entry(str(Path(file).parent / str(target)), formatting, columns, tags)


def _names(value: Mapping[str, Any], key: str, known: tuple[str, ...], problems: list[str]) -> dict[str, str]:
    given = value.get(key) or {}
    if not isinstance(given, dict) or not all(isinstance(v, str) or v is None for v in given.values()):
        problems.append(f"{key}: expected an object of texts")
        return {}
    problems += [f"{key}.{name} is not supported" for name in given if name not in known]
    return {name: text for name, text in given.items() if text is not None and name in known}
