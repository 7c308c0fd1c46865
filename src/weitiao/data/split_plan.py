"""The plan of a split: components dealt into parts, what the card says about it, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weitiao.config import SplitConfig
from weitiao.data import split_deal as deal
from weitiao.data.column import repeated_rows
from weitiao.data.split import PARTS, SAME_WARNING, GroupOf, Plan
from weitiao.data.split_keep import Earlier, keep
from weitiao.data.split_keys import (
    Components,
    Hashes,
    RowKeys,
    collect,
    components,
    group_hashes,
    numbers_of,
    strata,
)
from weitiao.data.split_time import find_cuts
from weitiao.errors import DataError
from weitiao.types import Example

_SEEDS_TRIED = 50
_ROWS_TRIED = 20_000  # with more rows a part is empty for other reasons than the seed
_CLASSES_SHOWN = 50
_EMPTY_SHOWN = 3


def make_plan(
    examples: Iterable[Example], config: SplitConfig, group_of: GroupOf, earlier: Earlier | None = None
) -> Plan:
    """See `weitiao.data.split.plan_split`."""
    if config.same:
        count = sum(1 for _ in examples)
        return Plan(np.zeros(count, dtype=np.int8), {}, (SAME_WARNING,))
    keys = collect(examples, config, group_of)
    plan = None if earlier is not None else _by_own_group(keys, config)
    if plan is not None and not _empty_parts(plan.parts, config):
        return plan
    found = components(keys.prompts, keys.groups, keys.near)
    plan = _planned(keys, found, config, earlier)
    empty = _empty_parts(plan.parts, config)
    if config.folds is not None:
        empty = _empty_in_folds(keys, found, config)
    if empty:
        raise _too_few(examples, keys, found, config, group_of, empty)
    return replace(plan, prompts=keys.prompts)


def _by_own_group(keys: RowKeys, config: SplitConfig) -> Plan | None:
    """The plan by hash where every prompt has one group, so that no components need to be found; else None.

    A component is then a group, and its number that of the group. Takes a byte a row instead of some fifty.
    """
    if config.by != "hash" or config.exact or config.folds is not None or keys.near is not None:
        return None
    shared = repeated_rows(keys.prompts)
    prompts, groups = keys.prompts.take(shared), keys.groups.take(shared)
    order = np.argsort(prompts, kind="stable")
    prompts, groups = prompts[order], groups[order]
    if ((prompts[1:] == prompts[:-1]) & (groups[1:] != groups[:-1])).any():
        return None
    dealt = (deal.by_number(numbers_of(some), config.dev, config.test) for some in keys.groups.chunks())
    parts = np.concatenate([np.zeros(0, np.int8), *dealt])
    return Plan(parts, _unnamed_rows(keys), tuple(_unnamed(keys, config)), keys.prompts)


def _settled(
    parts: NDArray[np.int8], keys: RowKeys, found: Components, earlier: Earlier | None, facts: dict[str, Any]
) -> tuple[NDArray[np.int8], list[str]]:
    """The parts of all rows with those of an earlier version where they were, and what to warn of."""
    if earlier is None:
        return parts, []
    kept = keep(parts, keys, found, earlier)
    facts["rows_kept"] = kept.rows
    facts["rows_that_would_be_elsewhere"] = int((kept.parts != parts).sum())
    if not kept.torn:
        return kept.parts, []
    facts["groups_in_several_parts"] = kept.torn
    return kept.parts, [
        f"{kept.torn} groups stand in several parts: new rows tie old ones together that data.split.keep holds apart"
    ]


def _planned(keys: RowKeys, found: Components, config: SplitConfig, earlier: Earlier | None = None) -> Plan:
    classes = None if keys.labels is None else strata(keys.labels, found)
    facts, warnings = _unnamed_rows(keys), _unnamed(keys, config)
    if keys.near is not None:
        alone = components(keys.prompts, keys.groups)
        facts["near_duplicates"] = {"groups_joined": len(alone) - len(found)}
    if config.folds is not None:
        numbers = _fold_numbers(found, classes, config)
        parts, num_lent = _of_fold(found, numbers, classes, config, config.fold or 1)
        facts["content"] = keys.content
        facts["fold_rows"] = np.bincount(numbers[found.of_row], minlength=config.folds).tolist()
        if config.fold is None:
            warnings.append(
                f"this is fold 1 of {config.folds} (data.split.folds); `weitiao run` trains all of them"
            )
    elif config.by == "time":
        plan = _planned_by_time(keys, found, config, earlier, facts)
        return replace(plan, warnings=(*warnings, *plan.warnings))
    else:
        parts, num_lent = _by_shares(found, classes, config), 0
        if classes is not None:
            parts, num_lent = deal.lend(parts, found.numbers, classes, deal.spans(config.dev, config.test))
    of_row, torn = _settled(parts[found.of_row], keys, found, earlier, facts)
    warnings += torn
    if keys.labels is not None:
        assert classes is not None
        _check_classes(keys, classes)
        if num_lent:
            facts["groups_lent"] = num_lent
        facts["classes"], lacking = _class_table(keys, of_row, config)
        if lacking:
            warnings.append(
                f"{len(lacking)} {'class has' if len(lacking) == 1 else 'classes have'} too few groups to be in every "
                f"part: {', '.join(lacking[:5])}"
                f"{', ...' if len(lacking) > 5 else ''}"
            )
    return Plan(of_row, facts, tuple(warnings))


def _unnamed_rows(keys: RowKeys) -> dict[str, Any]:
    return {f"rows_without_{what}": count for what, count in keys.unnamed.items()}


def _unnamed(keys: RowKeys, config: SplitConfig) -> list[str]:
    """What becomes of rows whose group or class is empty."""
    said = {
        "group": f"no group (`{config.group or 'group'}` is empty there): each is dealt by its prompt",
        "class": f"no class (`{config.stratify or 'response'}` is empty there): together they count as a class",
    }
    rows = {what: f"{count:,} row{'s' if count > 1 else ''}" for what, count in keys.unnamed.items()}
    return [f"data.split: {count} with {said[what]}" for what, count in rows.items()]


def _by_shares(found: Components, classes: Hashes | None, config: SplitConfig) -> deal.PartNumbers:
    if not config.exact:
        return deal.by_number(found.numbers, config.dev, config.test)
    shares = (1 - config.dev - config.test, config.dev, config.test)
    return deal.by_shares(found.numbers, found.sizes, classes, shares).astype(np.int8)


def _fold_numbers(found: Components, classes: Hashes | None, config: SplitConfig) -> deal.FoldNumbers:
    assert config.folds is not None
    if not config.exact:
        return deal.fold_of(found.numbers, config.folds, classes)
    return deal.by_shares(found.numbers, found.sizes, classes, [1 / config.folds] * config.folds)


def _of_fold(
    found: Components, numbers: deal.FoldNumbers, classes: Hashes | None, config: SplitConfig, fold: int
) -> deal.Dealt:
    assert config.folds is not None
    return deal.of_fold(numbers, fold - 1, config.folds, found.numbers, classes, config.dev)


def _empty_in_folds(keys: RowKeys, found: Components, config: SplitConfig) -> list[str]:
    """Empty parts of all folds: that of the last one must not show after the others have been trained."""
    assert config.folds is not None
    classes = None if keys.labels is None else strata(keys.labels, found)
    numbers = _fold_numbers(found, classes, config)
    return [
        f"{name} of fold {fold}"
        for fold in range(1, config.folds + 1)
        for name in _empty_parts(_of_fold(found, numbers, classes, config, fold).parts, config)
    ]


def _planned_by_time(
    keys: RowKeys, found: Components, config: SplitConfig, earlier: Earlier | None, facts: dict[str, Any]
) -> Plan:
    """A component stands where its newest row stands, so nothing that is trained on is newer than the cut."""
    assert keys.times is not None
    values = keys.times.values
    newest = np.full(len(found), -np.inf)
    np.maximum.at(newest, found.of_row, values)
    dev_from, test_from = find_cuts(keys.times, newest, found.sizes, config)
    cut = deal.by_time(newest, dev_from, test_from)[found.of_row]
    parts, warnings = _settled(cut, keys, found, earlier, facts)
    for name, time, share in (("dev_from", dev_from, config.dev), ("test_from", test_from, config.test)):
        if share > 0:
            facts[name] = keys.times.text(time)
    facts["rows_with_a_newer_row_of_their_group"] = int(
        (parts != deal.by_time(values, dev_from, test_from)).sum()
    )
    return Plan(parts, facts, tuple(warnings))


def _check_classes(keys: RowKeys, classes: Hashes) -> None:
    """Refuse answers that are no classes: most of them would be the only one of their kind."""
    _, counts = np.unique(classes, return_counts=True)
    if (counts == 1).sum() * 2 > len(classes) and len(counts) > 2:
        raise DataError(
            f"data.split.by: stratified needs classes: {len(keys)} rows have {len(counts)} different ones, "
            f"{(counts == 1).sum()} of them in one group only",
            remedy="set data.split.stratify to the column of the class, or data.split.by to hash",
        )


def _class_table(
    keys: RowKeys, parts: NDArray[np.int8], config: SplitConfig
) -> tuple[dict[str, Any], list[str]]:
    """Rows of every class in every part, the most frequent class first, and the classes that a part lacks."""
    assert keys.labels is not None
    labels, codes = np.unique(keys.labels, return_inverse=True)
    table = np.bincount(codes * 3 + parts, minlength=3 * len(labels)).reshape(-1, 3)
    asked = [True, config.dev > 0, config.test > 0 or config.folds is not None]
    order = np.lexsort((labels, -table.sum(axis=1)))
    shown = {
        _short(keys.names.get(int(labels[n]), f"class {n}")): dict(zip(PARTS, table[n].tolist(), strict=True))
        for n in order[:_CLASSES_SHOWN]
    }
    lacking = [
        _short(keys.names.get(int(labels[n]), f"class {n}")) for n in order if (table[n][asked] == 0).any()
    ]
    return shown, lacking


def _short(label: str) -> str:
    return (label or "(empty)") if len(label) <= 40 else f"{label[:39]}…"


def _empty_parts(parts: NDArray[np.int8], config: SplitConfig) -> list[str]:
    test = 1.0 if config.folds is not None else config.test
    counts = np.bincount(parts, minlength=len(PARTS))
    return [
        name
        for name, n, share in zip(PARTS, counts, (1.0, config.dev, test), strict=True)
        if share > 0 and not n
    ]


def _too_few(
    examples: Iterable[Example],
    keys: RowKeys,
    found: Components,
    config: SplitConfig,
    group_of: GroupOf,
    empty: list[str],
) -> DataError:
    """Name the empty parts, and a seed that fills all of them where there is one nearby."""
    where = f"{len(keys)} rows in {len(found)} groups"
    remedies = ["give more rows or a larger share", "set a share to 0", "or give train, dev and test files"]
    if config.by == "time":
        assert keys.times is not None
        first, last = (
            keys.times.text(float(time)) for time in (keys.times.values.min(), keys.times.values.max())
        )
        where += f" from {first} to {last}, cut by time"
        remedies = ["set data.split.dev_from and data.split.test_from to times within those of the rows"]
    elif config.folds is not None:
        where += f", {config.folds} folds, dev {config.dev}, seed {config.seed}"
        stratified = [] if config.by == "stratified" else ["use data.split.by: stratified"]
        remedies = ["give more rows", "ask for fewer folds", *stratified, "or set data.split.dev to 0"]
    else:
        where += f", dev {config.dev}, test {config.test}, seed {config.seed}"
    if keys.near is not None and (joined := len(components(keys.prompts, keys.groups)) - len(found)):
        where += f"; data.split.near joined {joined + len(found)} groups to these {len(found)}"
        remedies = ["raise data.split.near or leave it out", *remedies]
    seed_decides = config.by != "time" and config.keep is None
    if seed_decides and len(keys) <= _ROWS_TRIED and iter(examples) is not examples:
        remedies = [*_another_seed(examples, keys, config, group_of), *remedies]
    named = " and ".join(empty[:_EMPTY_SHOWN])
    if len(empty) > _EMPTY_SHOWN:
        named += f" and {len(empty) - _EMPTY_SHOWN} parts more"
    return DataError(f"data.split leaves {named} empty: {where}", remedy=", ".join(remedies))


def _another_seed(
    examples: Iterable[Example], keys: RowKeys, config: SplitConfig, group_of: GroupOf
) -> list[str]:
    for seed in range(_SEEDS_TRIED):
        other = replace(keys, groups=group_hashes(examples, seed, group_of))
        found = components(other.prompts, other.groups, other.near)
        parts = _planned(other, found, config).parts
        if config.folds is not None and not _empty_in_folds(other, found, config):
            return [f"data.split.seed={seed} fills all of them"]
        if config.folds is None and not _empty_parts(parts, config):
            sizes = "/".join(str(n) for n in np.bincount(parts, minlength=len(PARTS)))
            return [f"data.split.seed={seed} gives {sizes}"]
    return []
