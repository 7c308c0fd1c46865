"""Near-duplicates stay in one part; what all prompts share does not make them near."""

from __future__ import annotations

import random

import numpy as np
import pytest

from weitiao.config import SplitConfig
from weitiao.data.augment.near import shingles, similarity
from weitiao.data.split import plan_split, with_groups
from weitiao.data.split_near import near_pairs
from weitiao.errors import DataError
from weitiao.types import Example, Message, content_id

WORDS = "营业收入净利润总资产负债现金流研发费用毛利率市盈率股东人数分红方案主营业务客户供应商员工薪酬存货周转"
INSTRUCTION = "请根据下面的问题判断它属于哪一类，只回答类别的字母，不要解释，也不要重复问题本身。问题："


def example(prompt: str) -> Example:
    messages = (Message("user", prompt), Message("assistant", "a", train=True))
    return Example(content_id(messages), messages)


def question(rng: random.Random, length: int = 30) -> str:
    return "".join(rng.choice(WORDS) for _ in range(length))


def pairs_of(texts: list[str], near: float = 0.8) -> set[frozenset[int]]:
    left, right = near_pairs([example(text) for text in texts], near)
    return {frozenset((int(a), int(b))) for a, b in zip(left, right, strict=True) if a != b}


def test_pairs_are_those_of_the_exact_similarity() -> None:
    rng = random.Random(1)
    texts = [question(rng) for _ in range(60)]
    texts += [text[:-1] + "吗" for text in texts[:30]]  # 26 of 30 trigrams in common, or so
    found = pairs_of(texts)
    exact = {
        frozenset((a, b))
        for a in range(len(texts))
        for b in range(a)
        if similarity(shingles(texts[a]), shingles(texts[b])) >= 0.8
    }
    assert len(exact) == 30
    assert len(found & exact) >= 29
    assert len(found - exact) <= 1


def test_a_shared_instruction_makes_nobody_near() -> None:
    rng = random.Random(2)
    texts = [INSTRUCTION + question(rng, 12) for _ in range(80)]
    assert similarity(shingles(texts[0]), shingles(texts[1])) > 0.5
    assert pairs_of(texts, 0.5) == set()
    doubled = [*texts, texts[0] + "？", texts[1] + "!"]
    assert pairs_of(doubled, 0.8) == {frozenset((0, 80)), frozenset((1, 81))}


def test_the_order_does_not_matter() -> None:
    rng = random.Random(3)
    texts = [question(rng) for _ in range(40)]
    texts += [text + "呢" for text in texts[:20]]
    order = list(range(len(texts)))
    rng.shuffle(order)
    found = pairs_of(texts)
    again = {frozenset(order[n] for n in pair) for pair in pairs_of([texts[n] for n in order])}
    assert again == found
    assert len(found) == 20


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_near_duplicates_stay_together(seed: int) -> None:
    rng = random.Random(seed)
    texts = [question(rng) for _ in range(60)]
    texts += ["请问" + text for text in texts]
    examples = with_groups([example(text) for text in texts], str)
    plan = plan_split(examples, SplitConfig(dev=0.2, test=0.2, near=0.8, seed=seed))
    assert np.array_equal(plan.parts[:60], plan.parts[60:])
    assert plan.facts["near_duplicates"] == {"groups_joined": 60}
    apart = plan_split(examples, SplitConfig(dev=0.2, test=0.2, seed=seed)).parts
    assert not np.array_equal(apart[:60], apart[60:])


def test_where_near_leaves_one_group_it_says_so() -> None:
    rng = random.Random(2)
    few = [example(INSTRUCTION * 2 + question(rng, 4)) for _ in range(12)]  # too few to learn what is common
    with pytest.raises(DataError, match="near joined 12 groups to these 1") as caught:
        plan_split(with_groups(few, str), SplitConfig(near=0.8))
    assert (caught.value.remedy or "").startswith("raise data.split.near or leave it out")
