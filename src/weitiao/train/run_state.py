"""What a run has done so far; saved with every checkpoint, so that a resumed run counts on."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from weitiao.pack import Batch

_SAVED = ("samples", "tokens_rendered", "tokens_computed", "best", "evaluated_step", "worse", "stopped_early")


@dataclass
class RunState:
    """Counts of the steps that led to the present weights.

    Attributes:
        samples: Samples trained on.
        tokens_rendered: Their tokens as rendered.
        tokens_computed: Tokens computed for them, shared beginnings once.
        best: ``{"step", "metric", "value"}`` of the best evaluation.
        evaluated_step: Step of the last evaluation.
        worse: Evaluations since the best one.
        stopped_early: Whether early stopping has ended the run.
        history: Log entries, shared with the Trainer's own state.
    """

    samples: int = 0
    tokens_rendered: int = 0
    tokens_computed: int = 0
    best: dict[str, Any] | None = None
    evaluated_step: int = 0
    worse: int = 0
    stopped_early: bool = False
    history: list[dict[str, float]] = field(default_factory=list)
    _seconds_before: float = 0.0
    _started: float | None = None

    @property
    def seconds(self) -> float:
        """Seconds of training, over all starts of the run."""
        return self._seconds_before + (0.0 if self._started is None else time.monotonic() - self._started)

    def start_clock(self) -> None:
        """Count seconds from now on."""
        if self._started is None:
            self._started = time.monotonic()

    def count(self, batch: Batch) -> None:
        """Add the samples of one forward and backward pass."""
        self.samples += batch.num_samples
        self.tokens_rendered += batch.tokens_rendered
        self.tokens_computed += batch.tokens_computed

    def judge(self, step: int, metric: str, value: float) -> bool:
        """Note an evaluation; True when it is the best so far (loss: lower is better, else higher)."""
        sign = -1 if metric == "loss" else 1
        better = self.best is None or sign * value > sign * self.best["value"]
        self.evaluated_step = step
        self.worse = 0 if better else self.worse + 1
        if better:
            self.best = {"step": step, "metric": metric, "value": value}
        return better

    def dump(self) -> dict[str, Any]:
        """JSON-able, without the history (it is in ``trainer_state.json``)."""
        return {**{name: getattr(self, name) for name in _SAVED}, "seconds": self.seconds}

    def load(self, saved: Mapping[str, Any], history: list[dict[str, float]]) -> None:
        """Go on from what `dump` gave."""
        for name in _SAVED:
            setattr(self, name, saved[name])
        self._seconds_before = saved["seconds"]
        self.history = history
