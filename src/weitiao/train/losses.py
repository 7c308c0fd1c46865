"""The loss of every training sample at each of its visits: what the edges of a step give for nothing.

Legend: V visits (passes over the training part), N training samples.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from weitiao.pack import Batch

LOSSES = "losses.safetensors"


class SampleLosses:
    """Losses before the update of the step in which a sample took part, in nats.

    Args:
        size: N.

    Attributes:
        visits: Long [N], how often each sample was trained on.
        targets: Long [N], targets of each sample, 0 as long as it was not trained on.
    """

    def __init__(self, size: int) -> None:
        self.visits = torch.zeros(size, dtype=torch.long)
        self.targets = torch.zeros(size, dtype=torch.long)
        self._mean = torch.full((0, size), torch.nan)
        self._worst = torch.full((0, size), torch.nan)

    @property
    def mean(self) -> Tensor:
        """[V, N] negative log-likelihood per target token; NaN where a sample has not been that often."""
        return self._mean

    @property
    def worst(self) -> Tensor:
        """[V, N] negative log-likelihood of the least likely target token; NaN as in `mean`."""
        return self._worst

    def add(self, numbers: Sequence[int], batch: Batch, nll: Tensor) -> None:
        """Note one forward pass.

        Args:
            numbers: Which training samples the batch holds, in its order.
            batch: The batch.
            nll: [E] of its edges.
        """
        targets = batch.targets_per_sample()
        mean = batch.per_sample(nll) / targets
        worst = nll.new_zeros(batch.num_samples)
        worst = worst.scatter_reduce(0, batch.pair_sample, nll[batch.pair_edge], "amax")
        at = torch.tensor(numbers, dtype=torch.long)
        visit = self.visits[at]
        self._grow(int(visit.max()) + 1)
        self._mean[visit, at] = mean.float().cpu()
        self._worst[visit, at] = worst.float().cpu()
        self.visits[at] += 1
        self.targets[at] = targets.cpu()

    def _grow(self, visits: int) -> None:
        missing = visits - len(self._mean)
        if missing > 0:
            rows = torch.full((missing, len(self.visits)), torch.nan)
            self._mean, self._worst = torch.cat([self._mean, rows]), torch.cat([self._worst, rows])

    def tensors(self) -> dict[str, Tensor]:
        """What is stored: ``mean`` and ``worst`` [V, N], ``targets`` [N]."""
        return {"mean": self._mean, "worst": self._worst, "targets": self.targets}

    @classmethod
    def load(cls, path: Path) -> SampleLosses:
        """Read a file of what `tensors` gives.

        Raises:
            OSError: It cannot be read.
            SafetensorError: It is damaged.
            KeyError: It holds something else.
        """
        stored = load_file(path)
        losses = cls(stored["mean"].shape[1])
        losses._mean, losses._worst = stored["mean"], stored["worst"]
        losses.targets = stored["targets"]
        losses.visits = (~losses._mean.isnan()).sum(0)
        return losses
