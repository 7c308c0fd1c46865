"""Sections ``train`` and ``evaluate``."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Literal

from pydantic import Field, field_validator

from weitiao.config.section import Section
from weitiao.config.steps import NoiseLevels, NoiseMix, spoken

MetricName = Literal["exact", "bleu", "rouge", "accuracy"]


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


class RobustnessConfig(Section):
    """Quality against error rate: the test prompts are damaged as a speech recogniser does and answered again."""

    cer: tuple[Annotated[float, Field(ge=0, le=0.5)], ...] = Field(
        default=(0.0, 0.05, 0.1, 0.2, 0.3),
        min_length=1,
        description="Character error rates, rising; 0 is the test as it is.",
    )
    column: str | None = Field(
        default=None,
        description="Column whose value is damaged where the prompt holds it; default: the user's last message, with "
        "its instruction.",
    )
    mix: NoiseMix = Field(
        default_factory=spoken, description="Kinds of damage; those not named are not done."
    )
    mask: str = Field(default="*", min_length=1, max_length=1, description="The mask character.")
    fillers: tuple[str, ...] | None = Field(
        default=None, description="Filler words. Default: some of the text's language."
    )
    metric: MetricName | None = Field(
        default=None, description="Drawn as the curve. Default: the first of evaluate.metrics that applies."
    )
    limit: int | None = Field(
        default=100, gt=0, description="Damage at most N of the scored test samples (seeded draw)."
    )
    against: str | None = Field(
        default=None,
        description="Run or adapter folder of another model that answers the same prompts, e.g. one trained without "
        "noise; beside the recipe or in the current folder.",
    )
    seed: int | None = Field(
        default=None, ge=0, description="Of the damage. Default: the seed of the recipe."
    )

    @field_validator("cer")
    @classmethod
    def _rising(cls, rates: tuple[float, ...]) -> tuple[float, ...]:
        if any(a >= b for a, b in pairwise(rates)):
            raise ValueError("the rates must rise, e.g. [0, 0.1, 0.2]")
        return rates

    def step(self, seed: int) -> NoiseLevels:
        """The damage as a step of ``data.steps``: in the test part, with the answers as they are.

        Args:
            seed: Used where the section has none.
        """
        return NoiseLevels(
            column=self.column,
            rates=tuple(cer for cer in self.cer if cer),
            mix=self.mix,
            mask=self.mask,
            fillers=self.fillers,
            answers="keep",
            keep_original=False,
            parts=("test",),
            seed=seed if self.seed is None else self.seed,
        )


class EvaluateConfig(Section):
    """What is measured, before and after."""

    metrics: tuple[MetricName, ...] = Field(default=("exact", "bleu", "rouge"), min_length=1)
    before: bool = Field(default=True, description="Also measure the untouched base with the full prompt.")
    limit: int | None = Field(default=None, gt=0, description="Score at most N test samples (seeded draw).")
    bootstrap: int = Field(default=1000, ge=100, description="Bootstrap resamples of the 95% interval.")
    robustness: RobustnessConfig | None = Field(
        default=None, description="Also measure on damaged prompts. Default: not."
    )
    decode: DecodeConfig = Field(default_factory=DecodeConfig)
