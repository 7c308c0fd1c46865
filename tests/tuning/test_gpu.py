"""On a CUDA device: FlexAttention computes the same loss and gradients as the CPU forms."""

from __future__ import annotations

import random

import pytest
import torch
from test_packing import samples_of, tuned

from bases import as_sample
from weitiao.pack import pack

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]


@pytest.mark.parametrize("family", ["llama", "qwen3", "gpt2", "chatglm1"])
@pytest.mark.parametrize("mode", ["tree", "pack", "pad"])
def test_flex_trains_like_the_cpu(family: str, mode: str) -> None:
    samples = [as_sample(family, s) for s in samples_of(random.Random(4), 12, longest=150)]
    wide = {"gpt2": {"n_embd": 64}, "chatglm1": {"hidden_size": 64}}.get(
        family, {"hidden_size": 64, "head_dim": 16}
    )
    here, there = tuned(family, **wide), tuned(family, **wide).cuda()
    batch = pack(samples, mode=mode)  # type: ignore[arg-type]
    expected, got = here(batch).total, there(batch.to("cuda")).total
    torch.testing.assert_close(got.cpu(), expected, rtol=1e-3, atol=1e-2)
    expected.backward()
    got.backward()
    for name, parameter in here.trainable().items():
        other = there.trainable()[name].grad
        assert parameter.grad is not None
        assert other is not None
        scale = parameter.grad.abs().max().item()
        torch.testing.assert_close(other.cpu(), parameter.grad, rtol=1e-2, atol=5e-3 * scale)


def test_a_step_in_bfloat16_is_finite() -> None:
    model = tuned("llama", hidden_size=64, head_dim=16)
    model.model.bfloat16()
    model.cuda()
    model(pack(samples_of(random.Random(5), 16, longest=200)).to("cuda")).total.backward()
    (kv,) = model.trainable().values()
    assert kv.grad is not None
    assert bool(torch.isfinite(kv.grad).all())
