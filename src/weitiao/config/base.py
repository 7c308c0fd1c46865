"""Section ``base``: the model that is tuned."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from weitiao.config.section import Section


class BaseConfig(Section):
    """The base model."""

    path: str = Field(
        default="weitiao-tiny",
        description="`weitiao-tiny` (embedded), a local folder, a Hub id, or `modelscope:owner/name`.",
    )
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        default="auto",
        description="Precision of the frozen weights; auto: bfloat16 on a GPU, float32 on a CPU.",
    )
    device: str = Field(default="auto", description="auto, cpu, cuda, cuda:1, ...")
    device_map: Literal["auto"] | dict[str, str | int] | None = Field(
        default=None,
        description="Layers on several devices: auto, or module name -> device; instead of `device`.",
    )
    rotary: Literal["exact", "original"] = Field(
        default="exact",
        description="ChatGLM and ChatGLM2: original forms rotary angles in float16 as the release did.",
    )
    quantised: Literal["keep", "expand"] = Field(
        default="keep",
        description="Official int8 and int4 checkpoints: keep the integers, or expand them at load.",
    )
    revision: str | None = Field(default=None, description="Revision of a Hub or ModelScope id.")

    @model_validator(mode="after")
    def _one_place(self) -> BaseConfig:
        if self.device_map is not None and self.device != "auto":
            raise ValueError("give either `device` or `device_map`, not both")
        return self
