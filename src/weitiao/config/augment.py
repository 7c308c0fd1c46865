"""Augmentation by a model: what is asked for, of which endpoint, within which budget."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from weitiao.config.section import Section

AugmentKind = Literal["paraphrase", "terms", "tone", "order", "expand"]
Language = Literal["zh", "en"]


class EndpointConfig(Section):
    """An OpenAI-compatible chat endpoint. The API key itself is never part of a recipe."""

    url: str = Field(description="Base address, for instance http://localhost:8000/v1.")
    model: str = Field(min_length=1, description="Name of the model there.")
    api_key_env: str | None = Field(
        default=None,
        description="Environment variable that holds the API key. Default: OPENAI_API_KEY where it is set.",
    )
    temperature: float = Field(default=0.9, ge=0, le=2, description="Of the sampling.")
    max_tokens: int = Field(default=1024, gt=0, description="Longest answer in tokens.")
    timeout_s: float = Field(default=60.0, gt=0, description="Longest wait for one answer in seconds.")
    retries: int = Field(default=5, ge=0, description="Further tries of a request that failed.")
    max_wait_s: float = Field(
        default=120.0, gt=0, description="Longest wait between two tries; a longer Retry-After ends the run."
    )
    concurrency: int = Field(default=4, ge=1, le=256, description="Requests at a time.")
    price_in: float | None = Field(default=None, ge=0, description="Price of a million prompt tokens.")
    price_out: float | None = Field(default=None, ge=0, description="Price of a million answer tokens.")

    @model_validator(mode="after")
    def _both_prices(self) -> EndpointConfig:
        if (self.price_in is None) != (self.price_out is None):
            raise ValueError("give both `price_in` and `price_out`, or neither")
        return self


class BaseWriterConfig(Section):
    """A base on this machine as the writer."""

    temperature: float = Field(default=0.9, ge=0, le=2, description="Of the sampling.")
    max_tokens: int = Field(default=256, gt=0, description="Longest answer in tokens.")
    batch_size: int = Field(default=8, ge=1, le=256, description="Requests that are answered together.")


class AugmentFilter(Section):
    """Which answers are kept. Numbers, names and the language of the source are always held."""

    near: float = Field(
        default=0.8,
        gt=0,
        le=1,
        description="Jaccard similarity of character trigrams from which two texts are near-duplicates.",
    )
    overlap: float = Field(
        default=0.2,
        ge=0,
        le=1,
        description="Least share of words (Chinese: characters) that a rewritten text has in common with its source.",
    )
    length_ratio: float = Field(
        default=3.0, gt=1, description="A rewritten text may be this many times longer or shorter."
    )
    names: str | None = Field(
        default=None, description="Text file, one name a line: names of the source that must stay."
    )
    verify: bool = Field(
        default=False,
        description="Ask the model for the label of each new text, and drop those with another.",
    )


class AugmentConfig(Section):
    """New rows written by a model: other wordings of a text, or new texts of a class."""

    kind: Literal["augment"] = "augment"
    endpoint: EndpointConfig | None = Field(
        default=None, description="Who writes. Default: the function that the caller passes."
    )
    base: BaseWriterConfig | None = Field(
        default=None, description="Instead of endpoint: the base of the recipe writes; `{}` for its defaults."
    )
    kinds: tuple[AugmentKind, ...] = Field(
        default=("paraphrase",),
        min_length=1,
        description="paraphrase; terms: other terms for the same thing; tone: another tone; order: facts and "
        "questions in another order; expand: new texts of the same class. They take turns.",
    )
    per_row: int = Field(default=1, ge=1, le=50, description="New texts for each row, over all kinds.")
    target_per_class: int | None = Field(
        default=None, ge=1, description="Instead of per_row: fill every class up to this many rows."
    )
    column: str | None = Field(
        default=None,
        description="Column with the text. Default: `prompt` of a file; the user's last message of a sample.",
    )
    label: str | None = Field(
        default=None, description="Column with the label or answer; it stays (files only)."
    )
    keep: tuple[str, ...] = Field(
        default=(),
        description="Columns whose values stay word by word where the text holds them.",
    )
    glossary: str | None = Field(
        default=None, description="YAML file, term: [other terms], for the kind `terms`."
    )
    language: Literal["auto", "zh", "en"] = Field(
        default="auto", description="Language of the instructions; auto: that of the row."
    )
    budget: float | None = Field(default=None, gt=0, description="Money that may be spent; needs the prices.")
    rounds: int = Field(
        default=2, ge=1, le=10, description="How often the model is asked until a row has enough."
    )
    seed: int = Field(default=7, description="Of the choice of kinds, tones and models of a new text.")
    cache: str | None = Field(
        default=None, description="Folder of the answers. Default: ~/.cache/weitiao/augment."
    )
    filter: AugmentFilter = Field(default_factory=AugmentFilter, description="Which answers are kept.")

    @model_validator(mode="after")
    def _fits(self) -> AugmentConfig:
        problems = []
        if self.base is not None and self.endpoint is not None:
            problems.append("give either `endpoint` or `base`, not both")
        if len(set(self.kinds)) < len(self.kinds):
            problems.append("`kinds` names a kind twice")
        if "expand" in self.kinds and self.target_per_class is None:
            problems.append("the kind `expand` needs `target_per_class`")
        if self.budget is not None and (self.endpoint is None or self.endpoint.price_in is None):
            problems.append("`budget` needs the endpoint's `price_in` and `price_out`")
        if self.glossary is not None and "terms" not in self.kinds:
            problems.append("`glossary` is for the kind `terms`, which `kinds` does not name")
        if problems:
            raise ValueError("; ".join(problems))
        return self
