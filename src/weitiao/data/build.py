"""Records to examples: turns from columns or templates, or from dialogues of a known shape."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from weitiao.config import DataConfig, Source
from weitiao.data.builder import COLUMN_REMEDY, Builder, make_builder, seen_in, shape_of
from weitiao.data.problems import Problems
from weitiao.data.shapes.dataset_info import Entry
from weitiao.data.tally import Drop, Tally
from weitiao.data.template import FieldError
from weitiao.errors import DataError
from weitiao.types import Example, Record

__all__ = ["Built", "Drop", "build", "build_source"]


@dataclass(frozen=True)
class Built:
    """What became of one source.

    Attributes:
        examples: In the order of the file; `Example.group` is the value of ``split.group``, unmasked.
        columns: All field names of the source.
        num_records: Rows that came in.
        drops: Rows (of dialogues: rounds) left out, by reason.
        shape: Name of the shape of its rows.
        unused: Rows of which some turns are in no example, by reason.
    """

    examples: Sequence[Example]
    columns: tuple[str, ...]
    num_records: int
    drops: tuple[Drop, ...] = ()
    shape: str = "prompt_response"
    unused: tuple[Drop, ...] = ()


def build_source(
    records: Iterable[Record],
    data: DataConfig,
    source: Source,
    *,
    columns: Sequence[str] | None = None,
    elsewhere: Mapping[str, Sequence[str]] | None = None,
    with_response: bool = True,
    entry: Entry | None = None,
    tools: Sequence[Mapping[str, Any]] = (),
    shelve: Callable[[Iterator[Example]], Sequence[Example]] = tuple,
) -> Built:
    """Examples of one source, with an account of what was left out.

    Args:
        records: All rows of the source.
        data: The recipe's data section.
        source: The source they come from.
        columns: All field names of the source, where they are known; the records are then read once and not kept.
        elsewhere: Columns of the other sources by file, to say where a missing column is.
        with_response: False for files of questions only: one example a row, which ends with the question.
        entry: What a ``dataset_info.json`` says about the source.
        tools: Function schemas for rows that bring none of their own.
        shelve: Takes the examples as they are made.

    Raises:
        DataError: All wrong columns, templates, turns and (with ``on_empty: error``) empty rows of the source.
    """
    if columns is None:
        records = list(records)
        columns = tuple(dict.fromkeys(name for record in records for name in record.fields))
    rows = iter(records)
    first = next(rows, None)
    probe = None if first is None else first.fields
    name, shape = shape_of(data, source, probe or {}, entry)
    builder = make_builder(
        columns,
        data,
        source,
        elsewhere=elsewhere,
        with_response=with_response,
        probe=probe,
        shape=shape,
        tools=tools,
    )
    found = _Found(
        name, Problems(_label(first, source)), drop=data.on_empty == "drop", elsewhere=elsewhere or {}
    )
    examples = shelve(found.examples(() if first is None else chain([first], rows), builder))
    found.problems.raise_if_any()
    if not examples:
        raise DataError(
            f"{found.problems.name}: no row is left, all {found.num_records} are empty", remedy=COLUMN_REMEDY
        )
    drops = tuple(tally.drop(reason) for reason, tally in found.dropped.items())
    unused = (found.unused.drop("turns behind the last reply"),) if found.unused.count else ()
    return Built(examples, tuple(columns), found.num_records, drops, name, unused)


@dataclass
class _Found:
    """What has come of the rows so far.

    Attributes:
        shape: Name of the shape of the rows.
        problems: Of the source.
        drop: Whether empty rows are left out; else they are problems.
        elsewhere: Columns of the other sources by file.
        num_records: Rows so far.
        dropped: Rows left out by reason.
        unused: Rows with turns that are in no example.
    """

    shape: str
    problems: Problems
    drop: bool
    elsewhere: Mapping[str, Sequence[str]]
    num_records: int = 0
    dropped: dict[str, Tally] = field(default_factory=dict)
    unused: Tally = field(default_factory=Tally)

    def examples(self, records: Iterable[Record], builder: Builder) -> Iterator[Example]:
        """The examples of all rows; what is wrong with a row becomes a problem."""
        for record in records:
            self.num_records += 1
            try:
                made, unused = builder.examples(record)
            except FieldError as error:
                if error.in_every_row:
                    place = seen_in(error.field, self.elsewhere)
                    self.problems.add(f"{error}{place}", remedy=COLUMN_REMEDY)
                    return
                remedy = (
                    _FIELD_REMEDY if self.shape == "prompt_response" else _SHAPE_REMEDY.format(self.shape)
                )
                self.problems.add(f"row {record.origin.row}: {error}", remedy=remedy)
                continue
            if unused:
                self.unused.add(str(record.origin))
            yield from self._filled(record, made)

    def _filled(self, record: Record, examples: Sequence[Example]) -> Iterator[Example]:
        """The examples of a row without an empty turn; others are dropped, or a problem of the row."""
        reasons: dict[str, None] = {}
        for example in examples:
            reason = _emptiness(example)
            if reason is None:
                yield example
            elif self.drop:
                self.dropped.setdefault(reason, Tally()).add(str(record.origin), example)
            else:
                reasons[reason] = None
        for reason in reasons:
            self.problems.add(f"row {record.origin.row}: {reason}", remedy=_EMPTY_REMEDY)


_EMPTY_REMEDY = "fill these cells, or set data.on_empty: drop to leave the rows out (counted in the card)"
_SHAPE_REMEDY = "mend these rows, or set data.shape if the file is not of the shape {}"
_FIELD_REMEDY = 'a field that some rows lack is written {{ name | default("") }}'


def _emptiness(example: Example) -> str | None:
    """``empty prompt``, ``empty response``, both, or None; blanks alone count as empty."""
    empty = {m.role for m in example.messages if not m.tool_calls and not m.content.strip()}
    names = [name for name, role in (("prompt", "user"), ("response", "assistant")) if role in empty]
    return f"empty {' and '.join(names)}" if names else None


def _label(first: Record | None, source: Source) -> str:
    sheet = first.origin.sheet if first is not None else None
    return source.file if sheet is None else f'{source.file}, sheet "{sheet}"'


def build(records: Iterable[Record], data: DataConfig, source: Source) -> list[Example]:
    """Examples of one source; `build_source` also says what was left out."""
    return list(build_source(records, data, source).examples)
