"""Sections ``train`` and ``evaluate``."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from weitiao.config.section import Section


class TrainConfig(Section):
    """The training run."""

    epochs: float = Field(default=3, gt=0, description="Passes over the training part.")
    max_steps: int | None = Field(default=None, gt=0, description="Optimizer steps; overrides epochs.")
    batch_size: int = Field(default=16, gt=0, description="Samples per optimizer step.")
    micro_batch_size: int | None = Field(
        default=None,
        gt=0,
        description="Samples per forward pass; divides batch_size. Default: all, packed into rows.",
    )
    learning_rate: float = Field(
        default=2e-2,
        gt=0,
        le=1,
        description="Peak learning rate: about 2e-2 for a prefix (1e-1 on a tiny base), 5e-4 for full tuning.",
    )
    weight_decay: float = Field(default=0.0, ge=0)
    scheduler: Literal["cosine", "linear", "constant"] = Field(
        default="cosine", description="After the warmup."
    )
    warmup: float = Field(default=0.05, ge=0, lt=1, description="Share of the steps used for warming up.")
    max_grad_norm: float = Field(default=1.0, gt=0, description="Gradients are clipped to this norm.")
    packing: Literal["auto", "tree", "pack", "pad"] = Field(
        default="auto",
        description="tree: shared beginnings once; pack: side by side; pad: one sample a row; auto: cheapest.",
    )
    row_tokens: int | None = Field(
        default=None, gt=0, description="Token budget of a row; default: chosen by the cost model."
    )
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        default="auto",
        description="Of the computation; auto: bfloat16 where the processor has it in hardware.",
    )
    gradient_checkpointing: bool = Field(
        default=False, description="Recompute activations in the backward pass."
    )
    save_steps: int | None = Field(
        default=None, gt=0, description="Checkpoint every N steps; default: once an epoch."
    )
    keep_checkpoints: int = Field(default=2, gt=0, description="Newest checkpoints kept, beside the best.")
    early_stopping: int | None = Field(
        default=3, gt=0, description="Stop after N evaluations without a better dev metric."
    )
    dev_metric: str = Field(default="loss", description="loss, or a metric of evaluate.metrics.")
    dev_samples: int = Field(
        default=200, gt=0, description="At most so many dev samples are used during training."
    )
    logging_steps: int = Field(default=5, gt=0)
    report_to: tuple[str, ...] = Field(
        default=(), description="transformers integrations: tensorboard, wandb, ..."
    )
    threads: int | None = Field(default=None, gt=0, description="CPU threads; default: all cores.")


class DecodeConfig(Section):
    """How answers are decoded."""

    max_new_tokens: int = Field(default=128, gt=0)
    temperature: float = Field(default=0.0, ge=0, le=10, description="0 = greedy.")
    top_p: float = Field(default=1.0, gt=0, le=1)
    stop: tuple[str, ...] = Field(default=(), description="Stop strings, beside the format's own end token.")
    batch_size: int = Field(default=16, gt=0)


class EvaluateConfig(Section):
    """What is measured, before and after."""

    metrics: tuple[Literal["exact", "bleu", "rouge", "accuracy"], ...] = Field(
        default=("exact", "bleu", "rouge"), min_length=1
    )
    before: bool = Field(default=True, description="Also measure the untouched base with the full prompt.")
    limit: int | None = Field(default=None, gt=0, description="Score at most N test samples (seeded draw).")
    bootstrap: int = Field(default=1000, ge=100, description="Bootstrap resamples of the 95% interval.")
    decode: DecodeConfig = Field(default_factory=DecodeConfig)
