"""Train a `Tuned`: the one entrance of this room.

    samples ──▶ checkpoints/checkpoint-N (method, optimizer, random state) ──▶ best tensors in `tuned`

A run may be killed at any moment and started again with ``resume=True``: on a CPU the final tensors are
bit-identical to those of an uninterrupted run.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from transformers import TrainerCallback, TrainerState

from weitiao.config import TrainConfig
from weitiao.data.whole import fresh_file
from weitiao.errors import TrainError, collect
from weitiao.train import checkpoint
from weitiao.train.losses import SampleLosses
from weitiao.train.progress import Progress
from weitiao.train.run_state import RunState
from weitiao.train.schedule import Schedule
from weitiao.train.signals import Interrupts
from weitiao.train.trainer import RUN, Job, WeitiaoTrainer, quiet_transformers
from weitiao.tuning.tuned import Tuned
from weitiao.types import Rendered

_FREE = {"logging_steps", "report_to", "save_steps", "keep_checkpoints", "threads"}
"""Fields of the configuration that may change when a run is resumed: they do not touch the result."""


@dataclass(frozen=True)
class FitResult:
    """A finished training run.

    Attributes:
        history: Log entries in order: ``loss``, ``grad_norm``, ``learning_rate`` or ``eval_*``, each with ``step``
            and ``epoch``.
        seconds: Of training with its evaluations, over all starts of the run.
        steps: Optimizer steps.
        samples: Samples trained on, repetitions counted.
        tokens_rendered: Tokens of these samples.
        tokens_computed: Tokens computed for them, shared beginnings once.
        peak_memory_bytes: On a GPU what torch allocated at most; on a CPU the largest resident size of the whole
            process so far (the base and what ran before included; 0 where the system does not tell).
        best: ``{"step", "metric", "value"}`` of the tensors now in the model; None without a dev part.
        stopped_early: Whether patience ran out before the last step.
        losses: Of every training sample at each of its visits.
    """

    history: list[dict[str, float]]
    seconds: float
    steps: int
    samples: int
    tokens_rendered: int
    tokens_computed: int
    peak_memory_bytes: int
    best: dict[str, Any] | None
    stopped_early: bool
    losses: SampleLosses


def fit(
    tuned: Tuned,
    train: Sequence[Rendered],
    dev: Sequence[Rendered],
    config: TrainConfig,
    *,
    seed: int,
    out: Path,
    resume: bool = False,
    pad_id: int,
    dev_score: Callable[[Tuned], dict[str, float]] | None = None,
    console: Console | None = None,
    state: Mapping[str, Any] | None = None,
) -> FitResult:
    """Train until the schedule or early stopping ends it; the best tensors are in `tuned` afterwards.

    Args:
        tuned: The model; changed in place.
        train: Training samples, each with at least one target.
        dev: Dev samples; when empty there is no early stopping and the last state is kept.
        config: Section ``train`` of the recipe.
        seed: Of sample order, dropout and the drawn dev samples.
        out: Folder of the run; ``checkpoints/`` and ``trainer_state.json`` are written into it.
        resume: Go on from the newest complete checkpoint, from the beginning when there is none.
        pad_id: Id in unused slots.
        dev_score: Called with `tuned` in eval mode when ``dev_metric`` is not the loss; higher is better.
        console: For progress; None is silent.
        state: What else the run depends on (JSON-able: hashes of data, base, method). Kept in the checkpoints and
            compared when resuming.

    Raises:
        TrainError: Nothing to train on, checkpoints of another run, divergence, or a disk that is full.
        KeyboardInterrupt: Ctrl-C or SIGTERM; a checkpoint of the last finished step has been written.
    """
    _check(tuned, train, dev, config, dev_score)
    if config.threads:
        torch.set_num_threads(config.threads)
    if config.gradient_checkpointing:
        tuned.checkpoint_activations()
    folder = out / "checkpoints"
    origin = _origin(tuned, train, dev, config, seed, state)
    start = _open(folder, origin, resume, console)
    shown: list[Progress] = []

    def callbacks(run: RunState) -> list[TrainerCallback]:
        if console is not None:
            shown.append(Progress(console, "training", lambda _: _totals(run)))
        return list(shown)

    interrupts = Interrupts()
    job = Job(tuned, train, dev, config, seed, pad_id, dev_score, origin)
    with quiet_transformers(), interrupts.listening():
        trainer = WeitiaoTrainer(job, Schedule.of(config, len(train)), folder, interrupts, callbacks)
        try:
            _go(trainer, start)
        finally:
            for progress in shown:
                progress.close()
    tuned.eval()
    _write_state(trainer.state, out / "trainer_state.json")
    run = trainer.run
    return FitResult(
        history=list(run.history),
        seconds=run.seconds,
        steps=trainer.state.global_step,
        samples=run.samples,
        tokens_rendered=run.tokens_rendered,
        tokens_computed=run.tokens_computed,
        peak_memory_bytes=peak_memory(tuned.device),
        best=run.best,
        stopped_early=run.stopped_early,
        losses=trainer.losses,
    )


def _go(trainer: WeitiaoTrainer, start: Path | None) -> None:
    """Train from a checkpoint, or from the beginning, to the end of the run."""
    if start is not None:
        trainer.restore(start)
        trainer.evaluate_if_due()
    try:
        if not trainer.is_finished:
            trainer.train(resume_from_checkpoint=None if start is None else str(start))
    except KeyboardInterrupt:
        if trainer.is_between_steps:
            trainer.save()
        raise
    if trainer.interrupts.asked:
        raise KeyboardInterrupt
    trainer.load_best()


def _check(
    tuned: Tuned,
    train: Sequence[Rendered],
    dev: Sequence[Rendered],
    config: TrainConfig,
    dev_score: Callable[[Tuned], dict[str, float]] | None,
) -> None:
    """Refuse what cannot be trained, all at once."""
    problems = []
    if not train:
        problems.append("there are no training samples")
    problems += [
        f"{part} sample {sample.example_id} has no target: nothing in it is to be learnt"
        for part, samples in (("training", train), ("dev", dev))
        for sample in samples
        if not any(sample.trained)
    ]
    if not tuned.trainable():
        problems.append("no tensor of the model trains")
    if config.dev_metric != "loss" and dev and dev_score is None:
        problems.append(f"train.dev_metric is {config.dev_metric}, but nothing computes it: use loss")
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        problems.append("several processes were started (WORLD_SIZE), but training runs in one")
    if tuned.device.type == "cuda" and tuned.device.index not in (None, 0):
        problems.append(
            f"the base is on {tuned.device}: set CUDA_VISIBLE_DEVICES={tuned.device.index} and use cuda"
        )
    if problems:
        raise TrainError(
            collect(problems, what="the training cannot start"),
            remedy="correct these, then run again; `weitiao data show` prints what is learnt of each sample",
        )


def _totals(run: RunState) -> dict[str, float]:
    return {"samples": run.samples, "tok": run.tokens_computed}


# ------------------------------------------------------------------------------- resuming


def _origin(
    tuned: Tuned,
    train: Sequence[Rendered],
    dev: Sequence[Rendered],
    config: TrainConfig,
    seed: int,
    state: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """All that the result of a run depends on, JSON-able."""
    origin = {
        "seed": seed,
        "train": config.model_dump(mode="json", exclude=_FREE),
        "data": {"training samples": samples_hash(train), "dev samples": samples_hash(dev)},
        "tensors": {n: list(p.shape) for n, p in tuned.trainable().items()},
        "run": dict(state or {}),
    }
    return json.loads(json.dumps(origin))


def samples_hash(samples: Sequence[Rendered]) -> str:
    """Sixteen hex digits over ids, targets and weights, in order."""
    digest = hashlib.sha256()
    for sample in samples:
        for part in (array("q", sample.ids).tobytes(), bytes(sample.trained), repr(sample.weight).encode()):
            digest.update(len(part).to_bytes(8, "little") + part)
    return digest.hexdigest()[:16]


def _open(folder: Path, origin: Mapping[str, Any], resume: bool, console: Console | None) -> Path | None:
    """The checkpoint to start from, None for the beginning.

    Raises:
        TrainError: There are checkpoints and `resume` is False, or they belong to another run.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TrainError(f"{folder} cannot be made: {error}", remedy="use another --out") from error
    there = checkpoint.listed(folder)
    if there and not resume:
        raise TrainError(
            f"{folder} holds checkpoints of an earlier run (the last is {there[0].name})",
            remedy="go on with --resume, or use another --out",
        )
    checkpoint.sweep(folder)
    start = checkpoint.newest(folder)
    damaged = [p for p in there if start is None or checkpoint.step_of(p) > checkpoint.step_of(start)]
    if start is not None:
        saved = json.loads((start / RUN).read_text("utf-8"))["origin"]
        if changed := checkpoint.differences(saved, origin):
            raise TrainError(
                collect(changed, what=f"{start} belongs to another run"),
                remedy="resume with the recipe and the data of that run, or use another --out",
            )
    if console is not None and there:
        skipped = f" ({', '.join(p.name for p in damaged)} damaged)" if damaged else ""
        console.print(f"resuming from {start.name if start else 'the beginning'}{skipped}", markup=False)
    for path in damaged:
        checkpoint.remove(path)  # it would count as one of the newest to keep
    return start


def _write_state(state: TrainerState, path: Path) -> None:
    try:
        with fresh_file(path) as fresh:
            state.save_to_json(str(fresh))
    except OSError as error:
        raise TrainError(
            f"{path} cannot be written: {error}", remedy="free some space and use --resume"
        ) from error


def peak_memory(device: torch.device) -> int:
    """Bytes: what torch allocated at most on a GPU, else the largest resident size of the process so far."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    try:
        import resource
    except ImportError:  # Windows
        return 0
    size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return size if sys.platform == "darwin" else size * 1024
