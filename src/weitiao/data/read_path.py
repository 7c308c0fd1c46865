"""Records inside nested JSON: ``data[*].paragraphs[*].qas[*]``, and single values: ``answer.text``, ``turns[0].value``.

A path is names joined by points and places in brackets: ``[0]`` is one item, ``[*]`` each item of an array, ``.*`` each
value of an object; ``orders?`` may be missing. A record below a ``*`` also gets what its containers hold, as
``parent`` (and ``parent.parent``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from weitiao.data.problems import Problems, nearest

EACH = "*"
PARENT, KEY, VALUE = "parent", "key", "value"
Step = str | int
_STEP = re.compile(r"\.?([^.\[\]]+)|\[(\d+|\*)\]")


class Maybe(str):
    """A name that need not be there, or may be null."""


def parse_path(path: str) -> tuple[Step, ...] | None:
    """The steps of a path, None where it is none.

    Example:
        >>> parse_path("data[*].turns[0].value")
        ('data', '*', 'turns', 0, 'value')
    """
    steps: list[Step] = []
    end = 0
    while end < len(path):
        hit = _STEP.match(path, end)
        if hit is None or (end == 0 and path.startswith(".")):
            return None
        if hit[1] is not None:
            steps.append(Maybe(hit[1][:-1]) if hit[1].endswith("?") else hit[1])
        else:
            steps.append(EACH if hit[2] == EACH else int(hit[2]))
        end = hit.end()
    return tuple(steps) or None


def records_at(
    value: Any, steps: tuple[Step, ...], problems: Problems, place: str = ""
) -> Iterator[dict[str, Any]]:
    """The objects at a path, each with what its containers hold.

    A path that ends on an array gives its items. Items that are no objects become ``{"value": item}``.

    Args:
        value: The whole document, or one line of a jsonl file.
        steps: Of the path.
        problems: Where places that do not exist are noted.
        place: Of ``value``, for errors.
    """
    for item, parent, key in _walk(value, steps, None, None, problems, place):
        row = dict(item) if isinstance(item, dict) else {VALUE: item}
        extra: dict[str, Any] = {PARENT: parent} if parent else {}
        if key is not None:
            extra[KEY] = key
        clash = [name for name in extra if name in row]
        if clash:
            problems.add(
                f'{place or "the records"}: have a field "{clash[0]}" of their own, which is also the name for '
                + ("what their containers hold" if clash[0] == PARENT else "the name that they stand under"),
                remedy="rename the field in the file",
            )
            return
        yield {**row, **extra}


_Found = tuple[Any, dict[str, Any] | None, str | None]


def _walk(
    value: Any,
    steps: tuple[Step, ...],
    parent: dict[str, Any] | None,
    key: str | None,
    problems: Problems,
    place: str,
) -> Iterator[_Found]:
    if not steps:
        if isinstance(value, list):
            steps = (EACH,)
        else:
            yield value, parent, key
            return
    step, rest = steps[0], steps[1:]
    if step != EACH:
        for inner in _inside(value, step, problems, place):
            yield from _walk(inner, rest, _above(value, step, parent), None, problems, _at(place, step))
        return
    if isinstance(value, list):
        for number, item in enumerate(value):
            yield from _walk(item, rest, parent, None, problems, _at(place, number))
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from _walk(item, rest, parent, name, problems, _at(place, name))
    else:
        problems.add(
            f"{place or 'the document'}: `*` needs an array or an object, got {kind_of(value)}",
            remedy=_remedy("name"),
        )


def _inside(value: Any, step: Step, problems: Problems, place: str) -> Iterator[Any]:
    """What is at one step; nothing where that is a problem, or may be missing."""
    try:
        inner = get_step(value, step, place)
    except LookupError as error:
        if not isinstance(step, Maybe):
            problems.add(str(error.args[0]), remedy=_remedy(step))
            return
        inner = None
    if inner is None and isinstance(step, Maybe):
        problems.pass_over(f'objects without "{step}" were passed over')
    else:
        yield inner


def _remedy(step: Step) -> str:
    return f"mend `path` of the source (a name that may be missing is written `{step}?`), or these records"


def _above(value: Any, step: Step, parent: dict[str, Any] | None) -> dict[str, Any] | None:
    """What a container holds beside the step that is taken, with its own container; None where that is nothing."""
    if isinstance(value, dict):
        taken = f"{step}?" if isinstance(step, Maybe) and f"{step}?" in value else step
        held = {name: inner for name, inner in value.items() if name != taken}
    else:
        held = {str(number): inner for number, inner in enumerate(value) if number != step}
    if parent is not None:
        held[PARENT] = parent
    return held or None


def get_step(value: Any, step: Step, place: str = "") -> Any:
    """What is at one step.

    Raises:
        LookupError: There is nothing; the message names what there is.
    """
    where = place or "the document"
    if isinstance(value, Mapping):
        if isinstance(step, Maybe) and f"{step}?" in value:  # a question mark that belongs to the name
            return value[f"{step}?"]
        if str(step) in value:
            return value[str(step)]
        names = ", ".join(list(map(str, value))[:20]) or "nothing"
        raise LookupError(f'{where} has no "{step}"; it has {names}{nearest(str(step), map(str, value))}')
    if isinstance(value, list):
        number = int(step) if str(step).isdigit() else None
        if number is None:
            raise LookupError(
                f'{where} is an array of {len(value)}, which has no "{step}"; its items are `[0]`, or `[*]` for each'
            )
        if number < len(value):
            return value[number]
        raise LookupError(f"{where} has {len(value)} items, there is no [{number}]")
    raise LookupError(f'{where} is {kind_of(value)}, which has no "{step}"')


def value_at(fields: Mapping[str, Any], steps: tuple[Step, ...]) -> Any:
    """The value of a dotted column such as ``answer.text``.

    Raises:
        LookupError: The row has nothing there; the message names what there is.
    """
    value: Any = fields
    place = ""
    for step in steps:
        value = get_step(value, step, place or "this row")
        place = _at(place, step)
    return value


def _at(place: str, step: Step) -> str:
    return f"{place}[{step}]" if isinstance(step, int) else f"{place}.{step}" if place else step


def kind_of(value: Any) -> str:
    """Kind of a JSON value in words."""
    if value is None:
        return "null"
    names = {list: "an array", dict: "an object", str: "a text", bool: "true or false"}
    return names.get(type(value), "a number")
