"""``weitiao data diff``: two versions of a data set."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from weitiao.cli import shell
from weitiao.cli.options import AsJson

if TYPE_CHECKING:
    from weitiao.data.diff import Difference

_LONG = 200  # characters of two values, from which only their difference is shown
_Version = "Dataset folder, run folder, or recipe."


def diff(
    context: typer.Context,
    before: Annotated[Path, typer.Argument(metavar="A", help=_Version)],
    after: Annotated[Path, typer.Argument(metavar="B", help=_Version)],
    number: Annotated[int, typer.Option("-n", min=0, help="Rows shown of each kind.")] = 5,
    as_json: AsJson = False,
) -> None:
    """Compare two versions of a data set: rows added, removed, moved, with other answers; steps and seeds."""
    from weitiao.data.diff import difference
    from weitiao.data.find import find_dataset

    with shell.of(context).progress().status("comparing"):
        found = difference(find_dataset(before), find_dataset(after))
    if as_json:
        shell.print_json(found.as_dict())
        return
    for line in _lines(found, number):
        shell.output().print(line, soft_wrap=True, highlight=False, markup=False)


def _lines(found: Difference, number: int) -> list[str]:
    from weitiao.data.diff import Row, short, short_pair

    if found.is_empty:
        return [f"no difference: {found.same:,} rows, the same sources and steps"]
    groups: list[tuple[str, list[str]]] = []

    def where(row: Row) -> str:
        return f"{row.part}  {row.example.origin or row.example.id}"

    def asked(row: Row) -> str:
        return short(row.example.prompt[-1].content if row.example.prompt else "")

    for title, rows in (("added", found.added), ("removed", found.removed)):
        groups.append((title, [f"{where(row)}: {asked(row)}" for row in rows]))
    groups.append(
        (
            "moved",
            [
                f"{p.before.part} -> {p.after.part}  {p.after.example.origin}: {asked(p.after)}"
                for p in found.moved
            ],
        )
    )
    groups.append(("with another answer", [f"{_parts(p)}{_answers(p)}" for p in found.answers]))
    groups.append(
        (
            "with another prompt",
            [f"{_parts(p)}{'  ->  '.join(short_pair(*_asked(p)))}" for p in found.prompts],
        )
    )
    counts = ", ".join(f"{len(lines):,} {title}" for title, lines in groups)
    written = [f"{found.same:,} rows are the same, {counts}"]
    for title, lines in groups:
        written += _group(title, lines, number)
    for title, changes in found.card.items():
        written += _group(title, [_change(change) for change in changes], max(number, 10))
    return written


def _asked(pair: Any) -> list[str]:
    rows = (pair.before.example, pair.after.example)
    return [example.prompt[-1].content if example.prompt else "" for example in rows]


def _group(title: str, lines: list[str], number: int) -> list[str]:
    if not lines or not number:
        return []
    more = [f"  ... and {len(lines) - number:,} more, see --json"] if len(lines) > number else []
    return ["", f"{title}:", *(f"  {line}" for line in lines[:number]), *more]


def _parts(pair: Any) -> str:
    parts = pair.before.part if not pair.moved else f"{pair.before.part} -> {pair.after.part}"
    return f"{parts}  {pair.after.example.origin or pair.after.example.id}: "


def _answers(pair: Any) -> str:
    from weitiao.data.card import said
    from weitiao.data.diff import short

    asked = short(pair.after.example.prompt[-1].content if pair.after.example.prompt else "")
    old, new = said(pair.before.example), said(pair.after.example)
    changed = (
        f"{short(old)!r} -> {short(new)!r}" if old != new else "the same answer, but other turns are learnt"
    )
    return f"{asked}\n      {changed}"


def _change(change: dict[str, Any]) -> str:
    from weitiao.data.diff import short_pair

    sides = ["none" if change[side] is None else str(change[side]) for side in ("before", "after")]
    return f"{change['what']}: {' -> '.join(short_pair(*sides) if len(''.join(sides)) > _LONG else sides)}"
