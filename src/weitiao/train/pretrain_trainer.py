"""The training run of ``weitiao pretrain``: a small HF Trainer subclass and its callbacks."""

from __future__ import annotations

import math
import shutil
import time
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import (
    PreTrainedModel,
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)

from weitiao.errors import TrainError
from weitiao.train.guidance import Guidance
from weitiao.train.lm_loss import next_token_loss
from weitiao.train.muon import build_optimizer
from weitiao.train.pretrain_config import PretrainRecipe
from weitiao.train.pretrain_data import PackedRows, Probe
from weitiao.train.signals import Interrupts

PROBE_BATCH = 16


class PretrainTrainer(Trainer):
    """Every token of a row is a target; validation is per part, with a copy probe."""

    def __init__(
        self,
        model: nn.Module,
        recipe: PretrainRecipe,
        folder: Path,
        *,
        rows: PackedRows,
        validation: dict[str, PackedRows],
        probes: list[Probe],
        callbacks: list[TrainerCallback],
    ) -> None:
        self.recipe, self.validation, self.probes = recipe, validation, probes
        super().__init__(
            model=model,  # type: ignore[arg-type]
            args=training_arguments(recipe, folder),
            train_dataset=rows,  # type: ignore[arg-type]
            eval_dataset=validation,  # type: ignore[arg-type]
            callbacks=callbacks,
        )
        self.remove_callback(PrinterCallback)

    def create_optimizer(self, model: Any = None) -> torch.optim.Optimizer:
        """Muon with AdamW, or AdamW alone, by recipe."""
        if self.optimizer is None:
            self.optimizer = build_optimizer(self.model, self.recipe.optimizer)  # type: ignore[arg-type]
        return self.optimizer

    def compute_loss_context_manager(self) -> AbstractContextManager[Any]:  # type: ignore[override]
        """Autocast that converts each weight once a pass; accelerate's converts it at every use (1.4 times slower)."""
        device = self.args.device.type
        return torch.autocast(device, torch.bfloat16) if self.recipe.train.bf16 else nullcontext()

    def compute_loss(  # type: ignore[override]
        self, model: nn.Module, inputs: dict[str, Tensor], *_: Any, **__: Any
    ) -> Tensor:
        """Mean loss in nats over the row_tokens - 1 targets of each row, with what guides the copying heads."""
        train = self.recipe.train
        guided = train.guidance > 0 and self.state.global_step < round((1 - train.decay) * train.steps)
        loss = row_loss(model, inputs["input_ids"], self.recipe, guidance=train.guidance if guided else 0.0)
        if not torch.isfinite(loss):
            raise TrainError(
                f"the loss is {loss.item()} after step {self.state.global_step}",
                remedy="lower optimizer.muon_learning_rate and optimizer.learning_rate, "
                "or lengthen train.warmup_steps",
            )
        return loss

    def _save(self, output_dir: str | None = None, state_dict: dict[str, Any] | None = None) -> None:
        """Weights and config only: no pickled arguments, the recipe has them."""
        model: PreTrainedModel = self.model  # type: ignore[assignment]
        model.save_pretrained(output_dir or str(self.args.output_dir), state_dict=state_dict)

    def _save_checkpoint(self, model: nn.Module, trial: Any) -> None:
        """A checkpoint that cannot be written ends the run with an error and leaves nothing half written."""
        folder = Path(str(self.args.output_dir), f"checkpoint-{self.state.global_step}")
        try:
            super()._save_checkpoint(model, trial)
        except (OSError, RuntimeError) as error:  # torch and safetensors report a full disk as RuntimeError
            shutil.rmtree(folder, ignore_errors=True)
            raise TrainError(
                f"{folder} cannot be written: {error}",
                remedy="free some space and go on with --resume; older checkpoints stay usable",
            ) from error

    def evaluate(self, *_: Any, **__: Any) -> dict[str, float]:  # type: ignore[override]
        """Loss and perplexity of every validation part, and the share of probes copied exactly."""
        model: nn.Module = self.model  # type: ignore[assignment]
        training = model.training
        model.eval()
        with torch.no_grad(), self.compute_loss_context_manager():
            metrics = validation_losses(model, self.validation, self.recipe)
            if self.probes:
                metrics["eval_copy_accuracy"] = copy_accuracy(model, self.probes)
        model.train(training)
        self.log(metrics)
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics


def training_arguments(recipe: PretrainRecipe, folder: Path) -> TrainingArguments:
    """The recipe in the Trainer's words."""
    train = recipe.train
    on_cpu = not torch.cuda.is_available()
    return TrainingArguments(
        output_dir=str(folder),
        max_steps=train.steps,
        per_device_train_batch_size=train.micro_rows,
        gradient_accumulation_steps=train.batch_rows // train.micro_rows,
        learning_rate=recipe.optimizer.learning_rate,
        max_grad_norm=recipe.optimizer.max_grad_norm,
        lr_scheduler_type="warmup_stable_decay",
        lr_scheduler_kwargs={
            "num_decay_steps": round(train.decay * train.steps),
            "decay_type": "linear",
        },
        warmup_steps=train.warmup_steps,
        bf16=train.bf16,
        use_cpu=on_cpu,
        seed=recipe.seed,
        data_seed=recipe.seed,
        save_steps=train.save_steps,
        save_total_limit=train.keep_checkpoints,
        eval_strategy="steps",
        eval_steps=train.eval_steps,
        logging_steps=train.log_steps,
        logging_nan_inf_filter=False,
        report_to=[],
        disable_tqdm=True,
        remove_unused_columns=False,
        dataloader_pin_memory=not on_cpu,
    )


def row_loss(model: nn.Module, input_ids: Tensor, recipe: PretrainRecipe, *, guidance: float = 0.0) -> Tensor:
    """Next-token loss; the logits exist chunk by chunk.

    Args:
        model: The decoder.
        input_ids: ``[B, T]`` rows.
        recipe: The run.
        guidance: Weight of the loss of the guided heads (`weitiao.train.guidance`) that is added.
    """
    guided = Guidance(model) if guidance else None
    with guided or nullcontext():
        hidden = model.base_model(input_ids=input_ids, use_cache=False).last_hidden_state  # type: ignore[operator]
    weight = model.get_output_embeddings().weight  # type: ignore[operator]
    loss = next_token_loss(
        hidden[:, :-1].flatten(0, 1),
        weight,
        input_ids[:, 1:].flatten(),
        chunk=recipe.train.loss_chunk,
        dtype=torch.bfloat16 if recipe.train.bf16 else torch.float32,
    )
    return loss if guided is None else loss + guidance * guided.loss(input_ids)


def validation_losses(
    model: nn.Module, parts: dict[str, PackedRows], recipe: PretrainRecipe
) -> dict[str, float]:
    """``eval_<part>_loss`` (nats per token), ``eval_<part>_perplexity``, and the mean loss ``eval_loss``."""
    device = next(model.parameters()).device
    losses = {}
    for part, rows in parts.items():
        total = 0.0
        for start in range(0, len(rows), recipe.train.micro_rows):
            stop = min(start + recipe.train.micro_rows, len(rows))
            batch = torch.stack([rows[k]["input_ids"] for k in range(start, stop)]).to(device)
            total += row_loss(model, batch, recipe).item() * len(batch)
        losses[part] = total / len(rows)
    metrics = {}
    for part, loss in losses.items():
        metrics[f"eval_{part}_loss"] = loss
        metrics[f"eval_{part}_perplexity"] = math.exp(loss)
    if losses:
        metrics["eval_loss"] = sum(losses.values()) / len(losses)
    return metrics


def copy_accuracy(model: nn.Module, probes: list[Probe]) -> float:
    """Share of probes whose every answer token, the end included, is the model's first choice."""
    device = next(model.parameters()).device
    exact = 0
    for start in range(0, len(probes), PROBE_BATCH):
        batch = probes[start : start + PROBE_BATCH]
        width = max(len(p.ids) for p in batch)
        # Right padding needs no mask under causal attention: nothing real comes after it.
        ids = torch.tensor([p.ids + [0] * (width - len(p.ids)) for p in batch], device=device)
        hidden = model.base_model(input_ids=ids, use_cache=False).last_hidden_state  # type: ignore[operator]
        for k, (tokens, answer) in enumerate(batch):
            logits = model.get_output_embeddings()(hidden[k, answer - 1 : len(tokens) - 1])  # type: ignore[operator]
            exact += bool((logits.argmax(-1).cpu() == torch.tensor(tokens[answer:])).all())
    return exact / len(probes)


class StopWhenAsked(TrainerCallback):
    """Ctrl-C and SIGTERM end the run after the current step, with a checkpoint."""

    def __init__(self, interrupts: Interrupts) -> None:
        self.interrupts = interrupts

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Turn the signal into the Trainer's own way to stop."""
        if self.interrupts.asked:
            control.should_save = control.should_training_stop = True


class Clock(TrainerCallback):
    """Seconds of training over all starts of a run; kept in the Trainer's state."""

    def __init__(self) -> None:
        self.started = 0.0

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Go on from the seconds of the last log entry."""
        before = max((e.get("seconds", 0.0) for e in state.log_history), default=0.0)
        self.started = time.monotonic() - before

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **_: Any,
    ) -> None:
        """Add ``seconds`` to the entry just logged."""
        if state.log_history:
            state.log_history[-1]["seconds"] = round(time.monotonic() - self.started, 2)
