"""Rows as items, and new texts as rows again."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from weitiao.config.augment import AugmentConfig
from weitiao.data.augment.item import Item, Variant
from weitiao.data.problems import nearest
from weitiao.data.template import to_text
from weitiao.errors import ConfigError, DataError
from weitiao.types import Record

KIND_FIELD = "augment"  # "source", or how the row was made
ROW_FIELD = "source_row"  # the row that it was made of
_ID_COLUMNS = ("id", "uuid")
_PART = re.compile(r"[,，、;；|_\s]+")
_QUOTED = re.compile(r"'([^'\n]+)'|\"([^\"\n]+)\"|“([^”]+)”")
_PROBED = 50  # rows that are searched for offsets


def text_column(config: AugmentConfig) -> str:
    """Column of a file that holds the text."""
    return config.column or "prompt"


def items_of(records: Sequence[Record], config: AugmentConfig) -> list[Item]:
    """The items of records; rows without a text have none.

    Raises:
        ConfigError: A column that the settings name is not there, or labels are needed and none is named.
        DataError: A column holds offsets into the text, which another wording would make wrong.
    """
    columns = list(dict.fromkeys(name for record in records for name in record.fields))
    _check_columns(columns, config)
    _check_offsets(records, config)
    items = []
    for record in records:
        text = to_text(record.fields.get(text_column(config)))
        if not text.strip():
            continue
        value = None if config.label is None else record.fields.get(config.label)
        label = to_text(value).strip()
        found = [*(strings(value) if not isinstance(value, str) else ())]
        found += [s for column in config.keep for s in strings(record.fields.get(column))]
        where = str(record.origin)
        items.append(Item(len(items), text, label, kept(text, [*found, *parts_of(label)]), where))
    return items


def rows_of(
    records: Sequence[Record], variants: Sequence[Variant], items: Sequence[Item], config: AugmentConfig
) -> list[dict[str, Any]]:
    """The new rows: every column of the source with the new text, or text and label alone for a text of a class.

    A column ``id`` gets a number behind the source's, so that no two rows have one id.
    """
    with_text = [record for record in records if to_text(record.fields.get(text_column(config))).strip()]
    by_item = dict(zip((item.number for item in items), with_text, strict=True))
    count: Counter[int] = Counter()
    rows = []
    for variant in variants:
        record = by_item[variant.source.number]
        count[variant.source.number] += 1
        fields = dict(record.fields)
        if variant.kind == "expand" and config.label is not None:
            fields = {config.label: record.fields.get(config.label)}
        fields = {
            name: f"{to_text(value)}-{count[variant.source.number]}" if name.lower() in _ID_COLUMNS else value
            for name, value in fields.items()
        }
        rows.append({**fields, text_column(config): variant.text, **marks(record, variant.kind)})
    return rows


def marks(record: Record, kind: str) -> dict[str, Any]:
    """The columns that say where a row comes from; split by the second one, and no wording leaks."""
    return {KIND_FIELD: kind, ROW_FIELD: record.origin.row}


def _check_columns(columns: Sequence[str], config: AugmentConfig) -> None:
    problems = [
        f'there is no column "{name}"{nearest(name, columns)}'
        for name in (text_column(config), *([config.label] if config.label else []), *config.keep)
        if name not in columns
    ]
    problems += [
        f'the column "{name}" is there already: this file is the output of an augmentation'
        for name in (KIND_FIELD, ROW_FIELD)
        if name in columns
    ]
    if problems:
        raise ConfigError(
            f"{'; '.join(problems)}. Columns: {', '.join(columns)}",
            remedy="name the columns with --column, --label and --keep",
        )
    if config.label is None and (config.target_per_class is not None or config.filter.verify):
        raise ConfigError(
            "--target-per-class and --verify need to know the label of each row",
            remedy="name its column with --label",
        )


def _check_offsets(records: Sequence[Record], config: AugmentConfig) -> None:
    """Labels such as {entity: [[3, 6]]} point into the text."""
    for record in records[:_PROBED]:
        text = to_text(record.fields.get(text_column(config)))
        for name, value in record.fields.items():
            if name != text_column(config) and _offsets_into(value, text):
                raise DataError(
                    f'{record.origin}: column "{name}" holds offsets into the text, wrong in a new wording',
                    remedy="write the entities as text instead of offsets, and name that column with --keep",
                )


def _offsets_into(value: Any, text: str) -> bool:
    """Whether a value holds, below a string that stands in the text, pairs that cut that string out of it."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            pairs = inner if isinstance(inner, list) else []
            for pair in pairs:
                is_pair = isinstance(pair, list) and len(pair) == 2 and all(type(n) is int for n in pair)
                if is_pair and str(key) in (text[pair[0] : pair[1]], text[pair[0] : pair[1] + 1]):
                    return True
        begin, end = (next((value[k] for k in names if k in value), None) for names in (_BEGINS, _ENDS))
        if type(begin) is int and type(end) is int and 0 <= begin <= end <= len(text):
            return True
        return any(_offsets_into(inner, text) for inner in value.values())
    return isinstance(value, list) and any(_offsets_into(inner, text) for inner in value)


_BEGINS = ("start", "begin", "start_offset", "start_idx")
_ENDS = ("end", "end_offset", "end_idx")


def strings(value: Any) -> Iterator[str]:
    """All texts inside a value, the names of an object too (CLUENER writes entities there)."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield str(name)
            yield from strings(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from strings(inner)
    else:
        yield to_text(value)


def parts_of(label: str) -> list[str]:
    """Parts of an answer that a text may hold: keywords of a list, quoted values of a statement."""
    quoted = [next(filter(None, match.groups())) for match in _QUOTED.finditer(label)]
    return [*_PART.split(label), *quoted]


def kept(text: str, found: Sequence[str]) -> tuple[str, ...]:
    """Those of two characters or more that stand in the text, each once; a word of Latin letters only whole."""
    return tuple(dict.fromkeys(s for s in map(str.strip, found) if len(s) > 1 and _stands_in(s, text)))


def _stands_in(part: str, text: str) -> bool:
    if part.isascii():
        return re.search(rf"(?<![A-Za-z0-9]){re.escape(part)}(?![A-Za-z0-9])", text) is not None
    return part in text
