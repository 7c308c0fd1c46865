"""Batches: every prompt once, like lengths together, shared beginnings together."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from weitiao.infer.batches import batches

PROMPTS = st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=20), max_size=30)


@given(prompts=PROMPTS, size=st.integers(1, 7))
@settings(deadline=None)
def test_batches_are_a_partition(prompts: list[list[int]], size: int) -> None:
    made = batches(prompts, size)
    assert sorted(n for batch in made for n in batch) == list(range(len(prompts)))
    assert all(len(batch) == size for batch in made[:-1])
    lengths = [max(len(prompts[n]).bit_length() for n in batch) for batch in made]
    assert lengths == sorted(lengths, reverse=True)


def test_shared_beginnings_fall_together() -> None:
    prompts = [[k % 2, 7, 7, k] for k in range(8)]
    for batch in batches(prompts, 4):
        assert len({prompts[n][0] for n in batch}) == 1
