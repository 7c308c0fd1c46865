"""``split.keep``: whatever decides, rows of an earlier version stay in their parts."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example as case
from hypothesis import given, settings
from hypothesis import strategies as st

from data.test_split_laws import Row, config_of, made, rows, seeds, ways
from weitiao.config import NoiseStep, Recipe
from weitiao.data import prepare, save, split_keep
from weitiao.data.facts import prompt_key
from weitiao.data.split import key_hash, plan_split
from weitiao.data.split_keep import Earlier, read_earlier
from weitiao.errors import ConfigError, DataError
from weitiao.recipe import load_recipe

LAWS = settings(max_examples=80, deadline=None)
PARTS = ("train", "dev", "test")


def earlier_of(placed: dict[int, int]) -> Earlier:
    prompts = np.array(sorted(placed), dtype=np.uint64)
    return Earlier(prompts, np.array([placed[int(p)] for p in prompts], dtype=np.int8))


@LAWS
@given(old=rows, new=rows, way=ways, seed=seeds, where=st.lists(st.integers(0, 2), min_size=30, max_size=30))
def test_no_old_row_moves(old: list[Row], new: list[Row], way: str, seed: int, where: list[int]) -> None:
    """However the old rows lay, and however the new ones tie them together."""
    placed = {prompt_key(e): where[n % 30] for n, e in enumerate(made(old))}
    examples = made([*new, *old])
    try:
        plan = plan_split(examples, config_of(way, seed), earlier=earlier_of(placed))
    except DataError:
        return
    parts = plan.parts.tolist()
    for example, part in zip(examples, parts, strict=True):
        assert placed.get(prompt_key(example), part) == part
    by_prompt: dict[int, set[int]] = {}
    for example, part in zip(examples, parts, strict=True):
        by_prompt.setdefault(prompt_key(example), set()).add(part)
    assert all(len(found) == 1 for found in by_prompt.values())
    assert plan.facts["rows_kept"] == sum(prompt_key(e) in placed for e in examples)


@LAWS
@given(old=rows, new=rows, way=ways, seed=seeds)
def test_groups_stay_whole_where_old_rows_allow(old: list[Row], new: list[Row], way: str, seed: int) -> None:
    config = config_of(way, seed)
    try:
        before = plan_split(made(old), config)
        placed = dict(zip(map(prompt_key, made(old)), before.parts.tolist(), strict=True))
        examples = made([*old, *new])
        plan = plan_split(examples, config, earlier=earlier_of(placed))
    except DataError:
        return
    groups: dict[str, set[int]] = {}
    for example, part in zip(examples, plan.parts.tolist(), strict=True):
        groups.setdefault(example.group, set()).add(part)
    torn = plan.facts.get("groups_in_several_parts", 0)
    assert bool(torn) or all(len(found) == 1 for found in groups.values())
    assert bool(plan.warnings) or not torn


@LAWS
@given(old=rows, new=rows, way=ways, seed=seeds, where=st.lists(st.integers(0, 2), min_size=30, max_size=30))
@case(
    old=[(0, 0, 0, 0), (1, 1, 0, 0), (2, 2, 0, 0), (3, 3, 0, 0)],
    new=[(9, 0, 0, 0), (9, 1, 0, 0)],
    way="hash",
    seed=0,
    where=[0, 2, 1] * 10,
)
def test_no_prompt_comes_into_two_parts_by_its_groups(
    old: list[Row], new: list[Row], way: str, seed: int, where: list[int]
) -> None:
    """A new prompt in two old groups of different parts, or in an old and a new one."""
    before = {prompt_key(e): (where[n % 30], e.group) for n, e in enumerate(made(old))}
    known = split_keep.earlier_of(
        list(before), [p for p, _ in before.values()], [key_hash(0, g) for _, g in before.values()]
    )
    examples = made([*new, *old])
    try:
        plan = plan_split(examples, config_of(way, seed, keep="old"), earlier=known)
    except DataError:
        return
    by_prompt: dict[int, set[int]] = {}
    for row, part in zip(examples, plan.parts.tolist(), strict=True):
        by_prompt.setdefault(prompt_key(row), set()).add(part)
    for prompt, found in by_prompt.items():
        assert len(found) == 1
        assert prompt not in before or found == {before[prompt][0]}


def test_without_old_rows_nothing_changes() -> None:
    examples = made([(n, n, n % 2, n) for n in range(40)])
    config = config_of("hash", 1)
    plan = plan_split(examples, config, earlier=earlier_of({}))
    assert plan.parts.tolist() == plan_split(examples, config).parts.tolist()


def recipe_at(folder: Path, number: int, **split: object) -> Recipe:
    lines = [{"q": f"问题{n}", "a": "甲乙"[n % 2], "day": f"2020-01-{n % 28 + 1:02}"} for n in range(number)]
    (folder / "rows.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    data = {"sources": [{"file": "rows.jsonl"}], "prompt": "q", "response": "a", "split": split}
    (folder / "recipe.yaml").write_text(json.dumps({"data": data}), "utf-8")
    return load_recipe(folder / "recipe.yaml").value


@pytest.mark.parametrize("nested", [False, True])
def test_a_split_by_time_with_new_rows(tmp_path: Path, nested: bool) -> None:
    """The cuts by shares shift with the rows; the old rows do not."""
    shares = {"by": "time", "time": "day", "dev": 0.2, "test": 0.2}
    old = prepare(recipe_at(tmp_path, 30, **shares), root=tmp_path)
    save(old, tmp_path / "old" / "dataset" if nested else tmp_path / "old")
    new = prepare(recipe_at(tmp_path, 60, **shares, keep="old"), root=tmp_path)
    for part in PARTS:
        assert {e.id for e in getattr(old, part)} <= {e.id for e in getattr(new, part)}
    step = next(step for step in new.card["steps"] if step["name"] == "split")
    assert step["rows_kept"] == 30
    assert sum(len(getattr(new, part)) for part in PARTS) == 60


@pytest.mark.parametrize("group", [None, "day"])
def test_rows_whose_prompts_a_step_has_rewritten_stay(tmp_path: Path, group: str | None) -> None:
    """The training part of the earlier version holds damaged prompts only; its rows are known by their groups."""
    shares = {"dev": 0.2, "test": 0.2, "by": "time", "time": "{{ q[2:] }}", "group": group}
    recipe = recipe_at(tmp_path, 60, **shares)
    noise = NoiseStep(cer=0.5, keep_original=False)
    damaged = recipe.model_copy(update={"data": recipe.data.model_copy(update={"steps": (noise,)})})
    old = prepare(damaged, root=tmp_path)
    save(old, tmp_path / "old")
    clean = prepare(recipe, root=tmp_path)
    assert {e.id for e in old.train}.isdisjoint({e.id for e in clean.train})
    later = {**shares, "time": "{{ -(q[2:] | int) }}"}  # by time alone the oldest rows would now be tested
    new = prepare(recipe_at(tmp_path, 60, **later, keep="old"), root=tmp_path)
    for part in PARTS:
        assert {e.id for e in getattr(new, part)} == {e.id for e in getattr(clean, part)}


def test_folders_that_are_no_data_sets(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"data\.split\.keep: .*neither a data set nor a run"):
        read_earlier(tmp_path)
    with pytest.raises(DataError, match=r"data\.split\.keep"):
        prepare(recipe_at(tmp_path, 30, keep="nowhere"), root=tmp_path)


def test_not_with_folds(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="leave out `folds`"):
        recipe_at(tmp_path, 30, keep="old", folds=3)
