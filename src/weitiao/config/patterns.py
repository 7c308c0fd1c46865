"""A file of patterns: what people may say, class by class, and what is learnt from it."""

from __future__ import annotations

from pydantic import Field, model_validator

from weitiao.config.prompt import TemplateRef
from weitiao.config.section import Section

Scalar = str | int | float | bool


class Saying(Section):
    """One entry of a vocabulary with the value that it stands for."""

    say: str = Field(min_length=1, description="What is said; a pattern like those of a class.")
    means: Scalar = Field(description="The value that goes into `slots`.")


class Numbers(Section):
    """A vocabulary of whole numbers."""

    first: int = Field(description="The first number.")
    last: int = Field(description="The last number, which belongs to it.")
    step: int = Field(default=1, gt=0, description="From one number to the next.")

    @model_validator(mode="after")
    def _some(self) -> Numbers:
        if self.last < self.first:
            raise ValueError(f"last {self.last} is before first {self.first}")
        return self


class Terms(Section):
    """A vocabulary in a file of its own."""

    file: str = Field(
        min_length=1, description="Text file, one term a line, relative to the file of patterns."
    )


Vocabulary = tuple[str | int | Saying, ...] | Numbers | Terms


class PatternClass(Section):
    """Samples of one label."""

    patterns: tuple[str, ...] = Field(
        min_length=1,
        description="(a|b) one of them, [a] or nothing, {slot} a term, {slot:vocabulary}, \\ literally.",
    )
    label: str | None = Field(default=None, description="Default: the name of the class.")
    spoken: bool = Field(
        default=True,
        description="Whether people say it; then the sentence is in the column `speech`, for noise.",
    )
    count: int | None = Field(default=None, gt=0, description="Number of samples, whatever the total.")
    share: float = Field(default=1, gt=0, description="Share of the total, in relation to the other classes.")
    prompt: str | TemplateRef | None = Field(default=None, description="Overrides that of the file.")
    response: str | TemplateRef | None = Field(default=None, description="Overrides that of the file.")
    values: dict[str, Scalar] = Field(
        default_factory=dict, description="More variables for prompt and response."
    )


class PatternFile(Section):
    """Patterns, vocabularies and templates."""

    description: str = Field(default="", description="What the samples are for.")
    vocabularies: dict[str, Vocabulary] = Field(
        default_factory=dict, description="Name -> terms, numbers or a file of terms."
    )
    templates: tuple[str, ...] = Field(
        default=(), description="Prompt libraries beside the shipped one, relative to this file."
    )
    prompt: str | TemplateRef = Field(
        default="{{ text }}",
        description="Template over text, label, slots, the slots by name and the values of the class.",
    )
    response: str | TemplateRef = Field(default="{{ label }}", description="As prompt.")
    classes: dict[str, PatternClass] = Field(min_length=1, description="Name -> patterns.")
