"""Old rows stay where they are: the parts of an earlier version of the data set go over a new split.

Legend: N rows, C components, K rows of the earlier version.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from weitiao.data.facts import prompt_key
from weitiao.data.split import PARTS, key_hash
from weitiao.data.split_keys import Components, Hashes, RowKeys
from weitiao.data.store import CARD, read_examples
from weitiao.errors import DataError

_NEW = -1


@dataclass(frozen=True)
class Earlier:
    """Parts of an earlier version, by prompt, and by group where a step has rewritten the prompt (noise).

    Attributes:
        prompts: [K] hashes of the prompts, sorted, each once.
        parts: [K] 0 train, 1 dev, 2 test; of a prompt that stood in several, the last.
        groups: [G] hashes of the group keys that stood in one part only, sorted.
        group_parts: [G].
    """

    prompts: Hashes
    parts: NDArray[np.int8]
    groups: Hashes = field(default_factory=lambda: np.zeros(0, dtype=np.uint64))
    group_parts: NDArray[np.int8] = field(default_factory=lambda: np.zeros(0, dtype=np.int8))

    def of(self, prompts: Hashes, groups: Hashes | None = None) -> NDArray[np.int8]:
        """[N] part of each row, -1 where it is new; rows with the same prompt have the same.

        Args:
            prompts: [N].
            groups: [N] hashes of the group keys, None where they are not known.
        """
        found = _looked_up(prompts, self.prompts, self.parts)
        if groups is None:
            return found
        by_group = _of_prompts(prompts, _looked_up(groups, self.groups, self.group_parts))
        return np.where(found == _NEW, by_group, found).astype(np.int8)


def _of_prompts(prompts: Hashes, parts: NDArray[np.int8]) -> NDArray[np.int8]:
    """[N] the part that any row of the same prompt has; -1 where none has one, or where they are in several."""
    names, codes = np.unique(prompts, return_inverse=True)
    lowest, highest = np.full(len(names), len(PARTS)), np.full(len(names), _NEW)
    known = parts != _NEW
    np.minimum.at(lowest, codes[known], parts[known])
    np.maximum.at(highest, codes[known], parts[known])
    return np.where(lowest == highest, highest, _NEW)[codes].astype(np.int8)


def _looked_up(keys: Hashes, known: Hashes, parts: NDArray[np.int8]) -> NDArray[np.int8]:
    if not len(known):
        return np.full(len(keys), _NEW, dtype=np.int8)
    place = np.minimum(np.searchsorted(known, keys), len(known) - 1)
    return np.where(known[place] == keys, parts[place], _NEW).astype(np.int8)


@dataclass(frozen=True)
class Kept:
    """A split with the old rows where they were.

    Attributes:
        parts: [N] 0 train, 1 dev, 2 test.
        rows: Rows that were there before, by their prompt or their group.
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
    prompts, groups, parts = array("Q"), array("Q"), array("b")
    for part, name in enumerate(PARTS):
        for example in read_examples(place / f"{name}.jsonl"):
            prompts.append(prompt_key(example))
            groups.append(key_hash(0, example.group))
            parts.append(part)
    return earlier_of(prompts, parts, groups)


def earlier_of(prompts: Sequence[int], parts: Sequence[int], groups: Sequence[int] = ()) -> Earlier:
    """The parts of rows, given one by one.

    Args:
        prompts: `prompt_key` of each.
        parts: 0 train, 1 dev, 2 test.
        groups: `key_hash` of each group key with the seed 0, where groups are to be kept too.
    """
    hashes = np.array(prompts, dtype=np.uint64)
    order = np.argsort(hashes, kind="stable")
    hashes, known = hashes[order], np.array(parts, dtype=np.int8)[order]
    last = np.append(hashes[1:] != hashes[:-1], True)[: len(hashes)]
    return Earlier(hashes[last], known[last], *_of_one_part(np.array(groups, dtype=np.uint64), parts))


def _of_one_part(groups: Hashes, parts: Sequence[int]) -> tuple[Hashes, NDArray[np.int8]]:
    """Groups that stand in one part only, sorted, and their parts."""
    names, codes = np.unique(groups, return_inverse=True)
    places = np.zeros((len(names), len(PARTS)), dtype=bool)
    places[codes, np.array(parts[: len(groups)], dtype=np.int8)] = True
    alone = places.sum(axis=1) == 1
    return names[alone], places[alone].argmax(axis=1).astype(np.int8)


def keep(parts: NDArray[np.int8], keys: RowKeys, found: Components, earlier: Earlier) -> Kept:
    """Put old rows back where they were; new rows go where most old rows of their component are.

    Args:
        parts: [N] of the new split.
        keys: Of the rows.
        found: Components of the rows.
        earlier: Of the earlier version.
    """
    old = earlier.of(keys.prompts.array(), keys.group_names)
    is_old = old != _NEW
    votes = np.zeros((len(found), len(PARTS)), dtype=np.int64)
    np.add.at(votes, (found.of_row[is_old], old[is_old]), 1)
    home = np.where(votes.any(1), votes.argmax(1), _NEW)[found.of_row]
    result = np.where(is_old, old, np.where(home != _NEW, home, parts)).astype(np.int8)
    return Kept(result, int(is_old.sum()), int(((votes > 0).sum(1) > 1).sum()))
