"""Errors, exit codes, global options."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

import weitiao
from weitiao.cli.shell import Shell
from weitiao.errors import DataError

HEAVY = ("torch", "transformers", "pandas", "numpy", "datasets", "accelerate", "sklearn")


@pytest.mark.parametrize(
    "code",
    [
        "import weitiao",
        "from weitiao.cli import main; import sys; sys.argv = ['weitiao', '--help']; main()",
        "from weitiao.cli import main; import sys; sys.argv = ['weitiao', 'version']; main()",
        "from weitiao.cli import main; import sys; sys.argv = ['weitiao', 'config', 'schema']; main()",
    ],
)
def test_nothing_heavy_is_loaded(code: str) -> None:
    script = (
        "import atexit, sys\n"
        f"heavy = {HEAVY!r}\n"
        f"atexit.register(lambda: print([m for m in heavy if m in sys.modules], file=sys.stderr))\n{code}\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


def test_help_lists_the_commands_in_the_order_of_use(command) -> None:
    text = command("--help").stdout
    names = [
        "run",
        "data",
        "predict",
        "chat",
        "eval",
        "robustness",
        "adapter",
        "base",
        "config",
        "recipe",
        "pretrain",
        "version",
    ]
    found = [line.split()[0] for line in text.partition("Commands:")[2].splitlines() if line.strip()]
    assert found == names


def test_version(command) -> None:
    for arguments in (["version"], ["--version"]):
        done = command(*arguments)
        assert done.exit_code == 0
        assert done.stdout.startswith("weitiao ")
        assert "torch" in done.stdout


def test_our_errors_are_a_message_and_exit_code_2(api, command, recipe: Path) -> None:
    api.answers["run"] = DataError("orders.xlsx, row 3: [bold] no answer", remedy="Fill it in.")
    done = command("run", recipe, "--out", "o")
    assert done.exit_code == 2
    assert done.stdout == ""
    assert done.stderr == "error: orders.xlsx, row 3: [bold] no answer\n  -> Fill it in.\n"


@pytest.mark.parametrize("place", [0, 4])
def test_debug_shows_the_traceback_wherever_it_stands(api, command, recipe: Path, place: int) -> None:
    api.answers["run"] = DataError("broken")
    arguments = ["run", recipe, "--out", "o"]
    done = command(*arguments[:place], "--debug", *arguments[place:])
    assert done.exit_code == 2
    assert "Traceback" in done.stderr
    assert done.stderr.endswith("error: broken\n")


def test_unexpected_errors_are_exit_code_1(api, command, recipe: Path) -> None:
    api.answers["run"] = KeyError("x")
    done = command("run", recipe, "--out", "o")
    assert done.exit_code == 1
    assert done.stderr.startswith("unexpected error: KeyError: 'x'\n")
    assert "--debug" in done.stderr
    assert isinstance(command("--debug", "run", recipe, "--out", "o").exception, KeyError)


def test_interruption_says_how_to_go_on(api, command, recipe: Path) -> None:
    api.answers["run"] = KeyboardInterrupt()
    done = command("run", recipe, "--out", "my runs", "--set", "train.epochs=2")
    assert done.exit_code == 130
    assert f"weitiao run {recipe} --out 'my runs' --set train.epochs=2 --resume" in done.stderr


def test_wrong_usage_is_exit_code_2(command) -> None:
    assert command("nonsense").exit_code == 2
    assert command("run").exit_code == 2


def test_quiet_silences_progress(api, command, recipe: Path, result) -> None:
    api.answers["run"] = result
    command("run", recipe, "--out", "o", "--quiet")
    command("run", recipe, "--out", "o")
    assert [kwargs["console"].quiet for _, _, kwargs in api.calls] == [True, False]
    assert all(kwargs["console"].stderr for _, _, kwargs in api.calls)


def test_a_reader_that_goes_away_is_no_error() -> None:
    command = f"{sys.executable} -m weitiao config schema | head -n 1"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True)
    assert done.stderr == ""
    assert done.stdout == "{\n"


@pytest.mark.parametrize(
    ("function", "words"),
    [
        ("run", ("run", "no.yaml", "--out", "x")),
        ("preview", ("data", "show", "no.yaml")),
        ("predict_file", ("predict", "--adapter", "no", "--input", "no.csv", "--output", "x.csv")),
        ("evaluate_adapter", ("eval", "--adapter", "no", "--data", "no.csv")),
        ("compare_robustness", ("robustness", "no", "--data", "no.yaml")),
    ],
)
def test_the_seconds_of_loading_are_not_silent(
    function: str, words: tuple[str, ...], api: Any, command: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = io.StringIO()
    monkeypatch.setattr(Shell, "progress", lambda self: Console(file=said, force_terminal=True))
    monkeypatch.setitem(vars(weitiao), function, api.function(function))
    api.answers[function] = DataError("no")
    assert command(*words).exit_code == 2
    assert [name for name, _, _ in api.calls] == [function]
    assert "loading" in said.getvalue()
