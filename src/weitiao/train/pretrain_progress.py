"""Progress of a pretraining run: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments


class Progress(TrainerCallback):
    """Shows step, loss, tokens per second and time left.

    Args:
        console: Where it is shown.
        step_tokens: Tokens of one optimizer step.
    """

    def __init__(self, console: Console, step_tokens: int) -> None:
        self.console, self.step_tokens = console, step_tokens
        self.bar = Bar(
            TextColumn("[bold]{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self.first_step, self.started = 0, 0.0

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Start the bar."""
        self.first_step, self.started = state.global_step, time.monotonic()
        self.task = self.bar.add_task("pretraining", total=state.max_steps, completed=state.global_step)
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
        if "loss" in entry:
            line = self._training_line(state, entry)
        elif "eval_loss" in entry:
            line = ", ".join(
                f"{name.removeprefix('eval_')} {value:.3f}"
                for name, value in entry.items()
                if name.startswith("eval_")
            )
            line = f"step {state.global_step} validation: {line}"
        else:
            return
        self.bar.update(self.task, description=line.split(" validation", 1)[0])
        if not self.console.is_terminal or "validation" in line:
            self.console.print(line, markup=False, soft_wrap=True)

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Stop the bar."""
        self.bar.stop()

    def _training_line(self, state: TrainerState, entry: dict[str, float]) -> str:
        steps = state.global_step - self.first_step
        seconds = time.monotonic() - self.started
        speed = steps * self.step_tokens / seconds if seconds else 0.0
        left = (state.max_steps - state.global_step) * self.step_tokens / speed if speed else 0.0
        return (
            f"step {state.global_step}/{state.max_steps} loss {entry['loss']:.3f} "
            f"grad {entry.get('grad_norm', float('nan')):.2f} "
            f"{speed:,.0f} tok/s, {left / 60:.0f} min left"
        )
