"""Progress of a pretraining run."""

from __future__ import annotations

from rich.console import Console

from weitiao.train import progress


class Progress(progress.Progress):
    """Shows step, loss, tokens per second and time left, with a line for every log entry.

    Args:
        console: Where it is shown.
        step_tokens: Tokens of one optimizer step.
    """

    def __init__(self, console: Console, step_tokens: int) -> None:
        super().__init__(
            console, "pretraining", lambda state: {"tok": state.global_step * step_tokens}, interval=0.0
        )
