"""From the fields of a record to a text: a column, or a sandboxed jinja2 template over the columns.

Inside a template every column is a variable, and ``row`` is the whole record (``{{ row["my column"] }}`` for
names that are no identifiers). Values print as they do in a plain column, see `to_text`. What a nested column holds
is reached by its path, in a template (``{{ answer.text }}``) and as a column (``answer.text``, ``turns[0].value``).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jinja2
from jinja2 import meta
from jinja2.sandbox import ImmutableSandboxedEnvironment

from weitiao.data.problems import nearest
from weitiao.data.read_path import EACH, Step, parse_path, value_at

Fields = Mapping[str, Any]
_COLUMNS_SHOWN = 50


class FieldError(Exception):
    """A template or column does not work; the message has no place in it yet.

    Args:
        message: What is wrong.
        in_every_row: True when it is the recipe that is wrong, not this row.
        field: The field that no row has, where that is the reason.
    """

    def __init__(self, message: str, *, in_every_row: bool = False, field: str | None = None) -> None:
        super().__init__(message)
        self.in_every_row = in_every_row
        self.field = field


def to_text(value: Any) -> str:
    """A value as text: nothing for None and NaN, ``3`` for 3.0, JSON for lists and objects, else ``str``."""
    if isinstance(value, str):
        return value
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    return str(value)


def _finalize(value: Any) -> Any:
    return value if isinstance(value, jinja2.Undefined) else to_text(value)


class _Environment(ImmutableSandboxedEnvironment):
    """In which ``answer.items`` is the field of that name, not the method of dict, where there is such a field."""

    def getattr(self, obj: Any, attribute: str) -> Any:
        if isinstance(obj, Mapping) and attribute in obj:
            return obj[attribute]
        return super().getattr(obj, attribute)


class _Undefined(jinja2.ChainableUndefined, jinja2.StrictUndefined):
    """Nothing can be done with it, as ever, but ``default`` takes its place at the end of a path too."""

    __slots__ = ()


ENVIRONMENT = _Environment(
    undefined=_Undefined, finalize=_finalize, keep_trailing_newline=True, autoescape=False
)


@dataclass(frozen=True)
class Expression:
    """What a recipe says a text is made of.

    Attributes:
        name: Its place in the recipe, for errors.
        spec: As it stands in the recipe.
        kind: ``column``, ``template`` or ``text``.
        text_of: The text for the fields of one record; raises `FieldError`.
    """

    name: str
    spec: str
    kind: str
    text_of: Callable[[Fields], str]


def is_template(spec: str) -> bool:
    """Whether it holds a jinja2 expression or statement."""
    return "{{" in spec or "{%" in spec


def compile_expression(
    spec: str, *, name: str, columns: Sequence[str], plain_text: bool = False
) -> Expression:
    """Make an `Expression`.

    Args:
        spec: A column (exact match), a path into a nested column, a template, or with ``plain_text`` any other text.
        name: Place in the recipe, for errors.
        columns: The columns there are.
        plain_text: Whether a text that is neither stands for itself.

    Raises:
        FieldError: Neither a column nor a template, or a template that does not parse.
    """
    if spec in columns:
        return Expression(name, spec, "column", lambda fields: to_text(fields.get(spec)))
    if is_template(spec):
        return Expression(name, spec, "template", _compile_template(spec, name, columns))
    steps = nested_steps(spec, columns)
    if steps is not None:
        return Expression(name, spec, "column", lambda fields: _nested_text(fields, steps, name, spec))
    if plain_text:
        return Expression(name, spec, "text", lambda fields: spec)
    raise FieldError(
        f'{name}: "{spec}" is no column and no template; columns: {listed(columns)}{nearest(spec, columns)}',
        in_every_row=True,
        field=spec,
    )


def nested_steps(spec: str, columns: Sequence[str]) -> tuple[Step, ...] | None:
    """The steps of a path that begins with a column, such as ``answer.text``; None where it is none."""
    steps = parse_path(spec)
    if steps is None or len(steps) < 2 or EACH in steps:
        return None
    return steps if steps[0] in columns else None


def _nested_text(fields: Fields, steps: tuple[Step, ...], name: str, spec: str) -> str:
    try:
        return to_text(value_at(fields, steps))
    except LookupError as error:
        raise FieldError(f'{name}: "{spec}": {error.args[0]}') from error


def _compile_template(spec: str, name: str, columns: Sequence[str]) -> Callable[[Fields], str]:
    try:
        names = meta.find_undeclared_variables(ENVIRONMENT.parse(spec))
        template = ENVIRONMENT.from_string(spec)
        template.globals = dict(template.globals)  # a chain of maps is looked through for every row
    except jinja2.TemplateError as error:
        line = getattr(error, "lineno", 1)
        raise FieldError(
            f"{name}: the template does not parse: {error.message} (line {line} of {_short(spec)})"
            f"{_by_row(spec, columns)}",
            in_every_row=True,
        ) from error
    asked = sorted(names - set(ENVIRONMENT.globals) - {"row"})

    def render(fields: Fields) -> str:
        values = {key: _printable(value) for key, value in fields.items()}
        try:
            return template.render({"row": values, **values})
        except jinja2.UndefinedError as error:
            missing = [field for field in asked if field not in fields]
            raise _unknown(name, spec, missing, columns, str(error)) from error
        except Exception as error:  # a template can fail in any way that Python can
            raise FieldError(f"{name}: {type(error).__name__}: {error} in {_short(spec)}") from error

    return render


def _unknown(name: str, spec: str, missing: Sequence[str], columns: Sequence[str], why: str) -> FieldError:
    nowhere = [field for field in missing if field not in columns]
    if nowhere:
        field = nowhere[0]
        return FieldError(
            f'{name}: template {_short(spec)} names the unknown field "{field}"; '
            f"columns: {listed(columns)}{_by_row(spec, columns) or nearest(field, columns)}",
            in_every_row=True,
            field=field,
        )
    if missing:
        return FieldError(f'{name}: this row has no field "{missing[0]}", which the template asks for')
    return FieldError(f"{name}: {why} in {_short(spec)}")


def _by_row(spec: str, columns: Sequence[str]) -> str:
    """How a column is written whose name is no identifier, where an expression of the template has that name."""
    inside = "".join(re.findall(r"{[{%].*?[%}]}", spec, re.DOTALL))
    meant = [column for column in columns if column in inside and not column.isidentifier()]
    return f'; a column of such a name is written {{{{ row["{meant[0]}"] }}}}' if meant else ""


def _printable(value: Any) -> Any:
    """The form in which a template computes with a value: empty text for None and NaN, 3 for 3.0."""
    if value is None or isinstance(value, float):
        text = to_text(value)
        return int(text) if isinstance(value, float) and value.is_integer() else (value if text else "")
    return value


def listed(columns: Sequence[str]) -> str:
    """Columns for a message: the first fifty."""
    shown = ", ".join(columns[:_COLUMNS_SHOWN])
    return shown if len(columns) <= _COLUMNS_SHOWN else f"{shown}, ... ({len(columns)} in all)"


def _short(spec: str) -> str:
    one_line = spec.replace("\n", "\\n")
    return repr(one_line if len(one_line) <= 60 else one_line[:57] + "...")
