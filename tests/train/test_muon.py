"""One optimizer for both rules: equal to torch's own, and its state survives a round trip."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from transformers import AutoModelForCausalLM, GPT2Config, LlamaConfig

from weitiao.train.muon import MuonAdamW, build_optimizer, orthogonalise
from weitiao.train.pretrain_config import OptimizerRecipe

LLAMA = LlamaConfig(
    vocab_size=50, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=24,
    tie_word_embeddings=True,
)  # fmt: skip
GPT2 = GPT2Config(vocab_size=50, n_embd=16, n_layer=2, n_head=2, n_positions=32)


def steps(
    optimizer: torch.optim.Optimizer, parameters: list[nn.Parameter], count: int, seed: int = 0
) -> None:
    generator = torch.Generator().manual_seed(seed)
    for _ in range(count):
        for p in parameters:
            p.grad = torch.randn(p.shape, generator=generator)
        optimizer.step()


def parameters(*shapes: tuple[int, ...]) -> list[nn.Parameter]:
    generator = torch.Generator().manual_seed(1)
    return [nn.Parameter(torch.randn(shape, generator=generator)) for shape in shapes]


def test_matrices_get_torch_muon() -> None:
    ours, theirs = (parameters((12, 8), (8, 12), (12, 8)) for _ in range(2))
    steps(MuonAdamW([{"params": ours, "muon": True, "lr": 0.02, "weight_decay": 0.1}]), ours, 5)
    steps(torch.optim.Muon(theirs, lr=0.02, weight_decay=0.1), theirs, 5)
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, atol=2e-3, rtol=0)  # one bfloat16 rounding of an update of 0.02
        assert (a - b).abs().max() < 0.2 * (a - parameters((12, 8))[0].view_as(a)).abs().max()


def test_the_rest_gets_torch_adamw() -> None:
    ours, theirs = (parameters((12, 8), (5,)) for _ in range(2))
    steps(MuonAdamW([{"params": ours, "lr": 0.01, "weight_decay": 0.1}]), ours, 6)
    steps(torch.optim.AdamW(theirs, lr=0.01, betas=(0.9, 0.95), weight_decay=0.1), theirs, 6)
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 24, 8), (2, 8, 24)])
def test_updates_are_nearly_orthogonal(shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    values = torch.linalg.svdvals(orthogonalise(torch.randn(shape)).float())
    assert values.min() > 0.3
    assert values.max() < 1.35


def test_state_survives_a_round_trip() -> None:
    whole, parted = parameters((12, 8), (5,)), parameters((12, 8), (5,))

    def make(p: list[nn.Parameter]) -> MuonAdamW:
        return MuonAdamW([{"params": p[:1], "muon": True, "lr": 0.02}, {"params": p[1:], "lr": 0.01}])

    one = make(whole)
    steps(one, whole, 3, seed=0)
    steps(one, whole, 3, seed=1)
    two = make(parted)
    steps(two, parted, 3, seed=0)
    three = make(parted)
    three.load_state_dict(two.state_dict())
    steps(three, parted, 3, seed=1)
    for a, b in zip(whole, parted, strict=True):
        assert torch.equal(a, b)


def test_without_its_state_it_goes_elsewhere() -> None:
    """The control of the law above."""
    whole, parted = parameters((12, 8)), parameters((12, 8))
    one = MuonAdamW([{"params": whole, "muon": True, "lr": 0.02}])
    steps(one, whole, 3, seed=0)
    steps(one, whole, 3, seed=1)
    steps(MuonAdamW([{"params": parted, "muon": True, "lr": 0.02}]), parted, 3, seed=0)
    steps(MuonAdamW([{"params": parted, "muon": True, "lr": 0.02}]), parted, 3, seed=1)
    assert not torch.equal(whole[0], parted[0])


@pytest.mark.parametrize("config", [LLAMA, GPT2], ids=["llama", "gpt2"])
@pytest.mark.parametrize("kind", ["muon", "adamw"])
def test_every_parameter_is_in_one_group(config: Any, kind: str) -> None:
    model = AutoModelForCausalLM.from_config(config)
    optimizer = build_optimizer(model, OptimizerRecipe.model_validate({"kind": kind, "weight_decay": 0.1}))
    grouped = [p for g in optimizer.param_groups for p in g["params"]]
    assert len(grouped) == len(set(grouped)) == len(list(model.parameters()))
    embedding = model.get_input_embeddings().weight
    for group in optimizer.param_groups:
        assert not group["muon"] or all(p is not embedding and p.ndim == 2 for p in group["params"])
        assert all(p.ndim == 2 for p in group["params"]) or group["weight_decay"] == 0
    assert any(g["muon"] for g in optimizer.param_groups) == (kind == "muon")


def test_muon_refuses_vectors() -> None:
    with pytest.raises(ValueError, match="matrices only"):
        MuonAdamW([{"params": parameters((5,)), "muon": True}])
