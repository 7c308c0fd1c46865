"""Data sets in a folder: train.jsonl, dev.jsonl, test.jsonl, card.json and card.html (the card as a page).

One example a line: ``{"id", "messages": [{"role", "content", "train"}], "group", "origin", "meta"}``, with
``tool_calls`` in a message that calls functions, and ``tools`` and ``weight`` where there are some. The card is
written last, so a folder with a card is whole.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from weitiao.data.card_page import PAGE, card_page
from weitiao.data.problems import Problems
from weitiao.data.split import PARTS
from weitiao.data.whole import write_whole
from weitiao.errors import DataError
from weitiao.types import ROLES, Dataset, Example, Message, Origin, ToolCall

CARD = "card.json"


def dataset_hash(dataset: Dataset) -> str:
    """SHA-256 (hex) over ids and contents of all parts, in order."""
    digest = hashlib.sha256()
    for name in PARTS:
        digest.update(f"[{name}]\n".encode())
        for example in getattr(dataset, name):
            turns = [[m.role, m.content, m.train, *_calls(m)] for m in example.messages]
            tools = [list(example.tools)] if example.tools else []
            weight = [{"weight": example.weight}] if example.weight != 1 else []
            digest.update(
                json.dumps([example.id, turns, *tools, *weight], ensure_ascii=False).encode() + b"\n"
            )
    return digest.hexdigest()


def _calls(message: Message) -> list[list[dict[str, Any]]]:
    """The calls in a list of one, an empty list where there are none."""
    return [[call.as_dict() for call in message.tool_calls]] if message.tool_calls else []


def _message_dict(message: Message) -> dict[str, Any]:
    stored: dict[str, Any] = {"role": message.role, "content": message.content, "train": message.train}
    for calls in _calls(message):
        stored["tool_calls"] = calls
    return stored


def example_dict(example: Example) -> dict[str, Any]:
    """The stored form of one example."""
    origin = example.origin
    stored: dict[str, Any] = {
        "id": example.id,
        "messages": [_message_dict(message) for message in example.messages],
        "group": example.group,
        "origin": None if origin is None else {"file": origin.file, "row": origin.row, "sheet": origin.sheet},
        "meta": dict(example.meta),
    }
    if example.tools:
        stored["tools"] = [dict(tool) for tool in example.tools]
    if example.weight != 1:
        stored["weight"] = example.weight
    return stored


def example_from(stored: Mapping[str, Any]) -> Example:
    """The example of its stored form.

    Raises:
        ValueError: A part is missing or of the wrong kind.
    """
    try:
        messages = tuple(_message(m) for m in stored["messages"])
        if not messages:
            raise ValueError("no messages")
        origin = stored.get("origin")
        return Example(
            id=_typed(stored["id"], str, "id"),
            messages=messages,
            group=_typed(stored.get("group", ""), str, "group"),
            origin=None if origin is None else Origin(origin["file"], origin["row"], origin.get("sheet")),
            meta=dict(stored.get("meta") or {}),
            tools=tuple(_typed(tool, dict, "tools") for tool in stored.get("tools") or ()),
            weight=float(_typed(stored.get("weight", 1.0), int | float, "weight")),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a stored example: {type(error).__name__} {error}") from error


def _message(stored: Mapping[str, Any]) -> Message:
    role = stored["role"]
    if role not in ROLES:
        raise ValueError(f"unknown role {role!r}, expected one of {', '.join(ROLES)}")
    calls = tuple(
        ToolCall(_typed(call["name"], str, "name"), _typed(call["arguments"], dict, "arguments"))
        for call in stored.get("tool_calls") or ()
    )
    return Message(role, _typed(stored["content"], str, "content"), bool(stored.get("train", False)), calls)


def _typed(value: Any, kind: Any, name: str) -> Any:
    if not isinstance(value, kind):
        raise ValueError(f"{name}: expected {getattr(kind, '__name__', kind)}, got {type(value).__name__}")
    return value


def save(dataset: Dataset, folder: Path) -> None:
    """Write a data set; each file appears whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / CARD).unlink(missing_ok=True)  # no card while the parts are being replaced
    for name in PARTS:
        examples: Iterable[Example] = getattr(dataset, name)
        write_whole(folder / f"{name}.jsonl", (_line(example_dict(example)) for example in examples))
    write_whole(folder / PAGE, [card_page(dataset.card, title=f"Data card: {folder.resolve().name}")])
    write_whole(folder / CARD, [json.dumps(dict(dataset.card), ensure_ascii=False, indent=2) + "\n"])


def _line(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False) + "\n"


def load(folder: Path) -> Dataset:
    """Read a data set back; ``load`` after ``save`` gives an equal one.

    Raises:
        DataError: The folder holds no (whole) data set, or its parts are not those its card describes.
    """
    card_path = folder / CARD
    if not card_path.is_file():
        raise DataError(
            f"{folder}: no {CARD}: this folder holds no complete data set", remedy="prepare it again"
        )
    try:
        card = json.loads(card_path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataError(f"{card_path}: not JSON: {error}", remedy="prepare the data set again") from error
    train, dev, test = (tuple(read_examples(folder / f"{name}.jsonl")) for name in PARTS)
    dataset = Dataset(train, dev, test, card)
    stated = card.get("sha256") if isinstance(card, dict) else None
    if stated is not None and stated != dataset_hash(dataset):
        raise DataError(
            f"{folder}: the parts were changed after {CARD} was written (their hash differs)",
            remedy="prepare it again; parts of your own go into a recipe as data.train, data.dev, data.test",
        )
    return dataset


def read_examples(path: Path) -> Iterator[Example]:
    """Examples of one stored part.

    Raises:
        DataError: No such file, or at its end all lines that are not stored examples.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such file", remedy="prepare the data set again")
    problems = Problems(str(path))
    with path.open(encoding="utf-8", newline="\n") as file:
        for number, line in enumerate(file, start=1):
            try:
                example = example_from(json.loads(line))
            except ValueError as error:
                problems.add(f"row {number}: {error}")
                continue
            yield example
    problems.raise_if_any()
