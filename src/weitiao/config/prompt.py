"""A prompt from a library of templates."""

from __future__ import annotations

from pydantic import Field

from weitiao.config.section import Section


class TemplateRef(Section):
    """A template of a prompt library instead of one that is written out."""

    template: str = Field(min_length=1, description="Its id; `weitiao data templates` lists those there are.")
    language: str | None = Field(default=None, description="Default: the first language of the template.")
    version: int | None = Field(default=None, gt=0, description="Default: the newest.")
    variables: dict[str, str] = Field(
        default_factory=dict,
        description="Its variable -> column, or template over the columns. Default: the column of its name.",
    )
    values: dict[str, str] = Field(
        default_factory=dict,
        description="Its variable -> text that is the same for all rows (the table and columns of a database).",
    )
