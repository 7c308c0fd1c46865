"""The whole recipe."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from weitiao.config.base import BaseConfig
from weitiao.config.data import DataConfig
from weitiao.config.format import FormatConfig
from weitiao.config.method import MethodConfig, PrefixConfig
from weitiao.config.section import Section
from weitiao.config.training import EvaluateConfig, TrainConfig


class Recipe(Section):
    """A run: base, data, format, method, train, evaluate."""

    name: str = Field(default="run", pattern=r"^[\w.\-]+$")
    base: BaseConfig = Field(default_factory=BaseConfig)
    data: DataConfig
    format: Literal["auto"] | FormatConfig = Field(
        default="auto",
        description="auto: ChatGLM's own format for a ChatGLM, else the model's chat template, else plain.",
    )
    method: MethodConfig = Field(default_factory=PrefixConfig)
    train: TrainConfig = Field(default_factory=TrainConfig)
    evaluate: EvaluateConfig = Field(default_factory=EvaluateConfig)
    seed: int = Field(default=0, ge=0, description="Of initialisation, sample order and sampling.")

    @model_validator(mode="after")
    def _micro_batches(self) -> Recipe:
        micro = self.train.micro_batch_size
        if micro is not None and self.train.batch_size % micro:
            raise ValueError(
                f"train.micro_batch_size {micro} does not divide train.batch_size {self.train.batch_size}"
            )
        allowed = ("loss", *self.evaluate.metrics)
        if self.train.dev_metric not in allowed:
            raise ValueError(f"train.dev_metric {self.train.dev_metric!r} is not one of {', '.join(allowed)}")
        return self
