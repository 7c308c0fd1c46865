"""Data sets in a folder: train.jsonl, dev.jsonl, test.jsonl, card.json and card.html (the card as a page).

One example a line, see `weitiao.data.lines`. The card comes last, so a folder with a card is whole.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from weitiao.data.card_page import PAGE, card_page
from weitiao.data.lines import Digest, example_of, line_of
from weitiao.data.problems import Problems
from weitiao.data.shelf import Shelf
from weitiao.data.split import PARTS
from weitiao.data.whole import write_together
from weitiao.errors import DataError
from weitiao.types import Dataset, Example

CARD = "card.json"
_OFTEN = 1000  # rows between two words about progress


def dataset_hash(dataset: Dataset) -> str:
    """SHA-256 (hex) over ids and contents of all parts, in order."""
    digest = Digest()
    for name in PARTS:
        digest.begin(name)
        for example in getattr(dataset, name):
            digest.add(example)
    return digest.hexdigest()


def save(dataset: Dataset, folder: Path, *, progress: Callable[[str, int], None] | None = None) -> None:
    """Write a data set whole or not at all: an error or an interruption leaves what was there before.

    Args:
        dataset: What `weitiao.data.prepare` gives.
        folder: Made where there is none.
        progress: Told ``write`` and the number of rows, every thousand rows.

    Raises:
        OSError: The folder cannot be written.
    """
    written = 0

    def lines(examples: Sequence[Example]) -> Iterator[str]:
        nonlocal written
        for line in examples.lines() if isinstance(examples, Shelf) else map(line_of, examples):
            yield line
            written += 1
            if progress is not None and written % _OFTEN == 0:
                progress("write", written)

    page = card_page(dataset.card, title=f"Data card: {folder.resolve().name}")
    card = json.dumps(dict(dataset.card), ensure_ascii=False, indent=2) + "\n"
    parts: list[tuple[Path, Iterable[str]]] = [
        (folder / f"{name}.jsonl", lines(getattr(dataset, name))) for name in PARTS
    ]
    write_together([*parts, (folder / PAGE, [page]), (folder / CARD, [card])])


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
                example = example_of(line)
            except ValueError as error:
                problems.add(f"row {number}: {error}")
                continue
            yield example
    problems.raise_if_any()
