"""Any JSON value as tables for people: the data card has no fixed form that this file would have to know."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MAX_ROWS = 60
_ORDER = (
    "sources",
    "steps",
    "parts",
    "drops",
    "duplicates",
    "conflicts",
    "leaks",
    "labels",
    "lengths",
)
_CELL = 300
_HASH = re.compile("[0-9a-f]{32,128}")


@dataclass(frozen=True, slots=True)
class Cell:
    """Text of a cell; ``share`` (0 to 1) draws a bar beside it, ``full`` is what a short form stands for."""

    text: str
    numeric: bool = False
    share: float | None = None
    full: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under column heads (none: a list of names and values); ``more`` rows are not shown."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    more: int = 0


@dataclass(frozen=True, slots=True)
class Block:
    """A titled part of the card: tables and parts of its own, ``folded`` away where it is only examples."""

    title: str
    tables: tuple[Table, ...]
    blocks: tuple[Block, ...] = ()
    folded: bool = False

    @property
    def wide(self) -> bool:
        """Whether it needs the width of the page."""
        return any(len(t.columns) > 4 for t in self.tables)


def card_blocks(card: Mapping[str, Any]) -> tuple[Block, ...]:
    """The data card as titled tables: single values, known parts, the rest as it comes."""
    card = {k: v for k, v in card.items() if k != "warnings"}  # shown above all tables
    plain = {k: v for k, v in card.items() if not _nested(v)}
    blocks = [Block("Overview", (_pairs(plain),))] if plain else []
    nested = {k: v for k, v in card.items() if _nested(v)}
    order = [k for k in _ORDER if k in nested] + [k for k in nested if k not in _ORDER]
    return (*blocks, *(_block(k, nested[k]) for k in order))


def words(name: str) -> str:
    """A key as a heading.

    Example:
        >>> words("label_distribution")
        'Label distribution'
    """
    text = str(name).replace("_", " ").strip()
    return text[:1].upper() + text[1:]


def _nested(value: Any) -> bool:
    return isinstance(value, Mapping | list | tuple) and len(value) > 0


def _block(name: str, value: Any) -> Block:
    title = words(name)
    if not isinstance(value, Mapping):
        folded = name == "examples"
        return Block(f"{title} ({len(value)})" if folded else title, (_listing(value),), folded=folded)
    inner = [v for v in value.values() if _nested(v)]
    if not inner:
        return Block(title, (_pairs(value, bars=True),))
    records = len(inner) == len(value) and all(isinstance(v, Mapping) and _flat(v) for v in inner)
    if records and _same_shape(inner):
        return Block(title, (_records([{"": k, **v} for k, v in value.items()]),))
    plain = {k: v for k, v in value.items() if not _nested(v) and v not in ([], {}, ())}
    tables = (_pairs(plain),) if plain else ()
    return Block(title, tables, tuple(_block(k, v) for k, v in value.items() if _nested(v)))


def _flat(value: Mapping[str, Any]) -> bool:
    return not any(_nested(v) for v in value.values())


def _same_shape(values: Sequence[Mapping[str, Any]]) -> bool:
    keys = [set(v) for v in values]
    return len(set().union(*keys)) <= 12 and all(k & keys[0] for k in keys)


def _pairs(value: Mapping[str, Any], *, bars: bool = False) -> Table:
    """Names and values; with ``bars`` each of three or more counts gets one."""
    counts = [v for v in value.values() if isinstance(v, int) and not isinstance(v, bool) and v >= 0]
    top = max(counts, default=0) if bars and len(counts) == len(value) >= 3 else 0
    rows = [(Cell(str(k)), _cell(v, v / top if top else None)) for k, v in value.items()]
    return Table((), tuple(rows[:MAX_ROWS]), max(0, len(rows) - MAX_ROWS))


def _listing(value: Sequence[Any]) -> Table:
    if all(isinstance(v, Mapping) for v in value):
        return _records(value)
    rows = tuple((_cell(v),) for v in value[:MAX_ROWS])
    return Table((), rows, max(0, len(value) - MAX_ROWS))


def _records(value: Sequence[Mapping[str, Any]]) -> Table:
    columns = tuple(dict.fromkeys(k for row in value for k in row))
    rows = tuple(tuple(_cell(row[c]) if c in row else Cell("") for c in columns) for row in value[:MAX_ROWS])
    return Table(tuple(words(c) for c in columns), rows, max(0, len(value) - MAX_ROWS))


def _cell(value: Any, share: float | None = None) -> Cell:
    if isinstance(value, str) and _HASH.fullmatch(value):
        return Cell(f"{value[:12]}…", full=value)
    numeric = isinstance(value, int | float) and not isinstance(value, bool)
    return Cell(cell_text(value), numeric, share)


def cell_text(value: Any) -> str:
    """One value as text, a list of mappings one to a line; long texts end with an ellipsis and a length."""
    if value is None or value == [] or value == {}:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 1000 else f"{value:,.0f}"
    if isinstance(value, Mapping):
        text = " · ".join(f"{k}: {cell_text(v)}" for k, v in value.items())
    elif isinstance(value, list | tuple):
        text = ("\n" if isinstance(value[0], Mapping) else ", ").join(cell_text(v) for v in value)
    else:
        text = str(value)
    return text if len(text) <= _CELL else f"{text[:_CELL]} … ({len(text):,} characters)"
