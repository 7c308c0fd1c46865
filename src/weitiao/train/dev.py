"""The dev part during training: which samples, and their loss."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator, Sequence

import numpy as np
import torch

from weitiao.pack import Batch
from weitiao.tuning.tuned import Tuned
from weitiao.types import Rendered


def draw(dev: Sequence[Rendered], limit: int, seed: int) -> list[Rendered]:
    """At most `limit` samples, the same ones for the same seed, with common beginnings side by side."""
    chosen = list(dev) if len(dev) <= limit else random.Random(seed).sample(list(dev), limit)
    return sorted(chosen, key=lambda s: s.ids)


def mean_loss(tuned: Tuned, batches: Sequence[Batch]) -> float:
    """Negative log-likelihood in nats per target token, weighted by the samples' weights."""
    total = weight = 0.0
    for batch in batches:
        total += tuned(batch.to(tuned.device)).total.item()
        weight += batch.weight.sum().item()
    return total / weight


@contextlib.contextmanager
def unchanged_random_state() -> Iterator[None]:
    """Whatever the block draws, the training that follows draws as if it had not run."""
    python, numpy = random.getstate(), np.random.get_state()
    devices = list(range(torch.cuda.device_count())) if torch.cuda.is_initialized() else []
    with torch.random.fork_rng(devices=devices):
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy)
