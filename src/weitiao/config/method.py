"""Section ``method``: what trains."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from weitiao.config.section import Section


class InitText(Section):
    """Start the prefix from the keys and values of this text."""

    text: str = Field(min_length=1)


class InitAdapter(Section):
    """Train on from this adapter."""

    adapter: str = Field(min_length=1, description="Folder of weitiao, of PEFT, or of the ChatGLM scripts.")


class PrefixConfig(Section):
    """P-Tuning v2: trained keys and values in front of every layer."""

    kind: Literal["prefix"] = "prefix"
    length: Annotated[int, Field(gt=0)] | Literal["auto"] = Field(
        default="auto",
        description="Virtual tokens P; auto: the length of the text it starts from (64 when there is none).",
    )
    init: Literal["random", "zeros", "template"] | InitText | InitAdapter = Field(
        default="template",
        description="random, zeros, template (what all training prompts begin with), {text: ...}, or {adapter: folder} "
        "(of weitiao, of PEFT, or of the ChatGLM scripts: training goes on from there).",
    )
    absorb: bool = Field(
        default=True,
        description="With init template: take that beginning out of every sample, here and at prediction. With init "
        "{adapter: ...}: what that adapter has absorbed.",
    )
    projection: Annotated[int, Field(gt=0)] | None = Field(
        default=None, description="Hidden size of the reparameterising MLP, null for a direct prefix."
    )
    dropout: float = Field(default=0.0, ge=0, lt=1, description="Dropout on the prefix in training.")


class FullConfig(Section):
    """All weights of the base train."""

    kind: Literal["full"] = "full"


MethodConfig = Annotated[PrefixConfig | FullConfig, Field(discriminator="kind")]
