"""Old rows stay where they are: the parts of an earlier version of the data set go over a new split.

Legend: N rows, C components, K rows of the earlier version.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from weitiao.data.facts import prompt_key
from weitiao.data.split import PARTS
from weitiao.data.split_keys import Components, Hashes
from weitiao.data.store import CARD, read_examples
from weitiao.errors import DataError

_NEW = -1


@dataclass(frozen=True)
class Earlier:
    """Parts of an earlier version, by prompt.

    Attributes:
        prompts: [K] hashes of the prompts, sorted, each once.
        parts: [K] 0 train, 1 dev, 2 test; of a prompt that stood in several, the last.
    """

    prompts: Hashes
    parts: NDArray[np.int8]

    def of(self, prompts: Hashes) -> NDArray[np.int8]:
        """[N] part of each prompt, -1 where it is new."""
        if not len(self.prompts):
            return np.full(len(prompts), _NEW, dtype=np.int8)
        place = np.minimum(np.searchsorted(self.prompts, prompts), len(self.prompts) - 1)
        return np.where(self.prompts[place] == prompts, self.parts[place], _NEW).astype(np.int8)


@dataclass(frozen=True)
class Kept:
    """A split with the old rows where they were.

    Attributes:
        parts: [N] 0 train, 1 dev, 2 test.
        rows: Rows that were there before.
        torn: Components whose old rows are in several parts, because a new row ties them together.
    """

    parts: NDArray[np.int8]
    rows: int
    torn: int


def read_earlier(folder: Path) -> Earlier:
    """The parts of a data set, or of the one of a run.

    Raises:
        DataError: There is none.
    """
    place = next((path for path in (folder, folder / "dataset") if (path / CARD).is_file()), None)
    if place is None:
        raise DataError(
            f"data.split.keep: {folder}: neither a data set nor a run: no {CARD} and no dataset/{CARD}",
            remedy="name a folder made by `weitiao data prepare` or `weitiao run`; paths start at the recipe's folder",
        )
    prompts, parts = array("Q"), array("b")
    for part, name in enumerate(PARTS):
        for example in read_examples(place / f"{name}.jsonl"):
            prompts.append(prompt_key(example))
            parts.append(part)
    return earlier_of(prompts, parts)


def earlier_of(prompts: Sequence[int], parts: Sequence[int]) -> Earlier:
    """The parts of prompts, given row by row as `prompt_key` and number."""
    hashes = np.array(prompts, dtype=np.uint64)
    order = np.argsort(hashes, kind="stable")
    hashes, known = hashes[order], np.array(parts, dtype=np.int8)[order]
    last = np.append(hashes[1:] != hashes[:-1], True)[: len(hashes)]
    return Earlier(hashes[last], known[last])


def keep(parts: NDArray[np.int8], prompts: Hashes, found: Components, earlier: Earlier) -> Kept:
    """Put old rows back where they were; new rows go where most old rows of their component are.

    Args:
        parts: [N] of the new split.
        prompts: [N] hashes of the prompts.
        found: Components of the rows.
        earlier: Of the earlier version.
    """
    old = earlier.of(prompts)
    is_old = old != _NEW
    votes = np.zeros((len(found), len(PARTS)), dtype=np.int64)
    np.add.at(votes, (found.of_row[is_old], old[is_old]), 1)
    home = np.where(votes.any(1), votes.argmax(1), _NEW)[found.of_row]
    result = np.where(is_old, old, np.where(home != _NEW, home, parts)).astype(np.int8)
    return Kept(result, int(is_old.sum()), int(((votes > 0).sum(1) > 1).sum()))
