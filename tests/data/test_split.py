"""Splits: a partition, stable, without leaks, near the shares."""

from __future__ import annotations

import random

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from weitiao.config import SplitConfig
from weitiao.data.split import group_key, split, uniform, with_groups
from weitiao.errors import DataError
from weitiao.types import Example, Message, content_id


def example(prompt: str, group: str = "", response: str = "r") -> Example:
    messages = (Message("user", prompt), Message("assistant", response, train=True))
    return Example(content_id(messages), messages, group)


pairs = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), min_size=1, max_size=40)
configs = st.builds(SplitConfig, dev=st.floats(0, 0.4), test=st.floats(0, 0.4), seed=st.integers(0, 1000))


def parts_of(examples: list[Example], config: SplitConfig) -> dict[int, str]:
    """Part of each example by identity; skips cases in which a part is empty."""
    try:
        parts = split(examples, config)
    except DataError:
        assume(False)
        raise
    return {id(e): name for name, part in zip(("train", "dev", "test"), parts, strict=True) for e in part}


@given(pairs=pairs, config=configs)
def test_partition_without_leaks(pairs: list[tuple[int, int]], config: SplitConfig) -> None:
    examples = [example(f"p{p}", f"g{g}", str(k)) for k, (p, g) in enumerate(pairs)]
    part = parts_of(examples, config)
    assert set(part) == {id(e) for e in examples}
    for one in examples:
        for other in examples:
            if one.prompt == other.prompt or one.group == other.group:
                assert part[id(one)] == part[id(other)]


@given(
    old=st.lists(st.integers(0, 30), min_size=1, max_size=30),
    new=st.lists(st.integers(0, 60), max_size=30),
    config=configs,
    order=st.randoms(),
)
def test_added_and_shuffled_rows_move_no_group(
    old: list[int], new: list[int], config: SplitConfig, order: random.Random
) -> None:
    before = with_groups([example(f"p{p}") for p in old], str)
    after = before + with_groups([example(f"p{p}") for p in new], str)
    order.shuffle(after)
    first, second = parts_of(before, config), parts_of(after, config)
    assert all(second[key] == part for key, part in first.items())


@given(pairs=pairs, config=configs, order=st.randoms())
def test_order_of_the_rows_does_not_matter(
    pairs: list[tuple[int, int]], config: SplitConfig, order: random.Random
) -> None:
    examples = [example(f"p{p}", f"g{g}", str(k)) for k, (p, g) in enumerate(pairs)]
    shuffled = list(examples)
    order.shuffle(shuffled)
    assert parts_of(shuffled, config) == parts_of(examples, config)


def test_shares_are_near_those_asked_for() -> None:
    examples = with_groups([example(f"question {k}") for k in range(4000)], str)
    train, dev, test = split(examples, SplitConfig(dev=0.15, test=0.25))
    assert len(dev) / 4000 == pytest.approx(0.15, abs=0.02)
    assert len(test) / 4000 == pytest.approx(0.25, abs=0.02)
    assert len(train) + len(dev) + len(test) == 4000


def test_order_within_parts_is_that_of_the_rows() -> None:
    examples = with_groups([example(f"question {k:03}") for k in range(100)], str)
    for part in split(examples, SplitConfig(dev=0.3, test=0.3)):
        prompts = [e.messages[0].content for e in part]
        assert prompts == sorted(prompts)


def test_seed_changes_the_split() -> None:
    assert uniform(1, "a") != uniform(2, "a")
    assert uniform(1, "a") == uniform(1, "a") < 1


def test_empty_part_is_an_error_with_a_seed_that_works() -> None:
    examples = with_groups([example(f"q{k}") for k in range(6)], str)
    bad = next(s for s in range(100) if not _fills(examples, s))
    with pytest.raises(DataError, match=r"empty: 6 rows in 6 groups") as caught:
        split(examples, SplitConfig(seed=bad))
    assert caught.value.remedy is not None
    seed = int(caught.value.remedy.split("data.split.seed=")[1].split(" ")[0])
    assert _fills(examples, seed)
    split(examples, SplitConfig(dev=0, test=0, seed=bad))


def test_many_empty_folds_are_counted() -> None:
    examples = with_groups([example(f"q{k}") for k in range(6)], str)
    with pytest.raises(DataError) as caught:
        split(examples, SplitConfig(dev=0, folds=20, by="stratified", stratify="x"))
    assert caught.value.message.count("test of fold") == 3
    assert "and 11 parts more empty" in caught.value.message
    assert "stratified" not in (caught.value.remedy or "")


def _fills(examples: list[Example], seed: int) -> bool:
    try:
        return all(split(examples, SplitConfig(seed=seed)))
    except DataError:
        return False


def test_group_keys_are_short_and_differ() -> None:
    long = "很长的问题" * 100
    keys = {group_key(example(prompt), str) for prompt in (long, long + "一", "短")}
    assert len(keys) == 3
    assert max(map(len, keys)) <= 64
    assert group_key(example("prompt", "the group"), str.upper) == "THE GROUP"
    assert group_key(example("prompt", "  "), str) == "prompt"
