"""Classes of a file balanced: rows in, rows out, without a recipe."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weitiao.config import BalanceStep, Source
from weitiao.config.steps import FIELDS
from weitiao.data.facts import COPY
from weitiao.data.jsonl import check_output, write_jsonl
from weitiao.data.problems import Problems
from weitiao.data.read import read, source_of
from weitiao.data.steps.balance import Balance
from weitiao.data.steps.step import Account
from weitiao.data.template import FieldError, compile_expression
from weitiao.errors import ConfigError, DataError
from weitiao.types import Example, Message, Record, content_id

ROW_FIELD = "source_row"


@dataclass(frozen=True)
class BalancedFile:
    """What became of a file.

    Attributes:
        rows: Rows read.
        written: Rows written.
        dropped: Rows left out.
        repeated: Copies written.
        classes: Rows of each class before and after.
        warnings: What to look at.
        notes: What is to be known about how the file was read.
    """

    rows: int
    written: int
    dropped: int
    repeated: int
    classes: Mapping[str, tuple[int, int]]
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def balance_file(
    source: str | Path | Source,
    output: str | Path,
    config: BalanceStep,
    *,
    root: Path | None = None,
    progress: Callable[[int], None] | None = None,
) -> BalancedFile:
    """Write the rows of a file so that its classes have the rows that are wanted.

    Rows keep their order and columns. ``source_row`` says which row each is (where the file has that column, it stays
    as it is), ``copy`` is 0, or the number of the copy. Rows are chosen by a hash of seed and content.

    Args:
        source: json, jsonl, csv, tsv, xlsx or parquet.
        output: A ``.jsonl`` file.
        config: Classes (``by``: a column, or a template over the columns), method, target, seed.
        root: Folder that relative paths start at; default: the working directory.
        progress: Told the number of rows read so far.

    Raises:
        ConfigError: Output or columns that do not fit.
        DataError: The file cannot be read, or its classes cannot be balanced so.
    """
    root, output, source = root or Path(), Path(output), source_of(source)
    reading = read(source, root=root)
    check_output(output)
    if output.resolve() == reading.path.resolve():
        raise ConfigError(f"--output: {output} is the input", remedy="choose another file")
    records: list[Record] = []
    for record in reading:
        records.append(record)
        if progress is not None:
            progress(len(records))
    examples = _examples(records, config.by, source.file)
    account = Account(num_in=len(examples))
    try:
        kept = list(Balance(config, config.seed or 0).apply(examples, account))
    except DataError as error:
        told = error.message.replace("data.steps: balance", source.file, 1)
        raise DataError(told, remedy=error.remedy) from error

    def row(example: Example) -> dict[str, Any]:
        record = records[example.meta["number"]]
        return {ROW_FIELD: record.origin.row, **record.fields, COPY: example.meta.get(COPY, 0)}

    written = write_jsonl(output, (row(example) for example in kept))
    return BalancedFile(
        len(records),
        written,
        sum(tally.count for tally in account.dropped.values()),
        account.facts["repeated"],
        {label: (before, after) for label, (before, after) in account.facts["classes"].items()},
        tuple(account.facts.get("warnings", ())),
        tuple(reading.notes),
    )


def _examples(records: Sequence[Record], by: str, file: str) -> list[Example]:
    """One example for each row: its values are the prompt, its class the answer."""
    columns = list(dict.fromkeys(name for record in records for name in record.fields))
    if COPY in columns:
        raise ConfigError(
            f'{file}: there is a column "{COPY}" already, where the number of a copy is to be written',
            remedy="balance the file that this one was made of, or rename the column",
        )
    problems = Problems(file)
    examples: list[Example] = []
    try:
        label_of = compile_expression(by, name="--by", columns=columns)
    except FieldError as error:
        raise ConfigError(
            f"{file}: {error}", remedy="name a column, or a template over the columns"
        ) from error
    for number, record in enumerate(records):
        try:
            label = label_of.text_of(record.fields)
        except FieldError as error:
            problems.add(
                f"row {record.origin.row}: {error}", remedy="mend these rows, or name another column"
            )
            continue
        values = repr(sorted(record.fields.items(), key=lambda pair: pair[0]))
        messages = (Message("user", values), Message("assistant", label))
        meta = {FIELDS: {by: label}, "number": number}
        examples.append(Example(content_id(messages), messages, origin=record.origin, meta=meta))
    problems.raise_if_any()
    return examples
