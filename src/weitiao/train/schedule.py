"""When a run steps, evaluates and saves, and how fast it learns at each step. No torch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from weitiao.config import TrainConfig


@dataclass(frozen=True, slots=True)
class Schedule:
    """The plan of a run, in optimizer steps.

    Attributes:
        micro_batch: Samples of one forward pass.
        accumulation: Forward passes of one step.
        steps_per_epoch: Steps of one pass over the training part; the last one may hold fewer samples.
        steps: Steps of the whole run.
        warmup_steps: First steps, in which the learning rate rises.
        save_steps: A checkpoint every so many steps, beside the last and the best.
        shape: Course of the learning rate after the warmup.
    """

    micro_batch: int
    accumulation: int
    steps_per_epoch: int
    steps: int
    warmup_steps: int
    save_steps: int
    shape: Literal["cosine", "linear", "constant"]

    @classmethod
    def of(cls, config: TrainConfig, samples: int) -> Schedule:
        """The plan for a number of training samples.

        Raises:
            ValueError: ``micro_batch_size`` does not divide ``batch_size``.
        """
        micro = config.micro_batch_size or config.batch_size
        if config.batch_size % micro:
            raise ValueError(f"micro_batch_size {micro} does not divide batch_size {config.batch_size}")
        per_epoch = math.ceil(samples / config.batch_size)
        steps = config.max_steps or math.ceil(round(config.epochs * per_epoch, 9))
        return cls(
            micro_batch=micro,
            accumulation=config.batch_size // micro,
            steps_per_epoch=per_epoch,
            steps=steps,
            warmup_steps=min(round(config.warmup * steps), steps - 1),  # one step at the peak at least
            save_steps=config.save_steps or per_epoch,
            shape=config.scheduler,
        )

    def rate(self, step: int) -> float:
        """Share of the peak learning rate at a step (the first is 0); above 0 in every step of the run."""
        if step < self.warmup_steps:
            return (step + 1) / (self.warmup_steps + 1)
        left = 1 - (step - self.warmup_steps) / (self.steps - self.warmup_steps)
        if self.shape == "linear":
            return max(0.0, left)
        if self.shape == "cosine":
            return (1 - math.cos(math.pi * max(0.0, left))) / 2
        return 1.0

    def evaluates_after(self, step: int) -> bool:
        """Whether the dev part is scored after so many steps: each epoch, and at the end."""
        return step % self.steps_per_epoch == 0 or step == self.steps

    def saves_after(self, step: int) -> bool:
        """Whether a checkpoint is due after so many steps."""
        return step % self.save_steps == 0 or step == self.steps
