"""Planting is invertible and shares exactly the common beginnings."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from weitiao.pack import CostModel, collate, plan
from weitiao.pack.tree import inputs_of, plant, unfold
from weitiao.types import Rendered

ids = st.lists(st.integers(0, 3), min_size=2, max_size=12)


def prompts(lists: list[list[int]]) -> list[Rendered]:
    """The last token of each is its only target."""
    return [Rendered(tuple(x), (False,) * (len(x) - 1) + (True,), str(n)) for n, x in enumerate(lists)]


@given(st.lists(ids, min_size=1, max_size=12))
def test_unfold_is_the_inverse_of_plant(lists: list[list[int]]) -> None:
    samples = sorted(prompts(lists), key=lambda s: s.ids)
    row = plant(samples, range(len(samples)))
    assert unfold(row) == [inputs_of(s) for s in samples]


@given(st.lists(ids, min_size=1, max_size=12))
def test_a_row_holds_each_distinct_beginning_once(lists: list[list[int]]) -> None:
    samples = sorted(prompts(lists), key=lambda s: s.ids)
    beginnings = {inputs_of(s)[:k] for s in samples for k in range(1, len(inputs_of(s)) + 1)}
    assert len(plant(samples, range(len(samples)))) == len(beginnings)


@given(
    st.lists(ids, min_size=1, max_size=12),
    st.integers(2, 40),
    st.sampled_from(["tree", "pack", "pad", "auto"]),
)
def test_a_plan_uses_every_sample_once_and_counts_right(
    lists: list[list[int]], budget: int, mode: str
) -> None:
    samples = prompts(lists)
    chosen = plan(samples, mode=mode, row_tokens=budget, cost=CostModel(1.0, 0.01))  # type: ignore[arg-type]
    assert sorted(n for row in chosen.rows for n in row) == list(range(len(samples)))
    batch = collate(samples, chosen)
    assert batch.tokens_computed == chosen.tokens
    assert batch.input_ids.numel() == chosen.slots
    assert batch.weight.sum() == len(samples)


def test_a_token_trained_in_n_samples_carries_weight_n() -> None:
    sample = Rendered((5, 6, 7), (False, False, True))
    row = plant([sample, sample, sample], [0, 1, 2])
    assert [(e.token, e.weight, e.samples) for e in row.edges] == [(7, 3.0, (0, 1, 2))]


def test_the_doctest_of_the_module() -> None:
    import doctest

    import weitiao.pack.tree

    result = doctest.testmod(weitiao.pack.tree)
    assert result.attempted
    assert not result.failed
