"""Small training runs, also in processes of their own that are killed at a chosen call."""

from __future__ import annotations

import importlib
import json
import multiprocessing
import os
import random
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from bases import tiny_base
from weitiao.config import TrainConfig
from weitiao.train.fit import FitResult, fit
from weitiao.tuning.prefix import DeepPrefix, PrefixShape, initial
from weitiao.tuning.tuned import Tuned
from weitiao.types import Rendered

METHODS = ("direct", "projected", "full")


def model(method: str = "direct", *, length: int = 4, dropout: float = 0.0, **changes: Any) -> Tuned:
    base = tiny_base("llama", **changes)
    if method == "full":
        return Tuned(base, None, trains_base=True)
    start = initial("random", PrefixShape.of(base.config, length), seed=1)
    torch.manual_seed(3)
    return Tuned(base, DeepPrefix(start, projection=8 if method == "projected" else None, dropout=dropout))


def samples(number: int, *, seed: int = 0, vocab: int = 97) -> list[Rendered]:
    """One template, an own middle, one to three targets each."""
    rng = random.Random(seed)
    template = [rng.randrange(3, vocab) for _ in range(6)]
    out = []
    for n in range(number):
        middle = [rng.randrange(3, vocab) for _ in range(rng.randrange(1, 6))]
        answer = [rng.randrange(3, vocab) for _ in range(rng.randrange(1, 4))]
        ids = (*template, *middle, *answer)
        out.append(Rendered(ids, tuple(k >= len(ids) - len(answer) for k in range(len(ids))), str(n)))
    return out


def train(
    tuned: Tuned, out: Path, *, number: int = 22, dev: int = 6, seed: int = 5, **options: Any
) -> FitResult:
    """A run over generated samples; options that `fit` has go to it, the others are the configuration."""
    torch.set_num_threads(1)
    own = {k: options.pop(k) for k in ("resume", "dev_score", "console", "state") if k in options}
    config = TrainConfig(**{"epochs": 2, "batch_size": 4, "precision": "float32", **options})
    data = samples(number), samples(dev, seed=1)
    return fit(tuned, *data, config, seed=seed, out=out, pad_id=0, **own)


def tensors(tuned: Tuned) -> dict[str, torch.Tensor]:
    return {n: t.detach().clone() for n, t in tuned.state_dict().items()}


# ------------------------------------------------------------------- processes that are killed

KILLED_JOB: dict[str, Any] = {
    "epochs": 3,
    "micro_batch_size": 2,
    "save_steps": 2,
    "logging_steps": 2,
    "learning_rate": 0.05,
}


def _before_call(target: str, number: int, action: Callable[[], None]) -> None:
    """Run `action` before the n-th call of ``module:name.name``."""
    module, _, path = target.partition(":")
    owner: Any = importlib.import_module(module)
    *parents, name = path.split(".")
    for parent in parents:
        owner = getattr(owner, parent)
    original, calls = getattr(owner, name), [0]

    def counted(*args: Any, **kwargs: Any) -> Any:
        calls[0] += 1
        if calls[0] == number:
            action()
        return original(*args, **kwargs)

    setattr(owner, name, counted)


def _work(
    out: Path, method: str, resume: bool, at: tuple[str, int] | None, number: int, changes: dict[str, Any]
) -> None:
    if at is not None:
        _before_call(*at, lambda: os.kill(os.getpid(), number))
    tuned = model(method, dropout=0.1)
    result = train(tuned, out, resume=resume, **{**KILLED_JOB, **changes})
    losses = {f"losses.{name}": table for name, table in result.losses.tensors().items()}
    save_file({**{n: p.detach() for n, p in tuned.trainable().items()}, **losses}, out / "final.safetensors")
    counts = {n: v for n, v in vars(result).items() if n not in ("seconds", "peak_memory_bytes", "losses")}
    (out / "final.json").write_text(json.dumps(counts))


def in_process(
    out: Path,
    *,
    method: str = "projected",
    resume: bool = False,
    at: tuple[str, int] | None = None,
    number: int = signal.SIGKILL,
    **changes: Any,
) -> int:
    """Run the job in a process of its own; its exit code (minus the signal that ended it)."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["train_jobs"])
    here = str(Path(__file__).parent)
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [here, os.environ.get("PYTHONPATH", "")]))
    out.mkdir(exist_ok=True)
    process = context.Process(target=_work, args=(out, method, resume, at, number, changes))
    process.start()
    process.join(120)
    assert process.exitcode is not None, "the job hangs"
    return process.exitcode


def outcome(out: Path) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    return load_file(out / "final.safetensors"), json.loads((out / "final.json").read_text())
