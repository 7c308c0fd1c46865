"""The Trainer of transformers, told how to batch, weigh, score and save what we train.

What differs from its defaults: batches are packed, the loss is a sum over weighted targets divided by the weight
of the whole optimizer step on all of its forward passes, only what trains is saved, and checkpoints are whole.
"""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NoReturn

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import PrinterCallback, Trainer, TrainerCallback, TrainerState, TrainingArguments

from weitiao.config import TrainConfig
from weitiao.errors import TrainError
from weitiao.pack import Batch, pack
from weitiao.train import checkpoint
from weitiao.train.callbacks import Flow
from weitiao.train.dev import draw, mean_loss, unchanged_random_state
from weitiao.train.losses import LOSSES, SampleLosses
from weitiao.train.run_state import RunState
from weitiao.train.sampler import EpochSampler
from weitiao.train.schedule import Schedule
from weitiao.train.signals import Interrupts
from weitiao.tuning.tuned import Tuned
from weitiao.types import Rendered

TENSORS = "trained.safetensors"
STATE = "trainer_state.json"
RUN = "run.json"


@dataclass(frozen=True)
class Job:
    """What is trained on what, and how.

    Attributes:
        tuned: The model.
        train: Training samples.
        dev: Dev samples; may be empty.
        config: Section ``train`` of the recipe.
        seed: Of sample order and dropout.
        pad_id: Id in unused slots.
        dev_score: Gives the dev metric when that is not the loss.
        origin: What the checkpoints belong to, see `weitiao.train.fit`.
    """

    tuned: Tuned
    train: Sequence[Rendered]
    dev: Sequence[Rendered]
    config: TrainConfig
    seed: int
    pad_id: int
    dev_score: Callable[[Tuned], dict[str, float]] | None
    origin: Mapping[str, Any]


class WeitiaoTrainer(Trainer):
    """Trains the tensors of a `Tuned` that are meant to train.

    Args:
        job: What and how.
        schedule: When.
        folder: Of the checkpoints.
        interrupts: Signals.
        callbacks: Makes further callbacks (progress) that read the counts.

    Attributes:
        losses: Of every training sample at each of its visits.
        is_between_steps: Whether weights, optimizer and counts belong to the same finished step.
    """

    def __init__(
        self,
        job: Job,
        schedule: Schedule,
        folder: Path,
        interrupts: Interrupts,
        callbacks: Callable[[RunState], list[TrainerCallback]] = lambda _: [],
    ) -> None:
        self.job, self.schedule, self.folder, self.interrupts = job, schedule, folder, interrupts
        self.tuned = job.tuned
        self.run = RunState()
        self.losses = SampleLosses(len(job.train))
        self.is_between_steps = False
        self._step_loss: Tensor | float = 0.0
        self._last_loss = math.nan
        flow = Flow(schedule, self.run, interrupts, evaluates=bool(job.dev))
        super().__init__(
            model=job.tuned,
            args=training_arguments(job, schedule, folder),
            data_collator=lambda numbers: {
                "batch": self.packed([job.train[n] for n in numbers]),
                "numbers": numbers,
            },
            train_dataset=range(len(job.train)),  # type: ignore[arg-type]
            callbacks=[flow, *callbacks(self.run)],
        )
        self.remove_callback(PrinterCallback)
        # our loss is divided by the weight of the whole step: the Trainer must not divide it once more
        self.model_accepts_loss_kwargs = True

    # ------------------------------------------------------------------------------------ batches

    def packed(self, samples: Sequence[Rendered]) -> Batch:
        """Samples of one forward pass in the cheapest rows."""
        config = self.job.config
        return pack(
            samples,
            mode=config.packing,
            row_tokens=config.row_tokens,
            cost=self._cost,
            pad_id=self.job.pad_id,
        )

    @cached_property
    def _cost(self) -> Any:
        return self.tuned.cost_model()

    def _get_train_sampler(self, train_dataset: Any = None) -> EpochSampler:
        return EpochSampler(len(self.job.train), self.job.seed)

    def _prepare_inputs(self, inputs: dict[str, Any]) -> dict[str, Any]:  # type: ignore[override]
        return {**inputs, "batch": inputs["batch"].to(self.tuned.device)}

    def _get_num_items_in_batch(self, batch_samples: list[dict[str, Any]], device: Any) -> Tensor:
        """Weight of all targets of one optimizer step."""
        return torch.stack([inputs["batch"].weight.sum() for inputs in batch_samples]).sum().to(device)

    # --------------------------------------------------------------------------------------- loss

    def compute_loss(  # type: ignore[override]
        self, model: nn.Module, inputs: dict[str, Any], *_: Any, num_items_in_batch: Any = None, **__: Any
    ) -> Tensor:
        """This forward pass's part of the mean over the targets of the optimizer step, in nats."""
        found = model(inputs["batch"])
        self.losses.add(inputs["numbers"], inputs["batch"], found.nll)
        return found.total / num_items_in_batch

    def autocast_smart_context_manager(self, cache_enabled: bool | None = True) -> Any:
        """Computes in bfloat16 where float32 weights train and the precision asks for it."""
        if self._autocasts:
            return torch.autocast(self.tuned.device.type, torch.bfloat16)
        return contextlib.nullcontext()

    @cached_property
    def _autocasts(self) -> bool:
        from weitiao.models.load import has_bfloat16

        wanted = self.job.config.precision
        in_bfloat16 = wanted == "bfloat16" or (wanted == "auto" and has_bfloat16())
        return (
            in_bfloat16
            and self.tuned.trains_base
            and next(self.tuned.model.parameters()).dtype == torch.float32
        )

    def training_step(self, model: nn.Module, inputs: Any, num_items_in_batch: Any = None) -> Tensor:
        """Forward and backward of one batch, counted."""
        self.is_between_steps = False
        loss = super().training_step(model, inputs, num_items_in_batch)
        self.run.count(inputs["batch"])
        self._step_loss = self._step_loss + loss
        return loss

    def _clip_grad_norm(self, model: nn.Module) -> Tensor:
        """Clip, after making sure that loss and gradient are numbers: the weights are still the last good ones."""
        clipped: Any = super()._clip_grad_norm(model)
        loss, norm, self._step_loss = float(self._step_loss), float(clipped), 0.0
        if not (math.isfinite(loss) and math.isfinite(norm)):
            step = self.state.global_step + 1
            self._diverged(step, f"the loss is {loss:.4g} and the gradient norm {norm:.4g}")
        self._last_loss = loss
        return clipped

    def _diverged(self, step: int, what: str) -> NoReturn:
        rate = self._get_learning_rate()
        kept = checkpoint.newest(self.folder)
        where = f"; {kept.name} holds the last state saved" if kept else ""
        before = "" if math.isnan(self._last_loss) else f", the last finite loss was {self._last_loss:.4g}"
        raise TrainError(
            f"training diverged at step {step}: {what}{before}, the learning rate {rate:.3g}{where}",
            remedy=f"start again with train.learning_rate {self.job.config.learning_rate / 10:g}, "
            "with a smaller train.max_grad_norm, or with train.precision float32",
        )

    # ---------------------------------------------------------------------- optimizer and schedule

    def create_optimizer(self, model: Any = None) -> torch.optim.Optimizer:
        """AdamW over what trains; biases and norms do not decay."""
        if self.optimizer is None:
            tensors = list(self.tuned.trainable().values())
            decays = [p for p in tensors if p.dim() > 1]
            groups = [
                {"params": decays, "weight_decay": self.job.config.weight_decay},
                {"params": [p for p in tensors if p.dim() <= 1], "weight_decay": 0.0},
            ]
            self.optimizer = torch.optim.AdamW(
                [g for g in groups if g["params"]], lr=self.job.config.learning_rate, fused=True
            )
        return self.optimizer

    def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> Any:
        """The learning rate of `Schedule.rate`."""
        self._created_lr_scheduler = True
        self.lr_scheduler = torch.optim.lr_scheduler.LambdaLR(
            optimizer or self.optimizer,  # type: ignore[arg-type]
            lambda step: self.schedule.rate(step),
        )
        return self.lr_scheduler

    # ------------------------------------------------------------------------------------ dev part

    @cached_property
    def _dev_batches(self) -> list[Batch]:
        samples = draw(self.job.dev, self.job.config.dev_samples, self.job.seed)
        size = self.schedule.micro_batch
        return [self.packed(samples[n : n + size]) for n in range(0, len(samples), size)]

    def evaluate(self, *_: Any, **__: Any) -> dict[str, float]:  # type: ignore[override]
        """Score the dev part; asks for a checkpoint of the best and for an end when patience is out.

        Raises:
            KeyboardInterrupt: A signal came; the weights are those of the last finished step.
        """
        self.is_between_steps = True
        metrics = {f"eval_{name}": value for name, value in self._scores().items()}
        self.log(metrics)
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        name, patience = self.job.config.dev_metric, self.job.config.early_stopping
        step = self.state.global_step
        if self.run.judge(step, name, metrics[f"eval_{name}"]):
            self.control.should_save = True
        elif patience is not None and self.run.worse >= patience and step < self.schedule.steps:
            self.run.stopped_early = True
            self.control.should_save = self.control.should_training_stop = True
        return metrics

    def _scores(self) -> dict[str, float]:
        name = self.job.config.dev_metric
        was_training = self.tuned.training
        self.tuned.eval()
        try:
            with unchanged_random_state(), self.interrupts.at_once(), torch.no_grad():
                with self.compute_loss_context_manager():
                    scores = {"loss": mean_loss(self.tuned, self._dev_batches)}
                if name != "loss" and self.job.dev_score is not None:
                    scores |= self.job.dev_score(self.tuned)
        finally:
            self.tuned.train(was_training)
        if name not in scores:
            raise TrainError(
                f"train.dev_metric {name} is not among the dev scores: {', '.join(scores)}",
                remedy="set train.dev_metric to one of these",
            )
        if not math.isfinite(scores["loss"]):
            self._diverged(self.state.global_step, f"the dev loss is {scores['loss']}")
        return scores

    def evaluate_if_due(self) -> None:
        """Make up for an evaluation that was interrupted before this run was resumed."""
        step = self.state.global_step
        if self.job.dev and self.schedule.evaluates_after(step) and self.run.evaluated_step != step:
            self.evaluate()

    @property
    def is_finished(self) -> bool:
        """Whether there is no step left to make."""
        return self.run.stopped_early or self.state.global_step >= self.schedule.steps

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Log an entry; the Trainer's closing summary is left out, `RunState` counts over all starts."""
        if "train_runtime" not in logs:
            super().log(logs, start_time)

    # --------------------------------------------------------------------------------- checkpoints

    def save(self) -> None:
        """Write a checkpoint of the last finished step.

        Raises:
            TrainError: It cannot be written.
        """
        tensors = self._tensors()
        needed = 3 * sum(t.numel() * t.element_size() for t in tensors.values())
        step = self.state.global_step
        with checkpoint.writing(self.folder, step, needed=needed) as folder:
            _write_tensors(tensors, folder / TENSORS)
            self._save_optimizer_and_scheduler(str(folder))
            self._save_rng_state(str(folder))
            self.state.save_to_json(str(folder / STATE))
            _write_tensors(self.losses.tensors(), folder / LOSSES)
            run = {"origin": self.job.origin, "run": self.run.dump()}
            (folder / RUN).write_text(json.dumps(run, ensure_ascii=False, indent=1), "utf-8")
        best = self.run.best["step"] if self.run.best else None
        checkpoint.thin_out(self.folder, keep=self.job.config.keep_checkpoints, best=best)

    def _save_checkpoint(self, model: Any, trial: Any = None) -> None:
        self.save()

    def restore(self, folder: Path) -> None:
        """Take tensors, counts and history from a checkpoint.

        Raises:
            TrainError: It holds other tensors than train here.
        """
        self._load_from_checkpoint(str(folder))
        self.losses = SampleLosses.load(folder / LOSSES)
        self.state = TrainerState.load_from_json(str(folder / STATE))
        self.run.load(json.loads((folder / RUN).read_text("utf-8"))["run"], self.state.log_history)
        if self.run.best and not checkpoint.is_complete(self._folder_of_best(self.run.best)):
            self.run.best = None  # it went with a damaged newer checkpoint: the next evaluation decides anew

    def load_best(self) -> None:
        """Put the best tensors back, if the last ones are not the best."""
        if self.run.best and self.run.best["step"] != self.state.global_step:
            self._load_from_checkpoint(str(self._folder_of_best(self.run.best)))

    def _folder_of_best(self, best: Mapping[str, Any]) -> Path:
        return self.folder / f"checkpoint-{best['step']}"

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        path = Path(resume_from_checkpoint) / TENSORS
        saved, own = load_file(path), self._tensors()
        there, here = ({n: list(t.shape) for n, t in tensors.items()} for tensors in (saved, own))
        if wrong := checkpoint.differences(there, here):
            raise TrainError(
                f"{path} holds other tensors than train here: {'; '.join(wrong)}",
                remedy="resume with the base and the method of that run, or use another --out",
            )
        with torch.no_grad():
            for name, tensor in own.items():
                tensor.copy_(saved[name])

    def _tensors(self) -> dict[str, Tensor]:
        """What a checkpoint holds: all that trains, and what a prefix was started from. Never the frozen base."""
        buffers = {n: b for n, b in self.tuned.named_buffers() if n.startswith("prefix.")}
        return {**{n: p.detach() for n, p in self.tuned.trainable().items()}, **buffers}


def _write_tensors(tensors: Mapping[str, Tensor], path: Path) -> None:
    try:
        save_file({n: t.contiguous() for n, t in tensors.items()}, path)
    except SafetensorError as error:
        raise OSError(str(error)) from error


def training_arguments(job: Job, schedule: Schedule, folder: Path) -> TrainingArguments:
    """The recipe in the Trainer's words; when to evaluate and save is `Flow`'s business."""
    args = TrainingArguments(
        output_dir=str(folder),
        max_steps=schedule.steps,
        per_device_train_batch_size=schedule.micro_batch,
        gradient_accumulation_steps=schedule.accumulation,
        learning_rate=job.config.learning_rate,
        max_grad_norm=job.config.max_grad_norm,
        use_cpu=job.tuned.device.type == "cpu",
        seed=job.seed,
        logging_steps=job.config.logging_steps,
        logging_first_step=True,
        logging_nan_inf_filter=False,
        report_to=list(job.config.report_to),
        save_strategy="no",
        eval_strategy="no",
        disable_tqdm=True,
        log_level="error",
        remove_unused_columns=False,
        label_names=[],
        dataloader_pin_memory=False,
    )
    args._n_gpu = min(args.n_gpu, 1)  # one process drives one device
    return args


@contextlib.contextmanager
def quiet_transformers() -> Iterator[None]:
    """The Trainer sets the log level of the whole library; give it back."""
    from transformers.utils import logging

    before = logging.get_verbosity()
    try:
        yield
    finally:
        logging.set_verbosity(before)
