"""Laws of all ways to split: no leaks, no order, and who may move when rows are added."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from weitiao.config import SplitConfig
from weitiao.config.split import CLASS_FIELD, TIME_FIELD
from weitiao.config.steps import FIELDS
from weitiao.data.split import assign, plan_split, split, uniform
from weitiao.errors import DataError
from weitiao.types import Example, Message, Origin, content_id


def example(prompt: str, group: str, label: str, time: int = 0, row: int = 0) -> Example:
    messages = (Message("user", prompt), Message("assistant", label, train=True))
    meta = {FIELDS: {TIME_FIELD: str(time)}}
    return Example(content_id(messages), messages, group, Origin("a.csv", row), meta)


Row = tuple[int, int, int, int]  # prompt, group, label, time
rows = st.lists(
    st.tuples(st.integers(0, 25), st.integers(0, 25), st.integers(0, 2), st.integers(0, 9)),
    min_size=4,
    max_size=40,
)
dealt = ["hash", "stratified", "exact hash", "exact stratified"]
ways = st.sampled_from([*dealt, "time"])
seeds = st.integers(0, 50)


def made(values: Sequence[Row], *, own: bool = False) -> list[Example]:
    """Examples; with ``own`` every row is a group of its own."""
    return [
        example(f"p{n if own else p}", f"g{n if own else g}", f"label {label}", time, n)
        for n, (p, g, label, time) in enumerate(values)
    ]


def config_of(way: str, seed: int, **more: object) -> SplitConfig:
    """Of a way to split, which may begin with ``exact``."""
    exact, _, by = way.rpartition(" ")
    given = {"by": by, "exact": bool(exact), **({"time": "t"} if by == "time" else {})}
    return SplitConfig.model_validate({"dev": 0.2, "test": 0.2, "seed": seed, **given, **more})


def parts_of(examples: Sequence[Example], config: SplitConfig) -> list[int]:
    """Part of each; cases with an empty part, or without classes, are skipped."""
    try:
        return assign(examples, config).tolist()
    except DataError:
        assume(False)
        raise


def check_no_leak(examples: Sequence[Example], parts: Sequence[int]) -> None:
    seen: dict[str, set[int]] = defaultdict(set)
    for one, part in zip(examples, parts, strict=True):
        seen["p" + one.prompt[0].content].add(part)
        seen["g" + one.group].add(part)
    assert all(len(found) == 1 for found in seen.values())


@given(rows, ways, seeds)
def test_no_prompt_and_no_group_in_two_parts(values: list[Row], way: str, seed: int) -> None:
    examples = made(values)
    check_no_leak(examples, parts_of(examples, config_of(way, seed)))


@given(rows, seeds, st.sampled_from(dealt), st.integers(2, 4))
def test_folds_partition_the_rows_without_leaks(values: list[Row], seed: int, way: str, folds: int) -> None:
    examples = made(values)
    tested = []
    for fold in range(1, folds + 1):
        parts = parts_of(examples, config_of(way, seed, folds=folds, fold=fold, test=0))
        check_no_leak(examples, parts)
        tested.append([part == 2 for part in parts])
    assert all(sum(column) == 1 for column in zip(*tested, strict=True))


@given(rows, ways, seeds, st.randoms(), st.booleans())
def test_the_order_of_the_rows_does_not_matter(
    values: list[Row], way: str, seed: int, order: random.Random, in_folds: bool
) -> None:
    examples = made(values)
    shuffled = list(examples)
    order.shuffle(shuffled)
    config = config_of(way, seed, **({"folds": 2, "fold": 2} if in_folds and way != "time" else {}))
    before = dict(zip(map(id, examples), parts_of(examples, config), strict=True))
    after = dict(zip(map(id, shuffled), parts_of(shuffled, config), strict=True))
    assert after == before


def in_all_parts(examples: Sequence[Example], config: SplitConfig) -> set[str]:
    """Classes that are in every part without being lent anything."""
    found: dict[str, set[int]] = defaultdict(set)
    for one in examples:
        number = uniform(config.seed, one.group)
        found[one.messages[-1].content].add((number < config.test) + (number < config.test + config.dev))
    return {label for label, parts in found.items() if len(parts) == 3}


@given(rows, rows, st.sampled_from(["hash", "stratified"]), seeds)
def test_added_rows_move_no_old_row(old: list[Row], new: list[Row], way: str, seed: int) -> None:
    """Of a stratified split: of no class that was in all parts by itself."""
    config = config_of(way, seed)
    everything = made([*old, *new], own=True)
    before = everything[: len(old)]
    first, second = parts_of(before, config), parts_of(everything, config)
    still = in_all_parts(before, config) if way == "stratified" else None
    for one, a, b in zip(before, first, second, strict=False):
        assert a == b or (still is not None and one.messages[-1].content not in still)


@given(rows, rows, seeds)
def test_added_rows_move_no_old_row_to_another_fold_by_hash(
    old: list[Row], new: list[Row], seed: int
) -> None:
    everything = made([*old, *new], own=True)
    for fold in (1, 2):
        config = config_of("hash", seed, folds=2, fold=fold)
        first, second = parts_of(everything[: len(old)], config), parts_of(everything, config)
        assert [p == 2 for p in second[: len(old)]] == [p == 2 for p in first]


@given(rows, seeds)
def test_every_class_with_three_groups_is_in_every_part(values: list[Row], seed: int) -> None:
    examples = made(values, own=True)
    found: dict[str, list[int]] = defaultdict(list)
    for one, part in zip(examples, parts_of(examples, config_of("stratified", seed)), strict=True):
        found[one.messages[-1].content].append(part)
    assert all(set(parts) == {0, 1, 2} for parts in found.values() if len(parts) >= 3)


@given(rows, seeds, st.integers(2, 4))
def test_stratified_folds_differ_by_one_row_at_most(values: list[Row], seed: int, folds: int) -> None:
    examples = made(values, own=True)
    counts: dict[str, list[int]] = defaultdict(lambda: [0] * folds)
    for fold in range(folds):
        parts = parts_of(examples, config_of("stratified", seed, folds=folds, fold=fold + 1))
        for one, part in zip(examples, parts, strict=True):
            for name in ("all", one.messages[-1].content):
                counts[name][fold] += part == 2
    assert all(max(found) - min(found) <= 1 for found in counts.values())


shares = st.tuples(st.integers(0, 6), st.integers(0, 6)).map(lambda s: {"dev": s[0] / 15, "test": s[1] / 15})


@given(rows, seeds, shares, st.booleans())
def test_exact_shares_are_met(
    values: list[Row], seed: int, asked: dict[str, float], in_classes: bool
) -> None:
    """In all to one row; in a class to two, or one more where it was lent a row to be in every part."""
    examples = made(values, own=True)
    parts = parts_of(examples, config_of("exact stratified" if in_classes else "exact hash", seed, **asked))
    rows_of: dict[str, list[int]] = defaultdict(list)
    for one, part in zip(examples, parts, strict=True):
        for name in ("all", one.messages[-1].content):
            rows_of[name].append(part)
    wanted = (1 - asked["dev"] - asked["test"], asked["dev"], asked["test"])
    for name, found in rows_of.items() if in_classes else [("all", rows_of["all"])]:
        lent = (3 if name == "all" else 1) if in_classes else 0
        for part, share in enumerate(wanted):
            assert abs(found.count(part) - share * len(found)) < (1 if name == "all" else 2) + 2 * lent + 1e-9


@given(st.lists(st.integers(1, 9), min_size=1, max_size=60), st.integers(2, 5), seeds)
def test_exact_folds_differ_by_the_largest_group_at_most(sizes: list[int], folds: int, seed: int) -> None:
    values = [(len(sizes) * k + n, n, 0, 0) for n, size in enumerate(sizes) for k in range(size)]
    examples = made(values)
    counts = [
        parts_of(examples, config_of("exact hash", seed, folds=folds, fold=fold, dev=0)).count(2)
        for fold in range(1, folds + 1)
    ]
    assert sum(counts) == len(examples)
    assert max(counts) - min(counts) <= max(sizes)


def test_exact_stratified_shares_of_real_sizes() -> None:
    """What a dealt split gives only on average: 200, 60, 12 and 3 rows at 8:1:1."""
    sizes = [200, 60, 12, 3]
    examples = made([(0, 0, label, 0) for label, size in enumerate(sizes) for _ in range(size)], own=True)
    for seed in range(20):
        found = plan_split(
            examples, config_of("exact stratified", seed, ratio="8:1:1", dev=0.1, test=0.1)
        ).facts
        rows = {label: tuple(counts.values()) for label, counts in found["classes"].items()}
        assert rows["label 0"] == (160, 20, 20)
        assert rows["label 1"] == (48, 6, 6)
        assert all(abs(n - 12 * s) < 1 for n, s in zip(rows["label 2"], (0.8, 0.1, 0.1), strict=True))
        assert rows["label 3"] == (1, 1, 1)


def test_every_row_is_trained_on_in_some_fold() -> None:
    examples = made([(n, n, n % 3, 0) for n in range(60)])
    trained = [0] * 60
    for fold in range(1, 6):
        for row, part in enumerate(assign(examples, config_of("hash", 1, folds=5, fold=fold, dev=0.3))):
            trained[row] += part == 0
    assert min(trained) > 0


def test_stratified_shares_are_near_those_asked_for() -> None:
    examples = made([(n, n, n % 3, 0) for n in range(3000)])
    plan = plan_split(examples, config_of("stratified", 3))
    for found in plan.facts["classes"].values():
        assert found["test"] == pytest.approx(200, abs=40)
    assert sum(sum(found.values()) for found in plan.facts["classes"].values()) == 3000


def test_answers_that_are_no_classes_are_refused() -> None:
    examples = [example(f"p{n}", f"g{n}", f"a sentence {n}") for n in range(20)]
    with pytest.raises(DataError, match="20 rows have 20 different ones") as caught:
        assign(examples, config_of("stratified", 1))
    assert "data.split.stratify" in str(caught.value)
    labelled = [
        Example(e.id, e.messages, e.group, e.origin, {FIELDS: {CLASS_FIELD: f"c{n % 2}"}})
        for n, e in enumerate(examples)
    ]
    assert set(assign(labelled, config_of("stratified", 1)).tolist()) == {0, 1, 2}


def test_a_class_too_small_is_named() -> None:
    examples = made([(n, n, int(n == 0), 0) for n in range(40)])
    plan = plan_split(examples, config_of("stratified", 1))
    assert plan.warnings == ("1 class has too few groups to be in every part: label 1",)


def test_same_gives_every_part_all_rows() -> None:
    examples = made([(n, n, 0, 0) for n in range(5)])
    assert split(examples, SplitConfig(same=True)) == (tuple(examples),) * 3
    assert "training score" in plan_split(examples, SplitConfig(same=True)).warnings[0]


def test_an_iterator_will_do() -> None:
    examples = made([(n, n, 0, 0) for n in range(50)])
    config = config_of("hash", 1)
    assert assign(iter(examples), config).tolist() == assign(examples, config).tolist()
    with pytest.raises(TypeError, match="again"):
        assign(iter(examples), config_of("hash", 1, near=0.8))
