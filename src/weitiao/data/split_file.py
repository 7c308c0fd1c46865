"""A file split into train, dev and test, or into folds: rows in, rows out, without a recipe."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weitiao.config import Source, SplitConfig
from weitiao.config.split import CLASS_FIELD, NO_GROUP_FIELD, TIME_FIELD
from weitiao.config.steps import FIELDS
from weitiao.data.facts import prompt_key
from weitiao.data.lineage import file_hash
from weitiao.data.mask import make_mask
from weitiao.data.problems import Problems
from weitiao.data.read import existing_file, read, source_of
from weitiao.data.sources import ALL_SHEETS, expand
from weitiao.data.split import PARTS, Plan, group_key, plan_split, rows_of
from weitiao.data.split_keep import Earlier, earlier_of
from weitiao.data.template import Expression, FieldError, compile_expression
from weitiao.data.whole import write_together
from weitiao.errors import ConfigError, DataError
from weitiao.types import Example, Message, Record, content_id

NOTE = "split.json"
PROMPTS = ("prompt", "question", "instruction", "text", "sentence", "query", "input", "问题", "提示", "文本")
"""Columns that hold the prompt where nobody says which one does."""
_NAMED = ("group", "stratify", "time")


@dataclass(frozen=True)
class SplitFile:
    """What became of a file.

    Attributes:
        parts: Rows of each part, or of each fold.
        prompt: Column or template whose equal values stayed together; None: whole rows.
        facts: What decided, as in the card of a data set.
        warnings: What to look at.
        notes: What is to be known about how the file was read.
    """

    parts: Mapping[str, int]
    prompt: str | None
    facts: Mapping[str, Any]
    warnings: tuple[str, ...]
    notes: tuple[str, ...] = ()


def split_file(
    source: str | Path | Source,
    folder: str | Path,
    config: SplitConfig,
    *,
    prompt: str | None = None,
    root: Path | None = None,
    progress: Callable[[int], None] | None = None,
) -> SplitFile:
    """Write ``train.jsonl``, ``dev.jsonl``, ``test.jsonl`` (or ``fold-1.jsonl`` ...) and ``split.json``.

    Rows keep their order and columns.

    Args:
        source: json, jsonl, csv, tsv, xlsx or parquet.
        folder: New, empty, or that of an earlier split, which is written over.
        config: Section ``data.split`` of a recipe; ``keep`` names the folder of an earlier split. With ``folds`` each
            fold is a file.
        prompt: Column or template whose equal values stay together. Default: the first of `PROMPTS` that there is,
            else the whole row.
        root: Folder that relative paths start at; default: the working directory.
        progress: Told the number of rows read so far.

    Raises:
        ConfigError: Settings, a folder or columns that do not fit.
        DataError: The file cannot be read, or not be split so.
    """
    root, folder, source = root or Path(), Path(folder), source_of(source)
    _check_config(config)
    _check_folder(folder)
    records: list[Record] = []
    notes: list[str] = []
    for one in expand(source, root) if source.sheet == ALL_SHEETS else [source]:
        reading = read(one, root=root)
        for record in reading:
            records.append(record)
            if progress is not None:
                progress(len(records))
        notes += reading.notes
    columns = list(dict.fromkeys(name for record in records for name in record.fields))
    prompt = prompt or next((name for name in PROMPTS if name in columns), None)
    examples = _examples(records, columns, config, prompt, source.file)
    mask = make_mask(config.mask, root=root)
    earlier = None if config.keep is None else _earlier(root / Path(config.keep).expanduser(), prompt)
    try:
        files, plan = _dealt(examples, config, lambda example: group_key(example, mask), earlier)
    except DataError as error:
        raise DataError(as_options(error.message), remedy=as_options(error.remedy or "")) from error
    facts = {"prompt": prompt, **config.model_dump(mode="json", exclude_defaults=True), **plan.facts}
    warnings = tuple(map(as_options, plan.warnings))
    counts = {name: len(rows) for name, rows in files.items()}
    note = {
        "file": source.file,
        "sha256": file_hash(existing_file(source.file, root)),
        "rows": counts,
        **facts,
        "warnings": warnings,
    }
    stale = _earlier_files(folder)
    written = [(folder / f"{name}.jsonl", _lines(records, rows)) for name, rows in files.items()]
    try:
        write_together([*written, (folder / NOTE, [json.dumps(note, ensure_ascii=False, indent=2) + "\n"])])
        for path in stale - {path for path, _ in written}:
            path.unlink(missing_ok=True)
    except OSError as error:
        raise ConfigError(
            f"{folder} cannot be written: {error.strerror or error}", remedy="choose another folder"
        ) from error
    return SplitFile(counts, prompt, facts, warnings, tuple(dict.fromkeys(notes)))


def _check_config(config: SplitConfig) -> None:
    """Refuse what a recipe fills in, or uses, and a file does not."""
    if config.by == "stratified" and config.stratify is None:
        raise ConfigError(
            "--by stratified: which column is the class is not said", remedy="give --stratify COLUMN"
        )
    if config.folds is not None and config.ratio is not None:
        raise ConfigError(
            "--ratio is about train, dev and test, and --folds writes folds", remedy="leave one of them out"
        )


def _check_folder(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"--out: {folder} is a file", remedy="name a folder")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / NOTE).is_file():
        raise ConfigError(
            f"--out: {folder} holds files that are no earlier split (no {NOTE})", remedy="choose a new folder"
        )


def _earlier_files(folder: Path) -> set[Path]:
    """What an earlier split has written."""
    if not (folder / NOTE).is_file():
        return set()
    try:
        return {folder / f"{name}.jsonl" for name in json.loads((folder / NOTE).read_text("utf-8"))["rows"]}
    except (ValueError, KeyError, TypeError):
        return set()


def _earlier(folder: Path, prompt: str | None) -> Earlier:
    """The parts of the rows of an earlier split."""
    files = {part: folder / f"{name}.jsonl" for part, name in enumerate(PARTS)}
    there = {part: path for part, path in files.items() if path.is_file() and path.stat().st_size}
    if not (folder / NOTE).is_file() or not there:
        raise ConfigError(
            f"--keep: {folder}: no earlier split into train, dev and test (no {NOTE} there)",
            remedy="name the --out folder of an earlier `weitiao data split`",
        )
    prompts: list[int] = []
    parts: list[int] = []
    for part, path in there.items():
        records = list(read(Source(file=str(path)), root=Path()))
        columns = list(dict.fromkeys(name for record in records for name in record.fields))
        for example in _examples(records, columns, SplitConfig(), prompt, str(path)):
            prompts.append(prompt_key(example))
            parts.append(part)
    return earlier_of(prompts, parts)


def _lines(records: Sequence[Record], rows: Iterable[int]) -> Iterator[str]:
    for row in rows:
        yield json.dumps(dict(records[row].fields), ensure_ascii=False, default=str) + "\n"


def _dealt(
    examples: Sequence[Example],
    config: SplitConfig,
    group_of: Callable[[Example], str],
    earlier: Earlier | None,
) -> tuple[dict[str, list[int]], Plan]:
    """Numbers of the rows of each file, and the plan (of the first fold)."""
    if config.folds is None:
        plan = plan_split(examples, config, group_of, earlier)
        parts = {name: list(rows) for name, rows in rows_of(plan, config).items()}
        return {name: rows for name, rows in parts.items() if rows}, plan
    plans = [
        plan_split(examples, config.model_copy(update={"fold": fold, "dev": 0.0}), group_of)
        for fold in range(1, config.folds + 1)
    ]
    return {f"fold-{n}": list(rows_of(plan, config)["test"]) for n, plan in enumerate(plans, start=1)}, plans[
        0
    ]


def _examples(
    records: Sequence[Record], columns: Sequence[str], config: SplitConfig, prompt: str | None, file: str
) -> list[Example]:
    """One example for each row: its prompt, group, class and time, which is all that a split asks for."""
    problems = Problems(file)
    wanted = {"prompt": prompt, **{name: getattr(config, name) for name in _NAMED}}
    asked = {
        name: _column(spec, name, columns, problems) for name, spec in wanted.items() if spec is not None
    }
    problems.raise_if_any()
    made = [example for record in records if (example := _example(record, asked, problems)) is not None]
    problems.raise_if_any()
    return made


def _column(spec: str, name: str, columns: Sequence[str], problems: Problems) -> Expression | None:
    try:
        return compile_expression(spec, name=f"--{name}", columns=columns)
    except FieldError as error:
        problems.add(str(error), remedy="name a column, or a template over the columns")
        return None


def _example(record: Record, asked: Mapping[str, Expression | None], problems: Problems) -> Example | None:
    try:
        values = {name: made.text_of(record.fields) for name, made in asked.items() if made is not None}
    except FieldError as error:
        problems.add(f"row {record.origin.row}: {error}", remedy="mend these rows, or name another column")
        return None
    text = values.get("prompt", json.dumps(dict(record.fields), ensure_ascii=False, default=str))
    fields = {CLASS_FIELD: values.get("stratify"), TIME_FIELD: values.get("time")}
    group = values.get("group", "")
    if "group" in values and not group.strip():
        fields[NO_GROUP_FIELD] = ""
    messages = (Message("user", text), Message("assistant", values.get("stratify", ""), train=True))
    meta = {FIELDS: {name: value for name, value in fields.items() if value is not None}}
    return Example(content_id(messages), messages, group, record.origin, meta)


def as_options(text: str) -> str:
    """What a split says about keys of a recipe, in the words of the command line."""
    text = re.sub(r"data\.split\.(\w+)=(\S+)", lambda m: f"--{_option(m[1])} {m[2]}", text)
    text = re.sub(r"data\.split\.(\w+)", lambda m: f"--{_option(m[1])}", text)
    return text.replace("data.split", "the split")


def _option(key: str) -> str:
    return key.replace("_", "-")
