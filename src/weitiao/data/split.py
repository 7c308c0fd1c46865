"""A split into train, dev and test in which no prompt and no group falls into two parts.

Examples with the same prompt or the same group form one component. Each group key has a number in [0, 1) from
a keyed hash; a component takes the smallest of its keys:

    0 ........ test ........ test + dev ........ 1
       test         dev             train

So the parts do not depend on the order of the rows, and rows that are added later move no old group. One
limit: a new row that ties two groups together (the prompt of one, the group of the other) makes them one
component, and then one of the two may move. Without ``split.group`` a prompt has one group only, and this
cannot happen.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Sequence

from weitiao.config import SplitConfig
from weitiao.errors import DataError
from weitiao.types import Example, content_id

PARTS = ("train", "dev", "test")
Parts = tuple[tuple[Example, ...], tuple[Example, ...], tuple[Example, ...]]
_KEY_LENGTH = 64  # longer keys are shortened and hashed: a prompt need not be stored twice
_SEEDS_TRIED = 50


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


def split(
    examples: Sequence[Example],
    config: SplitConfig,
    group_of: Callable[[Example], str] = lambda example: example.group,
) -> Parts:
    """Train, dev and test; the order within a part is that of the examples.

    Args:
        examples: All examples.
        config: Shares and seed.
        group_of: The key whose equal values stay together; by default `Example.group`.

    Raises:
        DataError: A part that was asked for is empty.
    """
    keys = [group_of(example) for example in examples]
    prompts = [content_id(example.prompt, example.tools) for example in examples]
    roots = components(prompts, keys)
    parts = _assign(examples, keys, roots, config, config.seed)
    empty = _empty_parts(parts, config)
    if empty:
        raise _too_few(examples, keys, roots, config, empty)
    return parts


def components(prompts: Sequence[str], keys: Sequence[str]) -> list[int]:
    """For each example the number of an example that stands for its component (union-find).

    Args:
        prompts: Prompt of each example.
        keys: Group key of each example.
    """
    parent = list(range(len(prompts)))

    def root(node: int) -> int:
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    for values in (prompts, keys):
        first: dict[str, int] = {}
        for number, value in enumerate(values):
            parent[root(number)] = root(first.setdefault(value, number))
    return [root(number) for number in range(len(prompts))]


def uniform(seed: int, key: str) -> float:
    """A number in [0, 1) that depends on seed and key only."""
    digest = hashlib.blake2b(key.encode(), digest_size=8, key=str(seed).encode()).digest()
    return int.from_bytes(digest) / 2**64


def _assign(
    examples: Sequence[Example], keys: Sequence[str], roots: Sequence[int], config: SplitConfig, seed: int
) -> Parts:
    numbers = {key: uniform(seed, key) for key in set(keys)}
    smallest: dict[int, float] = {}
    for root, key in zip(roots, keys, strict=True):
        smallest[root] = min(smallest.get(root, 1.0), numbers[key])
    train: list[Example] = []
    dev: list[Example] = []
    test: list[Example] = []
    for example, root in zip(examples, roots, strict=True):
        number = smallest[root]
        part = test if number < config.test else dev if number < config.test + config.dev else train
        part.append(example)
    return tuple(train), tuple(dev), tuple(test)


def _empty_parts(parts: Parts, config: SplitConfig) -> list[str]:
    asked = (1.0, config.dev, config.test)
    return [name for name, part, share in zip(PARTS, parts, asked, strict=True) if share > 0 and not part]


def _too_few(
    examples: Sequence[Example],
    keys: Sequence[str],
    roots: Sequence[int],
    config: SplitConfig,
    empty: list[str],
) -> DataError:
    """Name the empty parts, and a seed that fills all of them where there is one nearby."""
    remedies = ["give more rows or a larger share", "set a share to 0", "or give train, dev and test files"]
    for seed in range(_SEEDS_TRIED):
        parts = _assign(examples, keys, roots, config, seed)
        if not _empty_parts(parts, config):
            sizes = "/".join(str(len(part)) for part in parts)
            remedies.insert(0, f"data.split.seed={seed} gives {sizes}")
            break
    return DataError(
        f"data.split leaves {' and '.join(empty)} empty: {len(examples)} rows in {len(set(roots))} groups, "
        f"dev {config.dev}, test {config.test}, seed {config.seed}",
        remedy=", ".join(remedies),
    )
