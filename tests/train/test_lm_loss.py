"""The chunked loss against the plain one, values and gradients."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from weitiao.train.lm_loss import next_token_loss


@given(st.integers(1, 30), st.integers(1, 40), st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_equals_cross_entropy_for_every_chunk(tokens: int, chunk: int, seed: int) -> None:
    torch.manual_seed(seed)
    hidden, weight = torch.randn(tokens, 8), torch.randn(17, 8)
    targets = torch.randint(0, 17, (tokens,))
    found, expected = [], []
    for results, loss in ((found, "ours"), (expected, "plain")):
        h, w = hidden.clone().requires_grad_(), weight.clone().requires_grad_()
        if loss == "ours":
            value = next_token_loss(h, w, targets, chunk=chunk, dtype=torch.float32)
        else:
            value = F.cross_entropy(h @ w.T, targets)
        (3 * value).backward()
        results.extend([value, h.grad, w.grad])
    torch.testing.assert_close(found, expected)


def test_without_gradients_it_is_the_same_value() -> None:
    hidden, weight, targets = torch.randn(9, 8), torch.randn(17, 8), torch.randint(0, 17, (9,))
    trained = next_token_loss(hidden.requires_grad_(), weight, targets, chunk=4, dtype=torch.float32)
    with torch.no_grad():
        scored = next_token_loss(hidden, weight, targets, chunk=4, dtype=torch.float32)
    torch.testing.assert_close(trained.detach(), scored)


def test_bfloat16_products_stay_near() -> None:
    torch.manual_seed(0)
    hidden, weight, targets = torch.randn(64, 32), torch.randn(50, 32) * 0.1, torch.randint(0, 50, (64,))
    low, high = (
        next_token_loss(hidden, weight, targets, chunk=16, dtype=d) for d in (torch.bfloat16, torch.float32)
    )
    assert low.item() == pytest.approx(high.item(), rel=2e-3)
    assert low.dtype is torch.float32
