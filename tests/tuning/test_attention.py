"""The three forms of the attention rule agree, with gradients; blocks cover exactly the visible pairs."""

from __future__ import annotations

import random
import warnings
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from weitiao.tuning.attention import Visibility, attend
from weitiao.tuning.blocks import partition, worthwhile

MODULE: Any = SimpleNamespace(layer_idx=1)


def random_last(rng: random.Random, tokens: int, *, branching: float = 0.1) -> list[int]:
    """`last` of a random tree in depth-first order."""
    last, path = [0] * tokens, list[int]()
    for t in range(tokens):
        if path and rng.random() < branching:
            keep = rng.randrange(len(path))
            for j in path[keep:]:
                last[j] = t - 1
            del path[keep:]
        path.append(t)
    for j in path:
        last[j] = tokens - 1
    return last


def rows(seed: int, number: int, tokens: int) -> tuple[Tensor, Tensor]:
    rng = random.Random(seed)
    last = torch.tensor([random_last(rng, tokens) for _ in range(number)])
    return torch.arange(tokens).repeat(number, 1), last


def tensors(
    seed: int, number: int, tokens: int, prefix: int, *, per_row: bool = False
) -> dict[str, Tensor | None]:
    torch.manual_seed(seed)
    made: dict[str, Tensor | None] = {
        "query": torch.randn(number, 4, tokens, 8),
        "key": torch.randn(number, 2, tokens, 8),
        "value": torch.randn(number, 2, tokens, 8),
        "prefix": None,
    }
    if prefix:
        made["prefix"] = torch.randn(*((3, 2, number) if per_row else (3, 2)), 2, prefix, 8)
    return made


def by_hand(t: dict[str, Tensor | None], mask: Tensor) -> Tensor:
    """Softmax attention written out, [R, T, H, D]."""
    query, key, value, prefix = t["query"], t["key"], t["value"], t["prefix"]
    assert query is not None
    assert key is not None
    assert value is not None
    if prefix is not None:
        layer = prefix[1] if prefix.dim() == 6 else prefix[1][:, None]
        key = torch.cat([layer[0].expand(len(key), -1, -1, -1), key], 2)
        value = torch.cat([layer[1].expand(len(value), -1, -1, -1), value], 2)
        mask = torch.cat([mask.new_ones(*mask.shape[:2], layer.shape[3]), mask], 2)
    key, value = (x.repeat_interleave(query.shape[1] // key.shape[1], 1) for x in (key, value))
    scores = (query @ key.transpose(-1, -2) * query.shape[-1] ** -0.5).masked_fill(
        ~mask[:, None], float("-inf")
    )
    return (scores.softmax(-1) @ value).transpose(1, 2)


@pytest.mark.parametrize("form", ["dense", "blocks"])
@pytest.mark.parametrize("prefix", [0, 5])
@pytest.mark.parametrize("per_row", [False, True])
def test_a_form_equals_attention_by_hand_with_gradients(form: Any, prefix: int, per_row: bool) -> None:
    tokens = 90
    first, last = rows(3, 2, tokens)
    made = tensors(4, 2, tokens, prefix, per_row=per_row)
    inputs = [x.requires_grad_() for x in made.values() if x is not None]
    visibility = Visibility(first, last, tokens, form=form)
    weights = torch.randn(2, tokens, 4, 8)
    expected = by_hand(made, visibility.dense_mask())
    out, _ = attend(
        MODULE, made["query"], made["key"], made["value"], None, visibility=visibility, prefix=made["prefix"]
    )  # type: ignore[arg-type]
    torch.testing.assert_close(out, expected, rtol=1e-5, atol=1e-6)
    for got, want in zip(
        torch.autograd.grad((out * weights).sum(), inputs),
        torch.autograd.grad((expected * weights).sum(), inputs),
        strict=True,
    ):
        torch.testing.assert_close(got, want, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("prefix", [0, 5])
def test_flex_computes_the_same_values(prefix: int) -> None:
    first, last = rows(5, 2, 70)
    made = tensors(6, 2, 70, prefix)
    outs = []
    for form in ("dense", "flex"):
        visibility = Visibility(first, last, 70, form=form)  # type: ignore[arg-type]
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")  # uncompiled on the CPU
            outs.append(
                attend(
                    MODULE,
                    made["query"],
                    made["key"],
                    made["value"],
                    None,
                    visibility=visibility,
                    prefix=made["prefix"],
                )[0]  # type: ignore[arg-type]
            )
    torch.testing.assert_close(outs[0], outs[1], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("prefix", [0, 5])
def test_bfloat16_blocks_stay_near_float32(prefix: int) -> None:
    first, last = rows(7, 1, 200)
    made = tensors(8, 1, 200, prefix)
    exact = by_hand(made, Visibility(first, last, 200).dense_mask())
    small = {k: None if v is None else v.bfloat16().requires_grad_() for k, v in made.items()}
    visibility = Visibility(first, last, 200, form="blocks")
    out, _ = attend(
        MODULE,
        small["query"],
        small["key"],
        small["value"],
        None,
        visibility=visibility,
        prefix=small["prefix"],
    )  # type: ignore[arg-type]
    torch.testing.assert_close(out.float(), exact, rtol=0.05, atol=0.03)
    inputs = [x for x in made.values() if x is not None]
    for x in inputs:
        x.requires_grad_()
    want = torch.autograd.grad(by_hand(made, visibility.dense_mask()).square().sum(), inputs)
    got = torch.autograd.grad(out.float().square().sum(), [x for x in small.values() if x is not None])
    for a, b in zip(got, want, strict=True):
        assert torch.nn.functional.cosine_similarity(a.float().flatten(), b.flatten(), dim=0) > 0.995


def with_contexts(rng: random.Random, last: Tensor) -> Tensor:
    """`first` [T] where some trees begin with a context: a run of tokens that see each other."""
    first = torch.arange(len(last))
    start = 0
    while start < len(last):
        end = int(last[start]) + 1
        together = [t for t in range(start, end) if bool((last[start : t + 1] == last[start]).all())]
        first[start : start + rng.randrange(len(together) + 1)] = start
        start = end
    return first


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    tokens=st.integers(1, 700),
    branching=st.sampled_from([0.0, 0.02, 0.2]),
    contexts=st.booleans(),
)
def test_blocks_cover_every_visible_pair_once(
    seed: int, tokens: int, branching: float, contexts: bool
) -> None:
    rng = random.Random(seed)
    last = torch.tensor(random_last(rng, tokens, branching=branching))
    first = with_contexts(rng, last) if contexts else torch.arange(tokens)
    covered = torch.zeros(tokens, tokens, dtype=torch.long)
    blocks = partition(first.tolist(), last.tolist())
    assert [b.start for b in blocks[1:]] == [b.stop for b in blocks[:-1]]
    assert (blocks[0].start, blocks[-1].stop) == (0, tokens)
    for block in blocks:
        covered[block.start : block.stop, list(block.keys)] += 1
    visible = Visibility(first[None], last[None], tokens).dense_mask()[0]
    assert covered.max() <= 1
    assert bool((covered[visible] == 1).all())


def test_many_samples_in_one_row_are_worth_blocks() -> None:
    """Sixteen samples of 200 tokens side by side: the blocks compute a small part of the square."""
    last = [200 * (t // 200) + 199 for t in range(3200)]
    blocks = partition(list(range(3200)), last)
    assert worthwhile([blocks], 1, 3200)
    assert sum(b.pairs for b in blocks) < 0.1 * 3200**2


def test_what_it_cannot_compute_is_refused() -> None:
    made = tensors(1, 1, 4, 0)
    args = (MODULE, made["query"], made["key"], made["value"])
    with pytest.raises(ValueError, match="visibility"):
        attend(*args, None)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="dropout"):
        attend(*args, None, dropout=0.1, visibility=Visibility.causal(1, 4))  # type: ignore[arg-type]


def test_a_bidirectional_context_is_one_more_interval() -> None:
    """`first` = 0 for a context of 30: its tokens see each other (ChatGLM-6B's prompts)."""
    tokens, context = 80, 30
    first = torch.arange(tokens)[None].clone()
    first[:, :context] = 0
    last = torch.full_like(first, tokens - 1)
    made = tensors(2, 1, tokens, 0)
    for form in ("dense", "blocks"):
        visibility = Visibility(first, last, tokens, form=form)  # type: ignore[arg-type]
        mask = visibility.dense_mask()[0]
        assert bool(mask[:context, :context].all())
        assert not bool(mask[40, 41])
        out, _ = attend(MODULE, made["query"], made["key"], made["value"], None, visibility=visibility)  # type: ignore[arg-type]
        torch.testing.assert_close(out, by_hand(made, mask[None]), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("form", ["dense", "blocks"])
def test_autocast_leaves_queries_in_float32_and_values_in_bfloat16(form: Any) -> None:
    """Full tuning trains float32 weights under autocast: linear layers give bfloat16, the rotation float32 again."""
    first, last = rows(3, 2, 96)
    t: dict[str, Any] = tensors(3, 2, 96, 0)
    t["query"].requires_grad_(True)
    visibility = Visibility(first, last, 96, form=form)
    module: Any = SimpleNamespace(layer_idx=0)
    want, _ = attend(module, t["query"], t["key"], t["value"], None, visibility=visibility)
    with torch.autocast("cpu", torch.bfloat16):
        got, _ = attend(module, t["query"], t["key"], t["value"].bfloat16(), None, visibility=visibility)
    assert got.dtype == torch.bfloat16
    torch.testing.assert_close(got.float(), want, atol=0.05, rtol=0.05)
    (got.float() * torch.randn_like(want)).sum().backward()
    assert t["query"].grad.abs().sum() > 0
