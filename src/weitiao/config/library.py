"""A library of prompts: templates that many recipes share, with versions and languages."""

from __future__ import annotations

from pydantic import Field

from weitiao.config.section import Section


class PromptOption(Section):
    """One of the answers that a prompt offers."""

    label: str = Field(min_length=1, description="What the model answers.")
    description: str = Field(default="", description="What it stands for.")


class PromptText(Section):
    """A template in one language."""

    prompt: str = Field(
        min_length=1, description="jinja2 template over the variables, `options` and `examples`."
    )
    response: str | None = Field(default=None, description="Template of the answer, where there is one.")
    system: str | None = Field(default=None, description="Template of the system message.")
    options: tuple[PromptOption, ...] = Field(default=(), description="Answers to choose from.")
    examples: tuple[dict[str, str], ...] = Field(
        default=(), description="Few-shot examples: texts by name, as the template prints them."
    )


class PromptTemplate(Section):
    """A prompt."""

    id: str = Field(pattern=r"^[\w\-]+(/[\w\-]+)*$", description="For instance finance/classify.")
    version: int = Field(default=1, gt=0, description="A new one for every change of the text.")
    description: str = Field(default="", description="What it is for.")
    variables: dict[str, str] = Field(default_factory=dict, description="Variable -> what it holds.")
    languages: dict[str, PromptText] = Field(
        min_length=1, description="Language (zh, en, ...) -> texts; the first is the default."
    )


class PromptLibrary(Section):
    """A file of templates."""

    templates: tuple[PromptTemplate, ...] = Field(min_length=1, description="The templates.")
