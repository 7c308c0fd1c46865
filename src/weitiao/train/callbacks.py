"""What happens after each step: by the schedule, or because a signal came."""

from __future__ import annotations

from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from weitiao.train.run_state import RunState
from weitiao.train.schedule import Schedule
from weitiao.train.signals import Interrupts


class Flow(TrainerCallback):
    """Decides when to log, evaluate, save and stop.

    Evaluations come before the checkpoint of the same step, so that a checkpoint knows their outcome.

    Args:
        schedule: The plan.
        run: What the run has done.
        interrupts: Signals.
        evaluates: Whether there is a dev part.
    """

    def __init__(self, schedule: Schedule, run: RunState, interrupts: Interrupts, *, evaluates: bool) -> None:
        self.schedule, self.run, self.interrupts, self.evaluates = schedule, run, interrupts, evaluates

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """The Trainer has made a state of its own; from here on it writes into our history."""
        state.log_history = self.run.history
        self.run.start_clock()

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Ask for what is due."""
        step = state.global_step
        if self.interrupts.asked:
            control.should_log = control.should_save = control.should_training_stop = True
            return
        control.should_evaluate = self.evaluates and self.schedule.evaluates_after(step)
        control.should_save = self.schedule.saves_after(step)
        control.should_log = control.should_log or control.should_evaluate or control.should_save
