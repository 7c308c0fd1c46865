"""What is shown while training: a bar on a terminal, a few plain lines elsewhere, nothing on stdout."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from train_jobs import model, train
from weitiao.train import progress


def shown(out: Path, *, terminal: bool, **options: object) -> str:
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=terminal, width=200)
    train(model(), out, console=console, **options)
    return stream.getvalue()


def test_plain_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = shown(tmp_path, terminal=False, logging_steps=1)
    lines = text.splitlines()
    assert lines[0].startswith("training step 1/12 epoch 0.17 loss ")
    assert " lr 1.0e-02 " in lines[0]
    assert "samples/s" in lines[0]
    assert "tok/s" in lines[0]
    assert lines[0].endswith("left")
    assert [line.split(" dev")[0] for line in lines[1:]] == [
        "step 6",
        "step 12",
    ]  # a line each ten seconds at most
    assert "\x1b" not in text
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""


def test_a_line_whenever_the_interval_is_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]

    def clock() -> float:
        now[0] += 4.0
        return now[0]

    monkeypatch.setattr(progress.time, "monotonic", clock)
    lines = shown(tmp_path, terminal=False, logging_steps=1).splitlines()
    assert sum(line.startswith("training step") for line in lines) >= 4


def test_a_bar_on_a_terminal(tmp_path: Path) -> None:
    text = shown(tmp_path, terminal=True, logging_steps=1)
    assert "\x1b[?25l" in text  # the cursor is hidden while the bar is there
    assert text.rstrip().endswith("\x1b[?25h") or "\x1b[?25h" in text
    assert "12/12" in text
    assert "dev loss" in text


def test_the_terminal_is_given_back_after_an_error(tmp_path: Path) -> None:
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, width=200)

    def fail(_: object) -> dict[str, float]:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        train(model(), tmp_path, console=console, dev_metric="exact", dev_score=fail)
    assert "\x1b[?25h" in stream.getvalue()


def test_silent_without_a_console(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train(model(), tmp_path)
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""


def test_resuming_is_said(tmp_path: Path) -> None:
    train(model(), tmp_path)
    assert "resuming from checkpoint-12" in shown(tmp_path, terminal=False, resume=True)
    file = tmp_path / "checkpoints" / "checkpoint-12" / "run.json"
    file.write_text("{}")
    assert "resuming from checkpoint-6 (checkpoint-12 damaged)" in shown(
        tmp_path, terminal=False, resume=True
    )
