"""Scores of given answers equal a forward pass over each sample alone."""

from __future__ import annotations

import random

import pytest
import torch

from bases import tiny_base
from weitiao.errors import FormatError
from weitiao.infer.score import LogProb, score_references
from weitiao.tuning.attention import Visibility
from weitiao.tuning.prefix import DeepPrefix, PrefixShape, initial
from weitiao.tuning.tuned import Tuned
from weitiao.types import Rendered

torch.set_num_threads(1)


def samples(count: int) -> list[Rendered]:
    """Shared beginnings, several trained stretches, one sample twice, weights that must not matter."""
    draw = random.Random(0)
    trunk = [draw.randrange(3, 97) for _ in range(9)]
    made = []
    for k in range(count):
        rest = [draw.randrange(3, 97) for _ in range(draw.randrange(2, 9))]
        ids = (*trunk[: draw.randrange(3, 10)], *rest)
        trained = [False] * (len(ids) - len(rest)) + [draw.random() < 0.6 for _ in rest]
        trained[-1] = k % 3 > 0 or not any(trained)
        made.append(Rendered(ids, tuple(trained), f"e{k}", weight=1.0 + k))
    return [*made, made[0]]


def alone(tuned: Tuned, sample: Rendered) -> list[float]:
    prefix = None if tuned.prefix is None else tuned.prefix.folded()
    start, n = tuned.position_start, len(sample)
    with torch.no_grad():
        logits = tuned.model(
            input_ids=torch.tensor([sample.ids]),
            position_ids=torch.arange(start, start + n)[None],
            visibility=Visibility.causal(1, n),
            prefix=prefix,
        ).logits[0]
    logprobs = logits.log_softmax(-1)
    return [float(logprobs[k - 1, sample.ids[k]]) for k in range(n) if sample.trained[k]]


@pytest.mark.parametrize("with_prefix", [True, False])
@pytest.mark.parametrize("mode", ["auto", "tree", "pack", "pad"])
def test_scores_are_those_of_separate_samples(with_prefix: bool, mode: str) -> None:
    model = tiny_base("qwen2")
    start = initial("random", PrefixShape.of(model.config, 5), seed=1)
    tuned = Tuned(model, DeepPrefix(start, dropout=0.5) if with_prefix else None).train()
    given = samples(9)
    told: list[int] = []
    found = score_references(tuned, given, batch_size=4, mode=mode, progress=told.append)  # type: ignore[arg-type]
    assert tuned.training
    assert sum(told) == len(given)
    for sample, score in zip(given, found, strict=True):
        expected = LogProb.of(alone(tuned, sample))
        assert expected is not None
        assert score.n == expected.n
        assert (score.sum, score.mean, score.min) == pytest.approx(
            (expected.sum, expected.mean, expected.min), abs=1e-4
        )


def test_a_sample_without_an_answer_is_named() -> None:
    with pytest.raises(FormatError, match="e7"):
        score_references(Tuned(tiny_base(), None), [Rendered((5, 6), (False, False), "e7")])


def test_no_tokens_no_score() -> None:
    assert LogProb.of([]) is None
    assert LogProb(-3.0, -1.5, -2.0, 2) == LogProb.of([-1.0, -2.0])
    assert LogProb(-3.0, -1.5, -2.0, 2).as_dict() == {"sum": -3.0, "mean": -1.5, "min": -2.0, "n": 2}
