"""``weitiao data augment``: new rows written by a model behind an endpoint."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from weitiao.cli import shell
from weitiao.errors import ConfigError, collect

if TYPE_CHECKING:
    from rich.console import Console

    from weitiao.config.augment import AugmentConfig
    from weitiao.data.augment.engine import Progress

_PLACES = {
    "endpoint.url": "--endpoint",
    "endpoint.timeout_s": "--timeout",
    "filter.verify": "--verify",
    "filter.names": "--names",
}
#: Options whose names are those of the settings.
_ONLY_ENDPOINT = ("model", "api_key_env", "timeout", "retries", "concurrency", "price_in", "price_out")
_OF_JOB = (
    "per_row",
    "target_per_class",
    "column",
    "label",
    "glossary",
    "language",
    "budget",
    "rounds",
    "seed",
    "cache",
)

_File = Annotated[Path, typer.Argument(metavar="FILE", help="json, jsonl, csv, tsv, xlsx or parquet.")]
_Endpoint = Annotated[
    str | None,
    typer.Option(
        "--endpoint", metavar="URL", help="OpenAI-compatible, for instance http://localhost:8000/v1."
    ),
]
_Model = Annotated[str | None, typer.Option("--model", metavar="NAME", help="Name of the model there.")]
_Base = Annotated[
    str | None,
    typer.Option(
        "--base",
        metavar="PATH",
        help="Instead of an endpoint: a base on this machine (folder, or weitiao-tiny).",
    ),
]
_BatchSize = Annotated[
    int, typer.Option("--batch-size", metavar="N", help="With --base: requests that are answered together.")
]
_Output = Annotated[
    Path, typer.Option("--output", metavar="FILE", help="A jsonl file: the rows, then the new ones.")
]
_Column = Annotated[str, typer.Option("--column", help="Column with the text.")]
_Label = Annotated[
    str | None,
    typer.Option("--label", metavar="COLUMN", help="Column with the label or answer; it stays."),
]
_Keep = Annotated[
    str, typer.Option("--keep", metavar="COLUMNS", help="Columns (comma) whose values stay in the text.")
]
_Kinds = Annotated[
    str,
    typer.Option("--kinds", help="Of paraphrase, terms, tone, order, expand (comma); they take turns."),
]
_PerRow = Annotated[
    int, typer.Option("--per-row", metavar="N", help="New texts for each row, over all kinds.")
]
_TargetPerClass = Annotated[
    int | None,
    typer.Option(
        "--target-per-class", metavar="N", help="Instead: fill every class of --label up to N rows."
    ),
]
_Budget = Annotated[
    float | None, typer.Option("--budget", metavar="MONEY", help="Never spend more; needs the prices.")
]
_PriceIn = Annotated[
    float | None, typer.Option("--price-in", metavar="MONEY", help="Price of a million prompt tokens.")
]
_PriceOut = Annotated[
    float | None, typer.Option("--price-out", metavar="MONEY", help="Price of a million answer tokens.")
]
_ApiKeyEnv = Annotated[
    str | None,
    typer.Option(
        "--api-key-env", metavar="NAME", help="Environment variable of the key. Default: OPENAI_API_KEY."
    ),
]
_Concurrency = Annotated[int, typer.Option("--concurrency", metavar="N", help="Requests at a time.")]
_Temperature = Annotated[float, typer.Option("--temperature", metavar="T", help="Of the sampling.")]
_MaxTokens = Annotated[
    int | None,
    typer.Option(
        "--max-tokens", metavar="N", help="Longest answer in tokens. Default: 1024, with --base 256."
    ),
]
_Timeout = Annotated[float, typer.Option("--timeout", metavar="SECONDS", help="Longest wait for an answer.")]
_Retries = Annotated[int, typer.Option("--retries", metavar="N", help="Further tries of a failed request.")]
_Rounds = Annotated[
    int, typer.Option("--rounds", metavar="N", help="How often rows that miss texts are asked for.")
]
_Names = Annotated[
    str | None, typer.Option("--names", metavar="FILE", help="Names that must stay, one a line.")
]
_Glossary = Annotated[
    str | None,
    typer.Option("--glossary", metavar="FILE", help="YAML, term: [other terms], for the kind terms."),
]
_Verify = Annotated[
    bool,
    typer.Option("--verify", help="Ask the model for the label of each new text; drop those that differ."),
]
_Language = Annotated[str, typer.Option("--language", help="Of the instructions: auto, zh or en.")]
_Cache = Annotated[
    str | None,
    typer.Option("--cache", metavar="DIR", help="Answers on disk. Default: ~/.cache/weitiao/augment."),
]
_Sheet = Annotated[str | None, typer.Option("--sheet", help="Sheet of an xlsx file. Default: the first.")]
_Limit = Annotated[int | None, typer.Option("--limit", metavar="N", help="Use the first N rows only.")]
_Seed = Annotated[int, typer.Option("--seed", help="Of the choice of kinds, tones and models.")]
_NewOnly = Annotated[bool, typer.Option("--new-only", help="Write the new rows alone.")]
_Resume = Annotated[bool, typer.Option("--resume", help="Go on with a run that was interrupted.")]


def augment(
    context: typer.Context,
    file: _File,
    output: _Output,
    endpoint: _Endpoint = None,
    model: _Model = None,
    base: _Base = None,
    column: _Column = "prompt",
    label: _Label = None,
    keep: _Keep = "",
    kinds: _Kinds = "paraphrase",
    per_row: _PerRow = 1,
    target_per_class: _TargetPerClass = None,
    budget: _Budget = None,
    price_in: _PriceIn = None,
    price_out: _PriceOut = None,
    api_key_env: _ApiKeyEnv = None,
    concurrency: _Concurrency = 4,
    temperature: _Temperature = 0.9,
    max_tokens: _MaxTokens = None,
    batch_size: _BatchSize = 8,
    timeout: _Timeout = 60.0,
    retries: _Retries = 5,
    rounds: _Rounds = 2,
    names: _Names = None,
    glossary: _Glossary = None,
    verify: _Verify = False,
    language: _Language = "auto",
    cache: _Cache = None,
    sheet: _Sheet = None,
    limit: _Limit = None,
    seed: _Seed = 7,
    new_only: _NewOnly = False,
    resume: _Resume = False,
) -> None:
    """Write new rows with a model: other wordings of each text, or new texts of a class.

    Numbers, names, language and label stay, near-duplicates and answers off the task are dropped. Answers are kept on
    disk, so a second run costs nothing.
    """
    from weitiao.config import Source
    from weitiao.data.augment import augment_file, summary_of

    _check_writer(context)
    config = _config(context.params)
    if limit is not None and limit < 1:
        raise ConfigError(f"--limit: expected 1 or more, got {limit}", remedy="leave it out to use all rows")
    here = shell.of(context)
    words = [word for word in sys.argv[1:] if word != "--resume"]
    here.resume = shlex.join(["weitiao", *words, "--resume"])
    source = Source(file=str(file), sheet=sheet, limit=limit)
    generator = None
    if base is not None:
        from weitiao.pipeline.writing import open_writer

        generator = open_writer(base, batch_size=batch_size)
    with _bar(here.progress()) as progress:
        report = augment_file(
            source, output, config, generator=generator, resume=resume, new_only=new_only, progress=progress
        )
    shell.output().print(f"{output}\n{summary_of(report)}", soft_wrap=True, highlight=False, markup=False)


def _list(text: str) -> tuple[str, ...]:
    return tuple(part for part in map(str.strip, text.split(",")) if part)


def _config(given: Mapping[str, Any]) -> AugmentConfig:
    """The settings, with what is wrong about them in the words of the command line."""
    from pydantic import ValidationError

    from weitiao.config.augment import AugmentConfig

    try:
        return AugmentConfig.model_validate(
            {
                **{name: given[name] for name in _OF_JOB},
                **_writer(given),
                "kinds": _list(given["kinds"]),
                "keep": _list(given["keep"]),
                "filter": {"names": given["names"], "verify": given["verify"]},
            }
        )
    except ValidationError as error:
        problems = []
        for fault in error.errors(include_url=False):
            path = ".".join(str(part) for part in fault["loc"])
            name = (
                _PLACES.get(path)
                or "--" + path.split(".")[-1 if path.startswith(("endpoint.", "base.")) else 0]
            )
            said = fault["msg"].removeprefix("Value error, ")
            problems.append(
                f"{name.replace('_', '-')}: {said}" if path not in ("", "endpoint", "base") else said
            )
        raise ConfigError(
            problems[0]
            if len(problems) == 1
            else collect(problems, what=f"{len(problems)} options are wrong"),
            remedy="see `weitiao data augment --help`",
        ) from None


def _check_writer(context: typer.Context) -> None:
    """Refuse a command that says not, or in two ways, who writes.

    Raises:
        ConfigError: Neither endpoint nor base, half an endpoint, or a base with options of an endpoint.
    """
    sources = {name: context.get_parameter_source(name) for name in context.params}
    named = [name for name, source in sources.items() if source is not None and source.name == "COMMANDLINE"]
    of_endpoint = [name for name in named if name in (*_ONLY_ENDPOINT, "endpoint")]
    if "base" not in named and {"endpoint", "model"} <= set(named):
        if "batch_size" in named:
            raise ConfigError("--batch-size is for --base", remedy="use --concurrency with an endpoint")
        return
    if "base" in named and not of_endpoint:
        return
    came = [f"--{name.replace('_', '-')}" for name in [*of_endpoint, *(["base"] if "base" in named else [])]]
    raise ConfigError(
        "expected --endpoint with --model, or --base without options of an endpoint, got "
        f"{', '.join(came) or 'neither'}",
        remedy="name an endpoint and its model, or a base on this machine",
    )


def _writer(given: Mapping[str, Any]) -> dict[str, Any]:
    """Section `endpoint` or `base`."""
    shared = {name: given[name] for name in ("temperature", "max_tokens") if given[name] is not None}
    if given["base"] is not None:
        return {"base": {"batch_size": given["batch_size"], **shared}}
    settings = {name: given[name] for name in _ONLY_ENDPOINT if name != "timeout"}
    return {"endpoint": {"url": given["endpoint"], "timeout_s": given["timeout"], **settings, **shared}}


class _Requests:
    """The bars of requests and answers; their number grows with the rounds."""

    def __init__(self, bar: Any) -> None:
        self.bar, self.total = bar, 0
        self.asking, self.sifting = (bar.add_task(name, total=None) for name in ("asking", "sifting"))

    def expect(self, requests: int) -> None:
        self.total += requests
        for task in (self.asking, self.sifting):
            self.bar.update(task, total=self.total)

    def done(self, requests: int) -> None:
        self.bar.update(self.asking, advance=requests)

    def sifted(self, answers: int) -> None:
        self.bar.update(self.sifting, advance=answers)


@contextmanager
def _bar(console: Console) -> Iterator[Progress]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as bar:
        yield _Requests(bar)
