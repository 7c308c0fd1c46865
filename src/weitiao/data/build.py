"""Records to examples: turns from columns or templates, or from dialogues of a known shape."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from weitiao.config import DataConfig, Source
from weitiao.data.builder import COLUMN_REMEDY, make_builder, seen_in, shape_of
from weitiao.data.problems import Problems
from weitiao.data.shapes.dataset_info import Entry
from weitiao.data.template import FieldError
from weitiao.errors import DataError
from weitiao.types import Example, Record


@dataclass(frozen=True)
class Drop:
    """Rows that were left out for one reason.

    Attributes:
        reason: In words.
        rows: Where they are, ``file, row N``.
    """

    reason: str
    rows: tuple[str, ...]


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

    examples: tuple[Example, ...]
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
    elsewhere: Mapping[str, Sequence[str]] | None = None,
    with_response: bool = True,
    entry: Entry | None = None,
    tools: Sequence[Mapping[str, Any]] = (),
) -> Built:
    """Examples of one source, with an account of what was left out.

    Args:
        records: All rows of the source.
        data: The recipe's data section.
        source: The source they come from.
        elsewhere: Columns of the other sources by file, to say where a missing column is.
        with_response: False for files of questions only: one example a row, which ends with the question.
        entry: What a ``dataset_info.json`` says about the source.
        tools: Function schemas for rows that bring none of their own.

    Raises:
        DataError: All wrong columns, templates, turns and (with ``on_empty: error``) empty rows of the source.
    """
    rows = list(records)
    columns = tuple(dict.fromkeys(name for record in rows for name in record.fields))
    probe = rows[0].fields if rows else None
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
    problems = Problems(_label(rows, source))
    found = _Found()
    for record in rows:
        try:
            examples, unused = builder.examples(record)
        except FieldError as error:
            if error.in_every_row:
                problems.add(f"{error}{seen_in(error.field, elsewhere or {})}", remedy=COLUMN_REMEDY)
                break
            remedy = _FIELD_REMEDY if name == "prompt_response" else _SHAPE_REMEDY.format(name)
            problems.add(f"row {record.origin.row}: {error}", remedy=remedy)
            continue
        found.take(record, examples, unused, data.on_empty == "drop", problems)
    problems.raise_if_any()
    if not found.examples:
        raise DataError(f"{problems.name}: no row is left, all {len(rows)} are empty", remedy=COLUMN_REMEDY)
    drops = tuple(Drop(reason, tuple(where)) for reason, where in found.dropped.items())
    unused = (Drop("turns behind the last reply", tuple(found.unused)),) if found.unused else ()
    return Built(tuple(found.examples), columns, len(rows), drops, name, unused)


@dataclass
class _Found:
    """What has come of the rows so far."""

    examples: list[Example] = field(default_factory=list)
    dropped: dict[str, list[str]] = field(default_factory=dict)
    unused: list[str] = field(default_factory=list)

    def take(
        self, record: Record, examples: Sequence[Example], unused: int, drop: bool, problems: Problems
    ) -> None:
        """Keep the examples of a row; those with an empty turn are dropped, or a problem of the row."""
        if unused:
            self.unused.append(str(record.origin))
        reasons: dict[str, None] = {}
        for example in examples:
            reason = _emptiness(example)
            if reason is None:
                self.examples.append(example)
            elif drop:
                self.dropped.setdefault(reason, []).append(str(record.origin))
            else:
                reasons[reason] = None
        for reason in reasons:
            problems.add(f"row {record.origin.row}: {reason}", remedy=_EMPTY_REMEDY)


_EMPTY_REMEDY = "fill these cells, or set data.on_empty: drop to leave the rows out (counted in the card)"
_SHAPE_REMEDY = "mend these rows, or set data.shape if the file is not of the shape {}"
_FIELD_REMEDY = 'a field that some rows lack is written {{ name | default("") }}'


def _emptiness(example: Example) -> str | None:
    """``empty prompt``, ``empty response``, both, or None; blanks alone count as empty."""
    turns = (("prompt", "user"), ("response", "assistant"))
    names = {
        name: None
        for name, role in turns
        for m in example.messages
        if m.role == role and not m.content.strip() and not m.tool_calls
    }
    return f"empty {' and '.join(names)}" if names else None


def _label(rows: Sequence[Record], source: Source) -> str:
    sheet = rows[0].origin.sheet if rows else None
    return source.file if sheet is None else f'{source.file}, sheet "{sheet}"'


def build(records: Iterable[Record], data: DataConfig, source: Source) -> list[Example]:
    """Examples of one source; `build_source` also says what was left out."""
    return list(build_source(records, data, source).examples)
