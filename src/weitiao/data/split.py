"""A split into train, dev and test in which no prompt and no group falls into two parts.

Examples with the same prompt or the same group (and near-duplicates, where ``split.near`` asks for it) form one
component. Each group key has a number in [0, 1) from a keyed hash; a component takes the smallest of its keys:

    0 ........ test ........ test + dev ........ 1
       test         dev             train

So the parts do not depend on the order of the rows, and rows that are added later move no old group. One
limit: a new row that ties two groups together (the prompt of one, the group of the other) makes them one
component, and then one of the two may move. Without ``split.group`` and ``split.near`` a prompt has one group only,
and this cannot happen. A split by time compares the newest time of a component with two cuts instead; a stratified
one lends a group to every part that a class lacks. `docs/splits.md` says what each of them promises.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

from weitiao.config import SplitConfig
from weitiao.data.column import CHUNK, Column
from weitiao.types import Example

if TYPE_CHECKING:  # loaded when a split is made: `weitiao --help` needs no numpy
    import numpy as np
    from numpy.typing import NDArray

    from weitiao.data.split_keep import Earlier

PARTS = ("train", "dev", "test")
Parts = tuple[tuple[Example, ...], tuple[Example, ...], tuple[Example, ...]]
GroupOf = Callable[[Example], str]
SAME_WARNING = (
    "train, dev and test are the same rows (data.split.same): every score is a training score and says nothing about "
    "rows that the model has not seen"
)
_KEY_LENGTH = 64  # longer keys are shortened and hashed: a prompt need not be stored twice


@dataclass(frozen=True)
class Plan:
    """Who falls into which part.

    Attributes:
        parts: [N] 0 train, 1 dev, 2 test.
        facts: What the data card says about it beside the recipe's section.
        warnings: What the user should read.
        prompts: N `prompt_key`, for who needs them again.
    """

    parts: NDArray[np.int8]
    facts: dict[str, Any]
    warnings: tuple[str, ...] = ()
    prompts: Column | None = None


def group_key(example: Example, mask: Callable[[str], str]) -> str:
    """The masked group value, or the masked prompt where there is none; long ones end in a hash."""
    value = example.group if example.group.strip() else "\n".join(m.content for m in example.prompt)
    masked = mask(value)
    if len(masked) <= _KEY_LENGTH:
        return masked
    digest = hashlib.sha256(masked.encode()).hexdigest()[:16]
    return f"{masked[: _KEY_LENGTH - 24]}…{digest}"


def with_groups(examples: Sequence[Example], mask: Callable[[str], str]) -> list[Example]:
    """The examples with their final group keys."""
    return [dataclasses.replace(example, group=group_key(example, mask)) for example in examples]


def _group_of(example: Example) -> str:
    return example.group


def split(examples: Sequence[Example], config: SplitConfig, group_of: GroupOf = _group_of) -> Parts:
    """Train, dev and test; the order within a part is that of the examples.

    Args:
        examples: All examples.
        config: Section ``data.split``; with ``same`` every part holds all examples.
        group_of: The key whose equal values stay together; by default `Example.group`.

    Raises:
        DataError: A part that was asked for is empty, or a time cannot be read.
    """
    rows = rows_of(plan_split(examples, config, group_of), config)
    train, dev, test = (tuple(examples[number] for number in rows[name]) for name in PARTS)
    return train, dev, test


def rows_of(plan: Plan, config: SplitConfig) -> dict[str, Iterator[int]]:
    """Numbers of the rows of each part, in order."""
    return {
        name: chain.from_iterable(block.tolist() for block in _blocks(plan, config, part))
        for part, name in enumerate(PARTS)
    }


def prompts_of(plan: Plan, config: SplitConfig) -> dict[str, Iterator[int]]:
    """Keys of the prompts of each part, in the order of `rows_of`; empty where the plan has none."""
    keys = plan.prompts
    if keys is None:
        return {}
    return {
        name: chain.from_iterable(keys.take(block).tolist() for block in _blocks(plan, config, part))
        for part, name in enumerate(PARTS)
    }


def _blocks(plan: Plan, config: SplitConfig, part: int) -> Iterator[NDArray[np.int64]]:
    """Numbers of the rows of a part, some at a time: all of them would take eight bytes a row."""
    import numpy as np

    for begin in range(0, len(plan.parts), CHUNK):
        block = plan.parts[begin : begin + CHUNK]
        yield begin + (np.arange(len(block)) if config.same else np.flatnonzero(block == part))


def assign(
    examples: Iterable[Example], config: SplitConfig, group_of: GroupOf = _group_of
) -> NDArray[np.int8]:
    """Part of every example, see `plan_split`."""
    return plan_split(examples, config, group_of).parts


def plan_split(
    examples: Iterable[Example],
    config: SplitConfig,
    group_of: GroupOf = _group_of,
    earlier: Earlier | None = None,
) -> Plan:
    """Part of every example, from one pass over them that keeps a few numbers of each.

    Args:
        examples: All examples with their final groups (`with_groups`); an iterator will do, unless ``near`` is set.
        config: Section ``data.split``. With ``same`` all rows are said to be in train: they are in dev and test too.
            With ``folds`` the parts are those of ``fold``, by default of the first.
        group_of: The key whose equal values stay together; by default `Example.group`.
        earlier: The version whose rows stay in their parts (`weitiao.data.split_keep.read_earlier`).

    Raises:
        DataError: A part that was asked for is empty, or a time cannot be read.
    """
    from weitiao.data.split_plan import make_plan

    return make_plan(examples, config, group_of, earlier)


def uniform(seed: int, key: str) -> float:
    """A number in [0, 1) that depends on seed and key only."""
    return key_hash(seed, key) / 2**64


def key_hash(seed: int, key: str) -> int:
    """64 bits that depend on seed and key only."""
    digest = hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=8, key=str(seed).encode())
    return int.from_bytes(digest.digest())
