"""Suspects: what training says about each label, and what is made of it."""

from __future__ import annotations

import math
import random
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weitiao.evaluate.suspects import dynamics, find_suspects
from weitiao.evaluate.suspects.neighbours import Neighbour, Neighbours, groups
from weitiao.evaluate.suspects.page import render
from weitiao.evaluate.suspects.spikes import spikes_of, steps_of
from weitiao.types import Example, Message, Origin, ToolCall, content_id

LAWS = settings(max_examples=60, deadline=None)
LOSSES = st.floats(0.0, 12.0, width=32)


def tables(least_visits: int = 1) -> st.SearchStrategy[np.ndarray]:
    """[V, N] losses of whole passes."""
    shapes = st.tuples(st.integers(least_visits, 5), st.integers(1, 12))
    return shapes.flatmap(
        lambda shape: st.lists(LOSSES, min_size=shape[0] * shape[1], max_size=shape[0] * shape[1]).map(
            lambda values: np.array(values, dtype=np.float32).reshape(shape)
        )
    )


def example(question: str, answer: str, row: int = 1, weight: float = 1.0) -> Example:
    messages = (Message("user", question), Message("assistant", answer, True))
    return Example(content_id(messages), messages, origin=Origin("rows.json", row), weight=weight)


# ------------------------------------------------------------------------------------- dynamics


@LAWS
@given(mean=tables())
def test_numbers_are_what_they_are_called(mean: np.ndarray) -> None:
    found = dynamics(mean)
    probability = np.exp(-mean.astype(np.float64))
    np.testing.assert_allclose(found.confidence, probability.mean(0), atol=1e-9)
    np.testing.assert_allclose(found.variability, probability.std(0), atol=1e-9)
    late = mean.astype(np.float64)[-max(1, len(mean) // 3) :]
    np.testing.assert_allclose(found.late_loss, late.mean(0), atol=1e-9)
    assert ((found.suspicion >= 0) & (found.suspicion <= 1)).all()


@LAWS
@given(mean=tables(), seed=st.integers(0, 99))
def test_the_order_of_the_rows_does_not_matter(mean: np.ndarray, seed: int) -> None:
    shuffled = np.random.default_rng(seed).permutation(mean.shape[1])
    np.testing.assert_allclose(dynamics(mean[:, shuffled]).suspicion, dynamics(mean).suspicion[shuffled])


@LAWS
@given(mean=tables(), more=st.floats(0.01, 5.0), place=st.integers(0, 11))
def test_a_higher_loss_is_never_less_suspicious(mean: np.ndarray, more: float, place: int) -> None:
    place %= mean.shape[1]
    worse = mean.copy()
    worse[:, place] += np.float32(more)
    assert dynamics(worse).suspicion[place] >= dynamics(mean).suspicion[place] - 1e-9


def test_rows_that_were_not_visited_are_left_out() -> None:
    mean = np.array([[1.0, np.nan, 2.0], [0.5, np.nan, np.nan]], dtype=np.float32)
    found = dynamics(mean)
    assert np.isnan(found.confidence[1])
    assert found.order() == [2, 0]
    assert found.late_loss[2] == 2.0  # its last pass is its only one
    assert found.variability[2] == 0


@LAWS
@given(mean=tables(), begun=st.data())
def test_a_pass_that_was_not_finished_decides_nothing(mean: np.ndarray, begun: st.DataObject) -> None:
    """The rows that it reached have a lower loss because of it, not because their labels are right."""
    rows = mean.shape[1]
    reached = begun.draw(st.lists(st.booleans(), min_size=rows, max_size=rows).filter(lambda r: not all(r)))
    last = np.where(reached, np.float32(0.01), np.float32(np.nan))[None].astype(np.float32)
    examples = [example(f"question {n}", "a", row=n + 1) for n in range(rows)]
    cut_short, whole = (find_suspects(examples, m) for m in (np.concatenate([mean, last]), mean))
    assert [s.as_dict() for s in cut_short.found] == [s.as_dict() for s in whole.found]
    assert cut_short.passes == len(mean)


def test_orders() -> None:
    mean = np.array([[3.0, 0.1, 0.2], [3.0, 2.0, 0.1], [2.5, 0.1, 0.3]], dtype=np.float32)
    found = dynamics(mean)
    assert found.order("confidence")[0] == 0
    assert found.order("late_loss") == [0, 2, 1]
    assert found.order("variability")[0] == 1
    assert found.order()[0] == 0


# ---------------------------------------------------------------------------------- neighbours


def test_neighbours_resemble_and_exclude_the_row_itself() -> None:
    texts = [
        "甲公司2019年的净利润是多少",
        "乙公司2020年的净利润是多少",
        "什么是市盈率",
        "甲公司2019年的净利润是多少",
    ]
    near = Neighbours(texts).of([0, 2], 3)
    assert near[0][0] == Neighbour(3, 1.0)
    assert near[0][1].number == 1
    assert 0.15 < near[0][1].similarity < 1
    assert all(n.number != 2 for n in near[1])


@pytest.mark.parametrize("texts", [[], [""], ["", " "], ["甲"]])
def test_neighbours_of_next_to_nothing(texts: list[str]) -> None:
    assert Neighbours(texts).of(range(len(texts)), 3) == [[] for _ in texts]


def test_groups_join_what_resembles() -> None:
    near = [[Neighbour(7, 0.9)], [Neighbour(4, 0.5)], [Neighbour(4, 0.7)], []]
    assert groups(near, [4, 5, 7, 9]) == [0, 1, 0, 2]


# -------------------------------------------------------------------------------------- steps


@LAWS
@given(mean=tables(), size=st.integers(1, 5), seed=st.integers(0, 9))
def test_steps_hold_every_visit_once(mean: np.ndarray, size: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    number = mean.shape[1]
    targets, weights = rng.integers(1, 5, number), rng.uniform(0.5, 2, number)
    orders = [rng.permutation(number).tolist() for _ in mean]
    steps = steps_of(mean, targets, weights, orders, size)
    assert len(steps) == len(mean) * math.ceil(number / size)
    for visit in range(len(mean)):
        assert sorted(n for s in steps if s.visit == visit for n in s.rows) == list(range(number))
    share = targets * weights
    whole = sum(s.loss * share[list(s.rows)].sum() for s in steps)
    assert whole == pytest.approx(float((mean * share).sum()), rel=1e-4, abs=1e-4)


def test_a_spike_is_found_with_the_rows_behind_it() -> None:
    rng = np.random.default_rng(1)
    number, size = 400, 4
    mean = (1 / np.arange(1, 4))[:, None] + rng.normal(0, 0.02, (3, number))
    orders = [rng.permutation(number).tolist() for _ in mean]
    bad = orders[1][4 * 60 + 2]  # in step 100 + 61
    mean[1, bad] += 4
    targets, weights = np.ones(number, dtype=np.int64), np.ones(number)
    table = mean.astype(np.float32)
    spikes = spikes_of(steps_of(table, targets, weights, orders, size), table, targets, weights)
    assert [spike.step.number for spike in spikes] == [161]
    assert spikes[0].rows[0][0] == bad
    assert spikes[0].rows[0][1] > 0.5
    assert spikes[0].usual == pytest.approx(0.5, abs=0.05)


def test_a_falling_loss_has_no_spikes() -> None:
    number = 600
    mean = np.linspace(4, 1, number)[None].astype(np.float32)
    targets, weights = np.ones(number, dtype=np.int64), np.ones(number)
    assert spikes_of(steps_of(mean, targets, weights, [range(number)], 4), mean, targets, weights) == []


# ------------------------------------------------------------------------------------ suspects


def planted() -> tuple[list[Example], np.ndarray, set[int]]:
    """Two hundred rows of which eight have the loss of a wrong label."""
    rng = random.Random(0)
    wrong = set(rng.sample(range(200), 8))
    examples = [example(f"问题{n}：第{n % 20}类是什么", f"答案{n % 20}", n + 1) for n in range(200)]
    mean = np.array(
        [
            [rng.uniform(2, 3) if n in wrong else rng.uniform(0, 1.5) / (v + 1) for n in range(200)]
            for v in range(4)
        ],
        dtype=np.float32,
    )
    return examples, mean, wrong


def test_planted_rows_come_first() -> None:
    examples, mean, wrong = planted()
    found = find_suspects(examples, mean, limit=8)
    assert {int(s.row.origins[0].rpartition(" ")[2]) - 1 for s in found.found} == wrong
    assert [s.rank for s in found.found] == list(range(1, 9))
    for suspect in found.found:
        assert all(near.row.id != suspect.row.id for near in suspect.neighbours)
        assert all(near.agrees == (near.row.answer == suspect.row.answer) for near in suspect.neighbours)


def test_rows_that_repeat_each_other_are_one() -> None:
    examples = [example("甲是什么", "乙", 1), example("丙是什么", "丁", 2), example("甲是什么", "乙", 9)]
    mean = np.array([[1.0, 0.2, 3.0]], dtype=np.float32)
    found = find_suspects(examples, mean)
    assert len(found.rows) == 2
    assert found.found[0].row.origins == ("rows.json, row 1", "rows.json, row 9")
    assert found.found[0].losses == (2.0,)
    assert found.row_of(2).answer == "乙"


def test_the_page_shows_and_escapes() -> None:
    examples, mean, _ = planted()
    worst = int(np.argmax(mean.mean(0)))
    examples[worst] = example("<script>alert(1)</script>", "<b>&", worst + 1)
    orders = [list(range(200))] * 4
    found = find_suspects(
        examples, mean, limit=5, targets=np.ones(200, dtype=np.int64), orders=orders, batch_size=4
    )
    page = render(found, title="运行")
    assert "&lt;script&gt;" in page
    assert "<script" not in page
    assert "&lt;b&gt;&amp;" in page
    assert page.count('class="spark"') == 5
    assert 'class="cloud"' in page
    assert f"{found.found[0].confidence:.3f}" in page


def test_a_page_of_nothing() -> None:
    empty = np.full((1, 1), np.nan, dtype=np.float32)
    page = render(find_suspects([example("甲", "乙")], empty), title="run")
    assert "<table>" in page


def test_a_dialogue_shows_the_question_and_every_reply_that_was_learnt() -> None:
    call = ToolCall("search", {"city": "北京"})
    messages = (
        Message("user", "你好"),
        Message("assistant", "您好", True),
        Message("user", "找个酒店"),
        Message("assistant", "", True, (call,)),
        Message("tool", "[华远酒店]"),
        Message("assistant", "推荐华远酒店", True),
    )
    whole = Example(content_id(messages), messages)
    first, *_ = find_suspects([whole], np.ones((1, 1), dtype=np.float32)).found
    assert first.row.prompt == "找个酒店\n[华远酒店]"
    assert first.row.answer.split("\n") == [
        "您好",
        '{"name": "search", "arguments": {"city": "北京"}}',
        "推荐华远酒店",
    ]
    last = (*(replace(m, train=False) for m in messages[:5]), messages[5])
    (second,) = find_suspects([Example(content_id(last), last)], np.ones((1, 1), dtype=np.float32)).found
    assert second.row.answer == "推荐华远酒店"


def test_many_neighbours_are_those_of_each_row_alone() -> None:
    texts = [f"{'甲乙丙丁'[k % 4]}公司{k}年的收入" for k in range(600)]
    near = Neighbours(texts)
    assert near.of(range(600), 3)[511] == near.of([511], 3)[0]
