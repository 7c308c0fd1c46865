"""SIGKILL in the middle of ``weitiao run``, then ``--resume``."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import weitiao
from pipeline.conftest import RecipeFile

# Calls the command line in a process that kills itself when the n-th checkpoint has its name.
KILLED = """
import os, signal, sys
import weitiao.train.checkpoint as checkpoint
original, calls = checkpoint.thin_out, []
def killing(*args, **kwargs):
    calls.append(1)
    if len(calls) == {number}:
        os.kill(os.getpid(), signal.SIGKILL)
    return original(*args, **kwargs)
checkpoint.thin_out = killing
from weitiao.cli import main
sys.argv = ["weitiao", "run", {recipe!r}, "--out", {out!r}, "--quiet"]
main()
"""


def killed(recipe: Path, out: Path, number: int) -> int:
    code = KILLED.format(number=number, recipe=str(recipe), out=str(out))
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, timeout=300)
    return done.returncode


@pytest.mark.slow
@pytest.mark.parametrize(
    "method", [{"length": 4}, {"length": 4, "projection": 8, "dropout": 0.2}], ids=["direct", "projected"]
)
def test_a_killed_run_ends_in_the_same_bytes(
    method: dict[str, Any], recipe_file: RecipeFile, tmp_path: Path, command: Any
) -> None:
    recipe = recipe_file(
        method=method, train={"max_steps": 7, "save_steps": 2, "threads": 1}, evaluate={"limit": 2}
    )
    whole = weitiao.run(recipe, out=tmp_path / "whole")
    out = tmp_path / "killed"
    assert killed(recipe, out, 2) == -signal.SIGKILL
    assert sorted(p.name for p in (out / "checkpoints").glob("checkpoint-*"))
    assert not (out / "adapter").exists()
    assert not (out / "report.json").exists()
    refused = command("run", recipe, "--out", out)
    assert refused.exit_code == 2
    assert "--resume" in refused.stderr
    resumed = command("run", recipe, "--out", out, "--resume", "--quiet")
    assert resumed.exit_code == 0, resumed.stderr
    for name in (
        "adapter/adapter_model.safetensors",
        "predictions.jsonl",
        "dataset/train.jsonl",
        "recipe.yaml",
    ):
        assert (out / name).read_bytes() == (whole.out / name).read_bytes(), name
