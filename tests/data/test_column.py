"""Numbers in a file count as those in memory do, and nothing that is counted needs all of them at once."""

from __future__ import annotations

import json
import tracemalloc
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weitiao.config import Recipe, SplitConfig
from weitiao.data import column, prepare
from weitiao.data.column import Column, few_different, num_different, repeated_rows
from weitiao.data.facts import SamePrompts, prompt_key
from weitiao.data.split import plan_split
from weitiao.data.split_keys import RowKeys, components
from weitiao.data.split_plan import _by_own_group, _planned
from weitiao.types import Example, Message

# Few different ones, in the upper half of the bits too, where they are told apart by
numbers = st.sampled_from([0, 1, 7, 2**32, 2**40 + 3, 2**63, 2**64 - 1])
lists = st.lists(numbers, max_size=40)


@pytest.fixture(autouse=True, params=[3, 1000], ids=["in files", "in memory"])
def small(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(column, "CHUNK", request.param)
    monkeypatch.setattr(column, "SORTED", 2 * request.param)


@given(values=lists, begin=st.integers(0, 41), end=st.integers(0, 41))
def test_a_column_is_a_list(values: list[int], begin: int, end: int) -> None:
    made = Column(values)
    assert len(made) == len(values)
    assert made.array().tolist() == values
    end = min(end, len(values))
    assert [n for some in made.chunks(begin, end) for n in some.tolist()] == values[begin:end]
    rows = sorted({k * 7 % max(1, len(values)) for k in range(begin)} if values else ())
    assert made.take(rows).tolist() == [values[row] for row in rows]
    made.append(5)  # and it goes on
    assert made.array().tolist() == [*values, 5]


@given(values=lists, begin=st.integers(0, 41), end=st.integers(0, 41))
def test_different_numbers(values: list[int], begin: int, end: int) -> None:
    made = Column(values)
    assert num_different(made) == len(set(values))
    assert num_different(made, begin, min(end, len(values))) == len(set(values[begin:end]))
    counts = Counter(values)
    assert few_different(made, 7) == {n: (values.index(n), count) for n, count in counts.items()}
    if counts:
        assert few_different(made, len(counts) - 1) is None


@given(rows=st.lists(st.tuples(numbers, st.booleans()), max_size=40))
def test_repeated_rows(rows: list[tuple[int, bool]]) -> None:
    values, out = Column(n for n, _ in rows), Column((flag for _, flag in rows), kind="B")
    counts, kept = Counter(n for n, _ in rows), Counter(n for n, flag in rows if not flag)
    assert repeated_rows(values).tolist() == [k for k, (n, _) in enumerate(rows) if counts[n] > 1]
    expected = [k for k, (n, flag) in enumerate(rows) if kept[n] > 1 and not flag]
    assert repeated_rows(values, out).tolist() == expected


@given(
    rows=st.lists(st.tuples(numbers, st.integers(0, 2), st.booleans()), max_size=40), without=st.booleans()
)
def test_same_prompts(rows: list[tuple[int, int, bool]], without: bool) -> None:
    prompts, answers = Column(p for p, _, _ in rows), Column(a for _, a, _ in rows)
    copies = Column((copy for _, _, copy in rows), kind="B") if without else None
    found = SamePrompts(prompts, answers, copies)
    kept = [(k, p, a) for k, (p, a, copy) in enumerate(rows) if not (without and copy)]
    groups: dict[int, list[int]] = {}
    for k, prompt, _ in kept:
        groups.setdefault(prompt, []).append(k)
    shared = [members for members in groups.values() if len(members) > 1]
    assert found.num_rows == len(kept)
    assert found.num_prompts == len(groups)
    assert found.num_pairs == len({(p, a) for _, p, a in kept})
    assert [found.rows(k) for k in range(len(found.first))] == shared
    assert found.first.tolist() == [members[0] for members in shared]
    assert found.size.tolist() == [len(members) for members in shared]
    assert found.answers.tolist() == [len({rows[k][1] for k in members}) for members in shared]
    assert list(found.conflicting) == [k for k, n in enumerate(found.answers) if n > 1]
    seen: set[tuple[int, int]] = set()
    echoes = [k for k, p, a in kept if (p, a) in seen or seen.add((p, a))]
    assert sorted(found.echoes.tolist()) == echoes


@settings(deadline=None)  # the first one loads scipy
@given(rows=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 2**64 - 1)), min_size=1, max_size=30))
def test_a_plan_without_components_is_the_plan_with_them(rows: list[tuple[int, int]]) -> None:
    """Where every prompt has one group; several prompts may share one."""
    group_of = {prompt: group // 2**62 * 2**62 for prompt, group in rows}  # four of them
    keys = RowKeys(Column(p for p, _ in rows), Column(group_of[p] for p, _ in rows))
    config = SplitConfig(dev=0.3, test=0.3)
    quick = _by_own_group(keys, config)
    assert quick is not None
    slow = _planned(keys, components(keys.prompts, keys.groups), config)
    assert quick.parts.tolist() == slow.parts.tolist()
    assert (quick.facts, quick.warnings) == (slow.facts, slow.warnings)


def test_a_prompt_with_two_groups_needs_components() -> None:
    keys = RowKeys(Column([1, 2, 1]), Column([0, 2**63, 2**63]))
    assert _by_own_group(keys, SplitConfig()) is None
    examples = [
        Example(f"{k:016x}", (Message("user", p), Message("assistant", "答", train=True)), g)
        for k, (p, g) in enumerate(
            [("甲", "g1"), ("乙", "g2"), ("甲", "g2")] * 9 + [(f"丙{k}", f"h{k}") for k in range(40)]
        )
    ]
    plan = plan_split(examples, SplitConfig(dev=0.3, test=0.3))
    assert plan.prompts is not None
    assert plan.prompts.array().tolist() == [prompt_key(e) for e in examples]
    assert len({int(part) for part in plan.parts[:27]}) == 1


def peak_of(path: Path, count: int) -> int:
    """Bytes of the largest moment of preparing this many rows."""
    lines = (
        json.dumps({"prompt": f"第{k * 7919 % count}个问题", "response": f"答{k % 3}"}, ensure_ascii=False)
        for k in range(count)
    )
    path.write_text("\n".join(lines), encoding="utf-8")
    recipe = Recipe.model_validate({"data": {"sources": [{"file": path.name}]}})
    tracemalloc.start()
    prepare(recipe, root=path.parent, in_memory=100)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def test_memory_does_not_grow_with_the_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "column.CHUNK",
        "column.SORTED",
        "split.CHUNK",
        "shelf._BLOCK",
        "shelf._BUFFER",
        "shelf._SPAN",
    ):
        monkeypatch.setattr(f"weitiao.data.{name}", 256)
    monkeypatch.setattr("weitiao.data.encoding._CHUNK", 4096)
    peak_of(tmp_path / "first.jsonl", 500)  # what is made once
    few, many = (peak_of(tmp_path / f"{count}.jsonl", count) for count in (4000, 12000))
    assert many - few < 8000 * 4, f"{few} and {many} bytes"
