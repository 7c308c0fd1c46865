"""How probable given answers are to a model: one forward pass over tree-packed samples, nothing is generated.

Legend: N samples, E edges.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from weitiao.errors import FormatError
from weitiao.pack import collate, plan
from weitiao.pack.plan import Mode
from weitiao.tuning.tuned import Tuned
from weitiao.types import Rendered


@dataclass(frozen=True, slots=True)
class LogProb:
    """Log-probability of an answer's tokens, its end token included.

    Attributes:
        sum: Of the whole answer.
        mean: Per token.
        min: Of the least probable token.
        n: Tokens.
    """

    sum: float
    mean: float
    min: float
    n: int

    @classmethod
    def of(cls, logprobs: Sequence[float]) -> LogProb | None:
        """Summary of the log-probabilities of the tokens of one answer; None when there are none."""
        if not logprobs:
            return None
        total = float(sum(logprobs))
        return cls(total, total / len(logprobs), float(min(logprobs)), len(logprobs))

    def as_dict(self) -> dict[str, float | int]:
        """The form used in ``predictions.jsonl``."""
        return {"sum": self.sum, "mean": self.mean, "min": self.min, "n": self.n}


@torch.no_grad()
def score_references(
    tuned: Tuned,
    rendered: Sequence[Rendered],
    *,
    batch_size: int = 16,
    pad_id: int = 0,
    mode: Mode = "auto",
    progress: Callable[[int], None] | None = None,
) -> list[LogProb]:
    """Log-probability of the targets of each sample.

    Args:
        tuned: Base with or without a method; dropout of the method is off for the time being.
        rendered: Samples with at least one target.
        batch_size: Samples of one forward pass.
        pad_id: Id in unused slots.
        mode: How samples are put into rows.
        progress: Called with the number of samples done since the last call.

    Returns:
        One per sample, in order; sample weights play no part.

    Raises:
        FormatError: A sample has no target.
    """
    for sample in rendered:
        if not any(sample.trained):
            raise FormatError(
                f"example {sample.example_id}: has no answer to score", remedy="give it a reference answer"
            )
    # neighbours in this order share most, so a batch computes fewest tokens
    order = sorted(range(len(rendered)), key=lambda n: rendered[n].ids)
    cost = tuned.cost_model()
    results: dict[int, LogProb] = {}
    was_training = tuned.training
    tuned.eval()
    try:
        for start in range(0, len(order), batch_size):
            numbers = order[start : start + batch_size]
            samples = [rendered[n] for n in numbers]
            batch = collate(samples, plan(samples, mode=mode, cost=cost), pad_id=pad_id).to(tuned.device)
            logprob = -tuned(batch).nll.double()[batch.pair_edge]
            least = logprob.new_zeros(len(samples))
            least.scatter_reduce_(0, batch.pair_sample, logprob, "amin", include_self=False)
            sums = logprob.new_zeros(len(samples)).index_add_(0, batch.pair_sample, logprob)
            counts = batch.targets_per_sample()
            for k, number in enumerate(numbers):
                total, n = float(sums[k]), int(counts[k])
                results[number] = LogProb(total, total / n, float(least[k]), n)
            if progress is not None:
                progress(len(numbers))
    finally:
        tuned.train(was_training)
    return [results[n] for n in range(len(rendered))]
