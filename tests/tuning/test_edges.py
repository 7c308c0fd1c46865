"""The chunked loss on edges equals plain cross-entropy, with every gradient."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from weitiao.tuning import edges as module
from weitiao.tuning.edges import edge_loss


@pytest.mark.parametrize("chunk_rows", [1, 3, 1000])
@pytest.mark.parametrize("train_head", [False, True])
@pytest.mark.parametrize("with_bias", [False, True])
def test_equals_plain_cross_entropy(
    monkeypatch: pytest.MonkeyPatch, chunk_rows: int, train_head: bool, with_bias: bool
) -> None:
    torch.manual_seed(0)
    vocab, width, slots, number = 41, 8, 20, 30
    monkeypatch.setattr(module, "_CHUNK_BYTES", 4 * vocab * chunk_rows)
    hidden = torch.randn(slots, width, requires_grad=True)
    head = torch.randn(vocab, width, requires_grad=train_head)
    bias = torch.randn(vocab, requires_grad=train_head) if with_bias else None
    parent, token = torch.randint(slots, (number,)), torch.randint(vocab, (number,))
    weight = torch.rand(number)
    inputs = [hidden, *([head, bias] if train_head else [])]
    inputs = [x for x in inputs if x is not None]
    nll = F.cross_entropy(F.linear(hidden, head, bias)[parent], token, reduction="none")
    expected = (weight * nll).sum()
    got = edge_loss(hidden, head, bias, parent, token, weight)
    torch.testing.assert_close(got.total, expected)
    torch.testing.assert_close(got.nll, nll)
    scale = torch.tensor(0.37)
    for a, b in zip(
        torch.autograd.grad(got.total * scale, inputs),
        torch.autograd.grad(expected * scale, inputs),
        strict=True,
    ):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


def test_an_impossible_target_gives_a_finite_loss() -> None:
    hidden = torch.tensor([[200.0, 0.0]], requires_grad=True)
    head = torch.eye(2)
    got = edge_loss(hidden, head, None, torch.tensor([0]), torch.tensor([1]), torch.ones(1))
    assert got.total.item() == pytest.approx(200.0)
    got.total.backward()
    assert hidden.grad is not None
    torch.testing.assert_close(hidden.grad, torch.tensor([[1.0, -1.0]]))
