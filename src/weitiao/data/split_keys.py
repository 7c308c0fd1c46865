"""What a split knows of every row: a few numbers, gathered in one pass, and the components that they tie together.

Legend: N rows, C components.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weitiao.config import SplitConfig
from weitiao.config.split import CLASS_FIELD, NO_GROUP_FIELD, TIME_FIELD
from weitiao.config.steps import FIELDS
from weitiao.data.column import Column
from weitiao.data.facts import prompt_key, said
from weitiao.data.split import GroupOf, key_hash
from weitiao.data.split_time import TimeReader, Times
from weitiao.types import Example

Hashes = NDArray[np.uint64]
Numbers = NDArray[np.float64]
Codes = NDArray[np.int64]
Edges = tuple[Codes, Codes]  # numbers of rows that belong together, pair by pair

_NAMES_KEPT = 1000  # labels that can be named in the card and in messages


@dataclass(frozen=True)
class RowKeys:
    """Compact numbers of N rows.

    Attributes:
        prompts: N hashes of the prompts.
        groups: N hashes of the group keys under the seed; over 2**64 they are numbers in [0, 1).
        labels: [N] hashes of the classes, None where they are not asked for.
        names: Labels by their hash, the first thousand.
        times: Times of the rows, None where they are not asked for.
        near: Pairs of near-duplicates.
        unnamed: How many rows have an empty group or class, where the recipe names one.
        group_names: [N] hashes of the group keys whatever the seed, with ``keep`` only.
        content: With folds, a hash of the ids of all rows in any order: folds of equal rows have it in common.
    """

    prompts: Column
    groups: Column
    labels: Hashes | None = None
    names: Mapping[int, str] = field(default_factory=dict)
    times: Times | None = None
    near: Edges | None = None
    unnamed: Mapping[str, int] = field(default_factory=dict)
    group_names: Hashes | None = None
    content: str = ""

    def __len__(self) -> int:
        return len(self.prompts)


@dataclass(frozen=True)
class Components:
    """Rows that stay together because they share a prompt, a group, or a near-duplicate.

    Attributes:
        of_row: [N] number of the component of each row.
        numbers: [C] number in [0, 1) of each component: the smallest of its group keys.
    """

    of_row: Codes
    numbers: Numbers

    def __len__(self) -> int:
        return len(self.numbers)

    @property
    def sizes(self) -> Codes:
        """[C] rows of each component."""
        return np.bincount(self.of_row, minlength=len(self)).astype(np.int64)


def collect(examples: Iterable[Example], config: SplitConfig, group_of: GroupOf) -> RowKeys:
    """Go through the examples once (with ``near`` twice more) and keep numbers only.

    Args:
        examples: All examples; with ``near`` it must be possible to go through them again.
        config: Section ``data.split``.
        group_of: The key whose equal values stay together.

    Raises:
        DataError: Rows whose time cannot be read, all of them.
    """
    prompts, groups, labels, ids, group_names = (Column() for _ in range(5))
    names: dict[int, str] = {}
    unnamed = {"group": 0, "class": 0}
    reader = TimeReader() if config.by == "time" else None
    for example in examples:
        prompts.append(prompt_key(example))
        groups.append(key_hash(config.seed, group_of(example)))
        if config.keep is not None:
            group_names.append(key_hash(0, group_of(example)))
        unnamed["group"] += NO_GROUP_FIELD in fields_of(example)
        if config.folds is not None:
            ids.append(key_hash(0, example.id))
        if config.by == "stratified":
            label = label_of(example)
            key = key_hash(0, label)
            unnamed["class"] += not label
            labels.append(key)
            if len(names) < _NAMES_KEPT:
                names.setdefault(key, label)
        if reader is not None:
            reader.add(fields_of(example).get(TIME_FIELD, ""), str(example.origin or example.id))
    near = None
    if config.near is not None:
        from weitiao.data.split_near import near_pairs

        near = near_pairs(examples, config.near)
    return RowKeys(
        prompts,
        groups,
        labels.array() if config.by == "stratified" else None,
        names,
        reader.times() if reader is not None else None,
        near,
        {what: count for what, count in unnamed.items() if count},
        group_names.array() if config.keep is not None else None,
        hashlib.sha256(np.sort(ids.array()).tobytes()).hexdigest()[:16] if config.folds is not None else "",
    )


def group_hashes(examples: Iterable[Example], seed: int, group_of: GroupOf) -> Column:
    """N hashes of the group keys under another seed."""
    return Column(key_hash(seed, group_of(example)) for example in examples)


def label_of(example: Example) -> str:
    """The class of an example: what ``split.stratify`` says, else its reply."""
    value = fields_of(example).get(CLASS_FIELD)
    return ((said(example) or "") if value is None else value).strip()


def fields_of(example: Example) -> Mapping[str, Any]:
    """Values that travel with an example until its part is known."""
    return example.meta.get(FIELDS, {})


def components(prompts: Column, groups: Column, near: Edges | None = None) -> Components:
    """Tie rows of equal prompt, equal group, and near-duplicates together.

    Args:
        prompts: N.
        groups: N.
        near: Pairs of rows.
    """
    prompt, group = _codes(prompts.array()), _codes(groups.array())
    num_prompts = int(prompt.max(initial=-1)) + 1
    size = num_prompts + int(group.max(initial=-1)) + 1
    left, right = [prompt], [group + num_prompts]
    if near is not None:
        left.append(prompt[near[0]])
        right.append(prompt[near[1]])
    of_node = _connected(np.concatenate(left), np.concatenate(right), size)
    of_row = _codes(of_node[prompt])
    numbers = np.ones(int(of_row.max(initial=-1)) + 1)
    np.minimum.at(numbers, of_row, numbers_of(groups.array()))
    return Components(of_row.astype(np.int64), numbers)


def numbers_of(groups: Hashes) -> Numbers:
    """[N] the number in [0, 1) of each group key."""
    return groups.astype(np.float64) / 2.0**64


def _codes(values: NDArray[Any]) -> NDArray[np.int32]:
    """Numbers from 0 on for the different values, in their order: half the memory of what numpy gives."""
    return np.unique(values, return_inverse=True)[1].astype(np.int32)


def _connected(left: NDArray[np.int32], right: NDArray[np.int32], size: int) -> NDArray[np.int32]:
    """[size] number of the component of each node."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    edges = coo_array((np.ones(len(left), dtype=np.int8), (left, right)), shape=(size, size))
    return connected_components(edges, directed=False)[1]


def strata(labels: Hashes, found: Components) -> Hashes:
    """[C] the label that most rows of a component have; of two equally frequent ones that of the smaller hash."""
    names, codes = np.unique(labels, return_inverse=True)
    pairs, counts = np.unique(found.of_row * len(names) + codes, return_counts=True)
    component, code = np.divmod(pairs, max(len(names), 1))
    order = np.lexsort((code, -counts, component))
    first = np.concatenate([[True], np.diff(component[order]) > 0])
    return names[code[order][first]]
