"""Progress of a training run: a bar on a terminal, a plain line every few seconds elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress
from rich.text import Text
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

_SHOWN = {"loss": "loss {:.3f}", "grad_norm": "grad {:.2f}", "learning_rate": "lr {:.1e}"}


class _Bar(RichProgress):
    """A bar with a line of numbers below it."""

    line = ""

    def get_renderables(self) -> Iterable[RenderableType]:
        yield from super().get_renderables()
        if self.line:
            yield Text(self.line, no_wrap=True, overflow="ellipsis")


class Progress(TrainerCallback):
    """Shows step, epoch, loss, learning rate, dev scores, speed and time left.

    Args:
        console: Where it is shown.
        title: Word in front of the bar.
        counters: Totals so far by unit (``{"samples": 640, "tok": 9000}``); their rates are shown.
        interval: Seconds between two plain lines where there is no terminal; evaluations are always shown.
    """

    def __init__(
        self,
        console: Console,
        title: str,
        counters: Callable[[TrainerState], Mapping[str, float]],
        *,
        interval: float = 10.0,
    ) -> None:
        self.console, self.title, self.counters, self.interval = console, title, counters, interval
        self.bar = _Bar(
            TextColumn("[bold]{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self.first_step, self.started, self.said = 0, 0.0, 0.0
        self.first: Mapping[str, float] = {}
        self.dev = ""

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Start the bar."""
        self.first_step, self.started, self.first = state.global_step, time.monotonic(), self.counters(state)
        self.task = self.bar.add_task(self.title, total=state.max_steps, completed=state.global_step)
        self.bar.start()

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Move the bar."""
        self.bar.update(self.task, completed=state.global_step)

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **_: Any,
    ) -> None:
        """Show a log entry."""
        entry = logs or {}
        if any(name.startswith("eval_") for name in entry):
            self._show_evaluation(state, entry)
        elif "loss" in entry and self.started:
            self._show_training(state, entry)

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Stop the bar."""
        self.close()

    def close(self) -> None:
        """Give the terminal back; harmless when done twice, needed when the training ended in an error."""
        self.bar.stop()

    def _show_evaluation(self, state: TrainerState, entry: Mapping[str, float]) -> None:
        scores = [f"{n.removeprefix('eval_')} {v:.3f}" for n, v in entry.items() if n.startswith("eval_")]
        self.dev = "dev " + ", ".join(scores)
        self.console.print(
            f"step {state.global_step} {self.dev}", markup=False, highlight=False, soft_wrap=True
        )

    def _show_training(self, state: TrainerState, entry: Mapping[str, float]) -> None:
        numbers = [text.format(entry[name]) for name, text in _SHOWN.items() if name in entry]
        epoch = [] if state.epoch is None else [f"epoch {state.epoch:.2f}"]
        line = " ".join([*epoch, *numbers, *self._speed(state)])
        self.bar.line = " ".join(filter(None, [line, self.dev]))
        now = time.monotonic()
        if not self.console.is_terminal and now - self.said >= self.interval:
            self.said = now
            text = f"{self.title} step {state.global_step}/{state.max_steps} {line}, {self._left(state)} left"
            self.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def _speed(self, state: TrainerState) -> list[str]:
        seconds = time.monotonic() - self.started
        rates = {unit: (total - self.first[unit]) / seconds for unit, total in self.counters(state).items()}
        return [f"{rate:,.{0 if rate >= 10 else 1}f} {unit}/s" for unit, rate in rates.items()]

    def _left(self, state: TrainerState) -> str:
        done = max(1, state.global_step - self.first_step)
        seconds = round((time.monotonic() - self.started) / done * (state.max_steps - state.global_step))
        hours, minutes = divmod(seconds // 60, 60)
        return f"{hours}:{minutes:02}:{seconds % 60:02}"
