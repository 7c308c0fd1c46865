"""A command line whose Python API is replaced by records of what it was asked."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

import weitiao
from weitiao.cli import app


class Api:
    """Stands for the Python API; ``calls`` is what was asked, ``answers`` what it returns or raises."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []
        self.answers: dict[str, Any] = {}

    def function(self, name: str):
        def called(*args: Any, **kwargs: Any) -> Any:
            self.calls.append((name, args, kwargs))
            answer = self.answers.get(name)
            if isinstance(answer, BaseException):
                raise answer
            return answer

        return called


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Api:
    fake = Api()
    for name in ("run", "preview", "load", "evaluate_adapter", "predict_file"):
        # Into the dictionary: asking the package for the old value would load torch.
        monkeypatch.setitem(vars(weitiao), name, fake.function(name))
    return fake


@pytest.fixture
def command():
    """Call the command line: ``command("run", "my.yaml")`` with ``exit_code``, ``stdout``, ``stderr``."""

    def call(*arguments: object, stdin: str = "") -> Any:
        return CliRunner().invoke(app, [str(a) for a in arguments], input=stdin, prog_name="weitiao")

    return call


@pytest.fixture
def report() -> dict[str, Any]:
    def estimate(value: float) -> dict[str, float]:
        return {"value": value, "low": value - 0.05, "high": value + 0.05, "n": 90}

    return {
        "metrics": {
            "before": {"test": {"exact": estimate(0.1), "rouge_l": estimate(0.3)}},
            "after": {"test": {"exact": estimate(0.7), "rouge_l": estimate(0.25)}},
            "difference": {"test": {"exact": estimate(0.6), "rouge_l": estimate(-0.05)}},
        },
        "notes": ["3 of 90 prompts [b] were in the training part"],
    }


@pytest.fixture
def result(report: dict[str, Any], tmp_path: Path) -> SimpleNamespace:
    return SimpleNamespace(report=report, out=tmp_path / "out", said=())


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "my.yaml"
    path.write_text(
        "name: kw\ndata:\n  sources: [{file: a.jsonl}]\n  prompt: q\n  response: a\n", encoding="utf-8"
    )
    return path
