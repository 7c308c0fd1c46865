"""Section ``data``: where examples come from and how they are split."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from weitiao.config.fix import FixConfig
from weitiao.config.prompt import TemplateRef
from weitiao.config.section import Section
from weitiao.config.split import SplitConfig
from weitiao.config.steps import StepConfig, check_order

ShapeName = Literal[
    "auto",
    "prompt_response",
    "messages",
    "sharegpt",
    "alpaca",
    "hotel_turns",
    "hotel_dialogue",
    "chatglm3_tools",
]


class Source(Section):
    """One file of records, or several of one kind."""

    file: str = Field(
        default="",
        description="json, jsonl, csv, tsv, xlsx or parquet; `data/*.xlsx` names all files that fit, in the order of "
        "their names.",
    )
    dataset_info: str | None = Field(
        default=None, description="Instead of file: LLaMA-Factory's dataset_info.json (or its folder)."
    )
    dataset: str | None = Field(default=None, description="With dataset_info: name of the data set in it.")
    patterns: str | None = Field(
        default=None, description="Instead of file: a YAML file of patterns that samples are drawn from."
    )
    count: int | None = Field(
        default=None,
        gt=0,
        description="With patterns: number of samples. Default: the counts of its classes.",
    )
    seed: int | None = Field(
        default=None, ge=0, description="With patterns: of the draw. Default: the seed of the recipe."
    )
    shape: ShapeName | None = Field(default=None, description="Overrides data.shape for this source.")
    sheet: str | int | None = Field(
        default=None,
        description='Sheet name or number (0 = first), or `"*"` for all sheets; xlsx only. Default: first.',
    )
    header: int | tuple[int, ...] | None = Field(
        default=None,
        description="Row of the column names, counted from 1, or rows (`[2, 3]`) whose names are joined by `/`; tables "
        "only. Default: found out (the first row; in a workbook merged cells are followed).",
    )
    merged: Literal["down", "first"] = Field(
        default="down",
        description="Merged cells below the header of a workbook: down, their value stands in each of their rows; "
        "first, in the first row only.",
    )
    path: str | None = Field(
        default=None,
        description="Where the records are inside json: `data.items`, `data[*].qas[*]`. Default: the array, or the "
        "only list of the object.",
    )
    delimiter: str | None = Field(
        default=None,
        min_length=1,
        max_length=1,
        description="What separates the cells of a csv file. Default: found out (comma, semicolon, tab or `|`).",
    )
    encoding: str | None = Field(
        default=None, description="Found out when not given (UTF-8, BOM, UTF-16, GB18030)."
    )
    prompt: str | TemplateRef | None = Field(
        default=None, description="Overrides data.prompt for this source."
    )
    response: str | TemplateRef | None = Field(
        default=None, description="Overrides data.response for this source."
    )
    system: str | TemplateRef | None = Field(
        default=None, description="Overrides data.system for this source."
    )
    group: str | None = Field(default=None, description="Overrides data.split.group for this source.")
    stratify: str | None = Field(default=None, description="Overrides data.split.stratify for this source.")
    time: str | None = Field(default=None, description="Overrides data.split.time for this source.")
    limit: int | None = Field(default=None, gt=0, description="Use the first N rows only.")
    task: str | None = Field(
        default=None,
        min_length=1,
        description="Name of the task that these rows are for, which `mix` counts by. Default: the file and its sheet.",
    )
    licence: str | None = Field(
        default=None, description="Under which licence the data are, and from whom; goes into the data card."
    )

    @model_validator(mode="after")
    def _one_file(self) -> Source:
        if self.file and (self.dataset_info or self.dataset):
            raise ValueError("give either `file`, or `dataset_info` and `dataset`, not both")
        if self.patterns and (self.file or self.dataset_info or self.dataset):
            raise ValueError("give either `file` or `patterns`, not both")
        if not self.file and not self.patterns and not (self.dataset_info and self.dataset):
            raise ValueError("no file: give `file`, `patterns`, or `dataset_info` and `dataset`")
        if not self.patterns and (self.count is not None or self.seed is not None):
            raise ValueError(
                "`count` and `seed` go with `patterns`; the first rows of a file are its `limit`"
            )
        return self

    @model_validator(mode="after")
    def _header_rows(self) -> Source:
        rows = self.header_rows
        if rows is not None and (
            not rows or rows[0] < 1 or list(rows) != list(range(rows[0], rows[0] + len(rows)))
        ):
            raise ValueError(
                f"`header` is the number of a row, or of rows one below the other such as [2, 3]; got {self.header}"
            )
        return self

    @property
    def header_rows(self) -> tuple[int, ...] | None:
        """Rows of the column names, counted from 1; None where they are to be found out."""
        return (self.header,) if isinstance(self.header, int) else self.header


class DataConfig(Section):
    """Records to examples."""

    sources: tuple[Source, ...] = Field(default=(), description="Files that are split by `split`.")
    train: tuple[Source, ...] = Field(
        default=(), description="Instead of sources: files of the training part."
    )
    dev: tuple[Source, ...] = Field(default=(), description="Files of the dev part.")
    test: tuple[Source, ...] = Field(default=(), description="Files of the test part.")
    shape: ShapeName = Field(
        default="auto",
        description="What rows look like; auto: found out from the first row of each file (prompt and response when "
        "they are set or nothing else fits).",
    )
    dialogues: Literal["rounds", "whole"] = Field(
        default="rounds",
        description="rounds: every reply of a dialogue is learnt in a sample of its own that ends with it; whole: all "
        "replies are learnt in one sample.",
    )
    prompt: str | TemplateRef = Field(
        default="prompt",
        description="A column, a jinja2 template over the columns, or {template: id} of a prompt library.",
    )
    response: str | TemplateRef = Field(
        default="response", description="A column, a jinja2 template over the columns, or {template: id}."
    )
    system: str | TemplateRef | None = Field(
        default=None,
        description="System message: a text, a jinja2 template over the columns, or {template: id}.",
    )
    templates: tuple[str, ...] = Field(
        default=(), description="YAML files of prompt libraries beside the shipped one."
    )
    history: str | None = Field(
        default=None,
        description="Column of earlier rounds [[question, answer], ...] beside prompt and response. Default: a column "
        "`history` where it holds such lists.",
    )
    tools: str | None = Field(
        default=None,
        description="JSON file with a list of function schemas, for dialogues that bring none of their own.",
    )
    steps: tuple[StepConfig, ...] = Field(
        default=(),
        description="What is done to the examples, in this order: `deduplicate` before the split, all others after it.",
    )
    split: SplitConfig = Field(default_factory=SplitConfig, description="Used with `sources` only.")
    max_length: int | None = Field(
        default=None, gt=0, description="Longest rendered sample in tokens. Default: what the base allows."
    )
    truncate: Literal["error", "left", "right"] = Field(
        default="error",
        description="What to do with a prompt that makes a sample too long; cuts are counted in the card.",
    )
    on_empty: Literal["error", "drop"] = Field(
        default="error",
        description="A row whose prompt or response is empty: error, or dropped and counted in the card.",
    )
    fix: FixConfig = Field(
        default_factory=FixConfig,
        description="Repairs that `weitiao data check` proposes; none unless asked for.",
    )
    on_conflict: Literal["keep", "error"] = Field(
        default="keep",
        description="Same prompt with different responses: keep (counted in the card) or error.",
    )

    @model_validator(mode="after")
    def _one_way(self) -> DataConfig:
        if self.sources and (self.train or self.dev or self.test):
            raise ValueError("give either `sources` (split by `split`) or `train`/`dev`/`test`, not both")
        if not self.sources and not self.train:
            raise ValueError("no data: give `sources`, or `train` (and `dev`, `test`)")
        unused = [] if self.sources else self.split.settings()
        if unused:
            raise ValueError(
                f"{' and '.join(f'`split.{name}`' for name in unused)} need `sources`; here the files say who is in "
                "which part"
            )
        return self

    @model_validator(mode="after")
    def _split_of_sources(self) -> DataConfig:
        needed = {"group": "`sources`", "stratify": "`split.by: stratified`", "time": "`split.by: time`"}
        there = {"group": bool(self.sources), "stratify": self.split.by == "stratified"}
        there["time"] = self.split.by == "time"
        files = [source for part in ("sources", "train", "dev", "test") for source in getattr(self, part)]
        wrong = [
            f"`{name}` of a source goes with {need}"
            for name, need in needed.items()
            if not there[name] and any(getattr(source, name) is not None for source in files)
        ]
        if wrong:
            raise ValueError("; ".join(wrong))
        return self

    @model_validator(mode="after")
    def _steps_in_order(self) -> DataConfig:
        problems = check_order(self.steps)
        if problems:
            raise ValueError("; ".join(problems))
        return self
