"""A command line whose Python API is replaced by records of what it was asked."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from weitiao.cli import app


class Api:
    """Stands for ``weitiao.run`` and ``weitiao.infer.predict``; ``calls`` is what was asked."""

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
    run = ModuleType("weitiao.run")
    for name in ("run", "render_preview", "load", "evaluate"):
        setattr(run, name, fake.function(name))
    predict = ModuleType("weitiao.infer.predict")
    predict.predict_file = fake.function("predict_file")  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "weitiao.run", run)
    monkeypatch.setitem(sys.modules, "weitiao.infer.predict", predict)
    return fake


@pytest.fixture
def weitiao():
    """Call the command line: ``weitiao("run", "my.yaml")`` with ``exit_code``, ``stdout``, ``stderr``."""

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
        }
    }


@pytest.fixture
def result(report: dict[str, Any], tmp_path: Path) -> SimpleNamespace:
    return SimpleNamespace(report=report, out=tmp_path / "out")


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "my.yaml"
    path.write_text(
        "name: kw\ndata:\n  sources: [{file: a.jsonl}]\n  prompt: q\n  response: a\n", encoding="utf-8"
    )
    return path
