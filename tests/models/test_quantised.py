"""Integers stand for the matrix they were made from, and a kept matrix multiplies and back-propagates as it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file
from torch.nn import functional as F

from weitiao.errors import ModelError
from weitiao.models.checkpoint import Checkpoint
from weitiao.models.quantised import QuantisedLinear, expand, quantise


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), bits=st.sampled_from([4, 8]), rows=st.integers(1, 9))
def test_expand_is_the_inverse_of_quantise_within_half_a_step(seed: int, bits: int, rows: int) -> None:
    weight = torch.randn(rows, 12, generator=torch.Generator().manual_seed(seed))
    q, scale = quantise(weight, bits=bits)
    assert q.shape == (rows, 12 * bits // 8)
    back = expand(q, scale, bits=bits, dtype=torch.float32)
    half_step = scale.float()[:, None] * 0.501 + 1e-3 * weight.abs()
    assert ((back - weight).abs() <= half_step).all()
    again, scale_again = quantise(back, bits=bits)
    torch.testing.assert_close(again, q)
    torch.testing.assert_close(scale_again, scale, rtol=2e-3, atol=0)


@pytest.mark.parametrize("bits", [4, 8])
def test_expansion_of_the_original(reference: Path, bits: int) -> None:
    folder = reference / "chatglm2"
    name = "transformer.encoder.layers.0.self_attention.query_key_value.weight"
    ((_, stored),) = Checkpoint.open(folder / f"int{bits}").shards()
    got = expand(stored[name], stored[f"{name}_scale"], bits=bits, dtype=torch.float32)
    expected = load_file(folder / f"cases_int{bits}.safetensors")[f"single.expanded.{name}"]
    torch.testing.assert_close(got, expected, rtol=0, atol=0)


def layer(bits: int) -> QuantisedLinear:
    weight = torch.randn(6, 8, generator=torch.Generator().manual_seed(3))
    return QuantisedLinear(*quantise(weight, bits=bits), torch.randn(6), bits=bits)


@pytest.mark.parametrize("bits", [4, 8])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_multiplies_and_back_propagates_as_a_plain_layer(bits: int, dtype: torch.dtype) -> None:
    module = layer(bits).to(dtype)
    assert module.bias is not None
    x = torch.randn(2, 3, 8).to(dtype).requires_grad_()
    out = module(x)
    out.float().pow(2).sum().backward()
    got, bias = x.grad, module.bias.grad
    x.grad = module.bias.grad = None
    plain = F.linear(x, module.expanded(dtype), module.bias)
    plain.float().pow(2).sum().backward()
    torch.testing.assert_close(out, plain, rtol=0, atol=0)
    torch.testing.assert_close(got, x.grad, rtol=1e-2 if dtype != torch.float32 else 1e-5, atol=1e-2)
    torch.testing.assert_close(bias, module.bias.grad, rtol=2e-2, atol=1e-1)


def test_the_backward_pass_keeps_no_expanded_matrix() -> None:
    module = layer(8)
    kept: list[torch.Tensor] = []

    def remember(tensor: torch.Tensor) -> torch.Tensor:
        kept.append(tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(remember, lambda t: t):
        module(torch.randn(2, 8, requires_grad=True))
    assert kept
    assert all(t.dtype == torch.int8 or t.dim() == 1 for t in kept)


def test_a_cast_of_the_model_keeps_the_stored_scale() -> None:
    module = layer(4)
    before = module.scale.clone()
    module.to(torch.bfloat16)
    assert module.scale.dtype == torch.float16
    assert module.weight.dtype == torch.int8
    torch.testing.assert_close(module.scale, before, rtol=0, atol=0)


def test_another_layout_is_refused() -> None:
    with pytest.raises(ModelError, match="int8"):
        QuantisedLinear(torch.zeros(4, 4), torch.zeros(4), None, bits=8)
