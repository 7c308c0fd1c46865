"""Choosing tokens: the nucleus of transformers, and frequencies that follow the distribution."""

from __future__ import annotations

import pytest
import torch

from weitiao.config import DecodeConfig
from weitiao.infer.sample import choose, distribution, random_stream

torch.set_num_threads(1)


@pytest.mark.parametrize("top_p", [0.1, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_the_nucleus_is_that_of_transformers(top_p: float, temperature: float) -> None:
    from transformers import TemperatureLogitsWarper, TopPLogitsWarper

    logits = torch.randn(6, 50, generator=torch.Generator().manual_seed(1)) * 3
    scores = TemperatureLogitsWarper(temperature)(None, logits)  # type: ignore[arg-type]
    expected = TopPLogitsWarper(top_p)(None, scores).softmax(-1) if top_p < 1 else scores.softmax(-1)  # type: ignore[arg-type]
    ours = distribution(logits, temperature=temperature, top_p=top_p)
    torch.testing.assert_close((ours / ours.sum(-1, keepdim=True)).float(), expected, atol=1e-6, rtol=1e-5)


def test_frequencies_follow_the_distribution() -> None:
    logits = torch.tensor([[0.5, 0.2, 0.2, 0.1, 0.0]]).log()
    config = DecodeConfig(temperature=1.0, top_p=0.85)
    draws = random_stream(3, 0)
    counts = torch.bincount(choose(logits.expand(4000, 5), config, [draws] * 4000), minlength=5)
    assert counts[3:].sum() == 0
    torch.testing.assert_close(counts[:3] / 4000, torch.tensor([5, 2, 2]) / 9, atol=0.03, rtol=0)


def test_the_most_probable_token_is_always_in_the_nucleus() -> None:
    config = DecodeConfig(temperature=1.0, top_p=0.01)
    logits = torch.tensor([[0.0, 1.0, 0.9], [2.0, 1.0, 0.9]])
    assert choose(logits, config, [random_stream(0, 0), random_stream(0, 1)]).tolist() == [1, 0]


def test_extreme_logits_are_sampled_all_the_same() -> None:
    logits = torch.tensor([[1e4, -1e4, 0.0]])
    assert choose(logits, DecodeConfig(temperature=0.01), [random_stream(0, 0)]).tolist() == [0]


def test_streams_differ_by_seed_and_number() -> None:
    def first(seed: int, number: int) -> float:
        return float(torch.rand((), generator=random_stream(seed, number), dtype=torch.float64))

    assert len({first(s, n) for s in range(3) for n in range(3)}) == 9
    assert first(1, 2) == first(1, 2)
