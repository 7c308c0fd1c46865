"""Records to examples: system, user and assistant turn from columns or templates."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from weitiao.config import DataConfig, Source
from weitiao.data.problems import Problems
from weitiao.data.read import FIELD_LIMIT
from weitiao.data.template import Expression, FieldError, compile_expression, to_text
from weitiao.errors import DataError
from weitiao.types import Example, Message, Record, content_id

_ID_COLUMNS = ("id", "uuid")  # in any case


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
        drops: Rows left out, by reason.
    """

    examples: tuple[Example, ...]
    columns: tuple[str, ...]
    num_records: int
    drops: tuple[Drop, ...] = ()


@dataclass(frozen=True)
class Builder:
    """The expressions of one source.

    Attributes:
        prompt: Makes the user turn.
        response: Makes the assistant turn; None where there are only questions.
        system: Makes the system turn; no such turn where it is None or gives an empty text.
        group: Makes the group value.
    """

    prompt: Expression
    response: Expression | None = None
    system: Expression | None = None
    group: Expression | None = None
    id_column: str | None = None

    def example(self, record: Record) -> Example:
        """The example of one record; the trained turn is the last one.

        Raises:
            FieldError: A template fails on this record, or makes a text that cannot be stored.
        """
        fields = record.fields
        messages = []
        system = _text(self.system, fields) if self.system else ""
        if system:
            messages.append(Message("system", system))
        messages.append(Message("user", _text(self.prompt, fields)))
        if self.response is not None:
            messages.append(Message("assistant", _text(self.response, fields), train=True))
        group = _text(self.group, fields) if self.group else ""
        return Example(content_id(messages), tuple(messages), group, record.origin, self._meta(fields))

    def _meta(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        value = fields.get(self.id_column) if self.id_column is not None else None
        if value is None:
            return {}
        is_plain = isinstance(value, int | str)
        return {"id": value if is_plain else to_text(value)}


def _text(expression: Expression, fields: Mapping[str, Any]) -> str:
    text = expression.text_of(fields)
    if len(text) > FIELD_LIMIT:
        raise FieldError(f"{expression.name}: {len(text):,} characters, the limit is {FIELD_LIMIT:,}")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise FieldError(f"{expression.name}: half a surrogate pair, which is no character") from None
    return text


def make_builder(
    columns: Sequence[str],
    data: DataConfig,
    source: Source,
    *,
    elsewhere: Mapping[str, Sequence[str]] | None = None,
    with_response: bool = True,
    probe: Mapping[str, Any] | None = None,
) -> Builder:
    """The builder of a source: its own ``prompt``, ``response``, ``system``, else those of ``data``.

    Args:
        columns: Field names of the source.
        data: The recipe's data section.
        source: The source.
        elsewhere: Columns of the other sources by file, to say where a missing column is.
        with_response: False for files of questions only.
        probe: Fields of one record; templates are tried on it, so that all unknown fields are found together.

    Raises:
        DataError: Columns or templates that do not fit, all of them in one error.
    """
    problems = Problems(source.file)

    def expression(key: str, spec: str | None, *, plain_text: bool = False) -> Expression | None:
        if spec is None:
            return None
        made = None
        try:
            made = compile_expression(spec, name=key, columns=columns, plain_text=plain_text)
            if probe is not None:
                made.text_of(probe)
        except FieldError as error:
            if error.in_every_row:  # what is wrong with the probe alone comes up again with its row
                problems.add(f"{error}{_seen_in(error.field, elsewhere or {})}", remedy=_COLUMN_REMEDY)
        return made

    prompt = expression("prompt", source.prompt or data.prompt)
    response = expression("response", source.response or data.response) if with_response else None
    system = expression("system", source.system or data.system, plain_text=True)
    group = expression("split.group", data.split.group) if data.sources else None
    problems.raise_if_any()
    if prompt is None:  # only with an empty name, which no column has
        raise DataError(f"{source.file}: prompt is empty", remedy=_COLUMN_REMEDY)
    names = {column.lower(): column for column in reversed(columns)}
    id_column = next((names[name] for name in _ID_COLUMNS if name in names), None)
    return Builder(prompt, response, system, group, id_column)


_COLUMN_REMEDY = (
    "set data.prompt and data.response (or those of the source) to a column, or to a template such as "
    '"Question: {{ question }}"'
)


def _seen_in(field: str | None, elsewhere: Mapping[str, Sequence[str]]) -> str:
    """Which other files have a missing field."""
    files = [file for file, columns in elsewhere.items() if field in columns]
    if not files:
        return ""
    return (
        f"; {', '.join(files)} has it: give sources with different columns a prompt and response of their own"
    )


def build_source(
    records: Iterable[Record],
    data: DataConfig,
    source: Source,
    *,
    elsewhere: Mapping[str, Sequence[str]] | None = None,
    with_response: bool = True,
) -> Built:
    """Examples of one source, with an account of what was left out.

    Args:
        records: All rows of the source.
        data: The recipe's data section.
        source: The source they come from.
        elsewhere: Columns of the other sources by file, to say where a missing column is.
        with_response: False for files of questions only: the examples then have no assistant turn.

    Raises:
        DataError: All wrong columns, templates and (with ``on_empty: error``) empty rows of the source.
    """
    rows = list(records)
    columns = tuple(dict.fromkeys(name for record in rows for name in record.fields))
    probe = rows[0].fields if rows else None
    builder = make_builder(
        columns, data, source, elsewhere=elsewhere, with_response=with_response, probe=probe
    )
    problems = Problems(_label(rows, source))
    examples: list[Example] = []
    dropped: dict[str, list[str]] = {}
    for record in rows:
        try:
            example = builder.example(record)
        except FieldError as error:
            if error.in_every_row:
                problems.add(f"{error}{_seen_in(error.field, elsewhere or {})}", remedy=_COLUMN_REMEDY)
                break
            problems.add(f"row {record.origin.row}: {error}", remedy=_FIELD_REMEDY)
            continue
        reason = _emptiness(example)
        if reason is None:
            examples.append(example)
        elif data.on_empty == "drop":
            dropped.setdefault(reason, []).append(str(record.origin))
        else:
            problems.add(f"row {record.origin.row}: {reason}", remedy=_EMPTY_REMEDY)
    problems.raise_if_any()
    if not examples:
        raise DataError(f"{problems.name}: no row is left, all {len(rows)} are empty", remedy=_COLUMN_REMEDY)
    drops = tuple(Drop(reason, tuple(where)) for reason, where in dropped.items())
    return Built(tuple(examples), columns, len(rows), drops)


_EMPTY_REMEDY = "fill these cells, or set data.on_empty: drop to leave the rows out (counted in the card)"
_FIELD_REMEDY = 'a field that some rows lack is written {{ name | default("") }}'


def _emptiness(example: Example) -> str | None:
    """``empty prompt``, ``empty response``, both, or None; blanks alone count as empty."""
    turns = (("prompt", "user"), ("response", "assistant"))
    names = [
        name for name, role in turns for m in example.messages if m.role == role and not m.content.strip()
    ]
    return f"empty {' and '.join(names)}" if names else None


def _label(rows: Sequence[Record], source: Source) -> str:
    sheet = rows[0].origin.sheet if rows else None
    return source.file if sheet is None else f'{source.file}, sheet "{sheet}"'


def build(records: Iterable[Record], data: DataConfig, source: Source) -> list[Example]:
    """Examples of one source; `build_source` also says what was left out."""
    return list(build_source(records, data, source).examples)
