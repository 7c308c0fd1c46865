"""The law of packing: values, loss and every gradient equal those of separate samples."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from bases import ALL_FAMILIES, CONTEXT_FAMILIES, alone, as_sample, tiny_base
from weitiao.pack import Batch, CostModel, pack
from weitiao.tuning.prefix import DeepPrefix, PrefixShape, initial
from weitiao.tuning.tuned import Tuned
from weitiao.types import Rendered

RTOL = 1e-5


def samples_of(rng: random.Random, number: int, *, longest: int = 30, vocab: int = 97) -> list[Rendered]:
    """Samples that share beginnings at random depths, some duplicated, some branching at a target."""
    roots = [[rng.randrange(3, vocab) for _ in range(longest)] for _ in range(2)]
    out: list[Rendered] = []
    for n in range(number):
        if out and rng.random() < 0.15:
            out.append(replace(rng.choice(out), example_id=str(n)))
            continue
        base = list(rng.choice(out).ids) if out and rng.random() < 0.5 else rng.choice(roots)
        keep = rng.randrange(1, len(base) + 1)
        ids = [*base[:keep], *(rng.randrange(3, vocab) for _ in range(rng.randrange(1, 8)))]
        first = rng.randrange(1, len(ids))
        trained = [k >= first and rng.random() < 0.8 for k in range(len(ids))]
        trained[-1] = True
        out.append(Rendered(tuple(ids), tuple(trained), str(n)))
    return out


def tuned(
    family: str, prefix: int = 5, *, projection: int | None = None, full: bool = False, **changes: object
) -> Tuned:
    model = tiny_base(family, **changes)
    if full:
        return Tuned(model, None, trains_base=True)
    start = initial("random", PrefixShape.of(model.config, prefix), seed=1)
    torch.manual_seed(3)
    return Tuned(model, DeepPrefix(start, projection=projection, random_projection=projection is not None))


def separate(model: Tuned, samples: list[Rendered]) -> torch.Tensor:
    """The loss as anyone would write it: one sample at a time, plain cross-entropy of shifted logits."""
    total = torch.zeros(())
    for sample in samples:
        ids = torch.tensor([sample.ids])
        kv = None if model.prefix is None else model.prefix()
        hidden = model.model.base_model(**alone(model.model, sample.ids, kv)).last_hidden_state
        logits = model.model.get_output_embeddings()(hidden)[0]
        targets = torch.tensor([k for k, t in enumerate(sample.trained) if t])
        total = total + F.cross_entropy(logits[targets - 1], ids[0, targets], reduction="sum")
    return total


def gradients(model: Tuned, loss: torch.Tensor) -> dict[str, torch.Tensor]:
    model.zero_grad()
    loss.backward()
    return {n: p.grad.clone() for n, p in model.trainable().items() if p.grad is not None}


def assert_same(model: Tuned, batch: Batch, samples: list[Rendered]) -> None:
    expected = separate(model, samples)
    expected_grads = gradients(model, expected)
    got = model(batch)
    got_grads = gradients(model, got.total)
    torch.testing.assert_close(got.total, expected, rtol=RTOL, atol=1e-4)
    assert got_grads.keys() == expected_grads.keys() == model.trainable().keys()
    for name, expected_grad in expected_grads.items():
        scale = expected_grad.abs().max().item()
        torch.testing.assert_close(got_grads[name], expected_grad, rtol=1e-4, atol=2 * RTOL * scale, msg=name)


@pytest.mark.parametrize("family", ALL_FAMILIES)
@pytest.mark.parametrize("mode", ["tree", "pack", "pad"])
def test_every_family_packs_exactly(family: str, mode: str) -> None:
    samples = [as_sample(family, s) for s in samples_of(random.Random(4), 9)]
    model = tuned(family)
    assert_same(model, pack(samples, mode=mode, cost=model.cost_model()), samples)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), budget=st.integers(8, 200), mode=st.sampled_from(["tree", "pack"]))
def test_random_trees_and_row_budgets(seed: int, budget: int, mode: str) -> None:
    rng = random.Random(seed)
    samples = samples_of(rng, rng.randrange(1, 14))
    model = tuned("llama")
    assert_same(model, pack(samples, mode=mode, row_tokens=budget), samples)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), budget=st.integers(8, 200), mode=st.sampled_from(["tree", "pack"]))
def test_random_trees_of_contexts(seed: int, budget: int, mode: str) -> None:
    rng = random.Random(seed)
    samples = [as_sample("chatglm1", s) for s in samples_of(rng, rng.randrange(1, 10))]
    assert_same(tuned("chatglm1"), pack(samples, mode=mode, row_tokens=budget), samples)


@pytest.mark.parametrize("family", ["llama", *CONTEXT_FAMILIES])
def test_long_rows_use_blocks(family: str) -> None:
    """Rows long enough that the CPU form cuts them into several blocks, with gathered keys."""
    samples = [as_sample(family, s) for s in samples_of(random.Random(8), 12, longest=180)]
    model = tuned(family)
    assert_same(model, pack(samples, mode="tree"), samples)


@pytest.mark.parametrize(
    ("family", "options"),
    [
        ("llama", {"projection": 16}),
        ("llama", {"full": True}),
        ("gpt2", {"full": True}),
        ("chatglm1", {"projection": 16}),
        ("chatglm1", {"full": True}),
    ],
)
def test_projection_and_full_tuning(family: str, options: dict[str, object]) -> None:
    samples = [as_sample(family, s) for s in samples_of(random.Random(5), 8)]
    model = tuned(family, **options)  # type: ignore[arg-type]
    assert_same(model, pack(samples, mode="tree"), samples)


@pytest.mark.parametrize("family", ["llama", "gpt2", "glm4", "chatglm1"])
def test_checkpointing_changes_nothing(family: str) -> None:
    samples = [as_sample(family, s) for s in samples_of(random.Random(6), 8)]
    model = tuned(family)
    batch = pack(samples, mode="tree")
    plain = gradients(model, model(batch).total)
    model.checkpoint_activations()
    model.train()
    assert model.model.base_model.gradient_checkpointing
    again = gradients(model, model(batch).total)
    for name, grad in plain.items():
        torch.testing.assert_close(again[name], grad, rtol=0, atol=0, msg=name)


def test_accumulation_16x1_equals_1x16() -> None:
    samples = samples_of(random.Random(7), 16)
    model = tuned("llama")
    whole = gradients(model, model(pack(samples)).total)
    model.zero_grad()
    for sample in samples:
        model(pack([sample])).total.backward()
    for name, grad in whole.items():
        parts = model.trainable()[name].grad
        assert parts is not None
        torch.testing.assert_close(parts, grad, rtol=1e-4, atol=2 * RTOL * grad.abs().max().item())


def test_a_wrong_interval_is_noticed() -> None:
    """Control: if `last` lets a sample see its neighbour, the law must fail."""
    samples = samples_of(random.Random(9), 6)
    model = tuned("llama")
    batch = pack(samples, mode="tree")
    wrong = replace(batch, last=torch.full_like(batch.last, batch.last.shape[1] - 1))
    with pytest.raises(AssertionError):
        assert_same(model, wrong, samples)


@pytest.mark.parametrize("what", ["first", "context"])
def test_a_wrong_context_is_noticed(what: str) -> None:
    """Control: contexts that look back only, or positions of another context, are another loss."""
    samples = [as_sample("chatglm1", s) for s in samples_of(random.Random(9), 6)]
    batch = pack(samples, mode="tree")
    wrong = {
        "first": torch.arange(batch.first.shape[1]).repeat(len(batch.first), 1),
        "context": batch.context + 1,
    }
    with pytest.raises(AssertionError):
        assert_same(tuned("chatglm1"), replace(batch, **{what: wrong[what]}), samples)


def test_equal_contexts_are_computed_once_and_others_not_at_all_in_part() -> None:
    short, long = [
        as_sample("chatglm1", Rendered((5, 6, 7, 8, 9, 10, *x), (False,) * 6 + (True,) * len(x)))
        for x in ((11, 12, 13), (11, 14))
    ]
    other = replace(short, ids=(5, 6, 7, 8, 9, 20, *short.ids[6:]))
    assert short.context == long.context == other.context == 7
    assert pack([short, long], mode="tree").tokens_computed == 7 + 1 + 2
    assert pack([short, other], mode="tree").tokens_computed == 2 * len(short) - 2


def test_per_sample_losses_come_from_the_edges() -> None:
    samples = samples_of(random.Random(10), 10)
    model = tuned("llama")
    batch = pack(samples, mode="tree")
    losses = batch.per_sample(model(batch).nll)
    for sample, loss in zip(samples, losses, strict=True):
        torch.testing.assert_close(separate(model, [sample]).detach(), loss, rtol=RTOL, atol=1e-4)


def test_weights_scale_a_sample() -> None:
    samples = samples_of(random.Random(11), 6)
    model = tuned("llama")
    doubled = model(pack([replace(s, weight=2.0) for s in samples])).total
    torch.testing.assert_close(doubled, 2 * model(pack(samples)).total)


def test_the_planner_is_never_worse_than_padding() -> None:
    cost = CostModel(per_token=1e6, per_pair=100.0, per_call=1e5, prefix=8)
    for seed in range(20):
        samples = samples_of(random.Random(seed), 12)
        auto, pad = (pack(samples, mode=m, cost=cost) for m in ("auto", "pad"))
        assert auto.input_ids.numel() <= pad.input_ids.numel()
