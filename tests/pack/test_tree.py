"""Planting is invertible and shares exactly the common beginnings."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weitiao.pack import CostModel, collate, plan
from weitiao.pack.tree import inputs_of, order_key, plant, shared_length, unfold
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


@st.composite
def contexts(draw: st.DrawFn) -> list[Rendered]:
    """Samples with contexts of any length before their target, some without."""
    lists = draw(st.lists(ids, min_size=1, max_size=12))
    return [
        Rendered(s.ids, s.trained, s.example_id, context=draw(st.integers(0, len(s) - 1)))
        for s in prompts(lists)
    ]


@given(contexts())
def test_contexts_are_shared_as_a_whole_or_not_at_all(samples: list[Rendered]) -> None:
    samples = sorted(samples, key=order_key)
    row = plant(samples, range(len(samples)))
    assert unfold(row) == [inputs_of(s) for s in samples]
    # each distinct context once, and behind it (or without one) each distinct beginning once
    heads = {(s.ids[: s.context], s.context) for s in samples if s.context}
    tails = {
        (s.context, inputs_of(s)[:k]) for s in samples for k in range(s.context + 1, len(inputs_of(s)) + 1)
    }
    assert len(row) == sum(c for _, c in heads) + len(tails)


@given(contexts())
def test_a_token_sees_its_context_and_its_ancestors_only(samples: list[Rendered]) -> None:
    samples = sorted(samples, key=order_key)
    row = plant(samples, range(len(samples)))
    for sample, end in zip(samples, row.nodes, strict=True):
        path = [j for j in range(end + 1) if row.last[j] >= end]
        for place, node in enumerate(path):
            seen = [j for j in range(len(row)) if row.first[j] <= node <= row.last[j]]
            assert seen == (path[: sample.context] if place < sample.context else path[: place + 1])
            assert (row.depth[node], row.context[node]) == (place, sample.context)


def test_half_a_context_is_not_shared() -> None:
    a, b = (Rendered((5, 6, 7, 8, x), (False,) * 4 + (True,), context=3) for x in (1, 2))
    assert shared_length(a, b) == 4
    assert shared_length(a, Rendered((5, 6, 9, 8, 1), a.trained, context=3)) == 0
    assert shared_length(a, Rendered(a.ids, a.trained, context=2)) == 0
    assert shared_length(a, Rendered(a.ids, a.trained)) == 0


@pytest.mark.parametrize(
    "sample",
    [
        Rendered((5, 6, 7), (False, True, False), context=2),
        Rendered((5, 6), (False, False), context=3),
    ],
)
def test_a_target_inside_its_own_context_is_refused(sample: Rendered) -> None:
    with pytest.raises(ValueError, match="context of"):
        plan([sample], cost=CostModel(1.0, 0.0))


def test_visible_pairs_are_counted() -> None:
    """A context of 4 and 2 causal tokens behind it, twice; the cost of the tree counts the context once."""
    samples = [Rendered((5, 6, 7, 8, x, 3, 1), (False,) * 6 + (True,), context=4) for x in (1, 2)]
    cost = CostModel(0.0, 1.0)
    assert plan(samples[:1], mode="pad", cost=cost).cost == 16 + 5 + 6
    assert plan(samples, mode="tree", cost=cost).cost == 16 + 2 * (5 + 6)


@given(
    contexts(),
    st.integers(2, 40),
    st.sampled_from(["tree", "pack", "pad", "auto"]),
)
def test_a_plan_uses_every_sample_once_and_counts_right(
    samples: list[Rendered], budget: int, mode: str
) -> None:
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
