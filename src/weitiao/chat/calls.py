"""Function calls as text, in the shapes that models write, and read back.

A shape is a pair of functions, ``write`` and ``parse``, with ``parse(write(reply)) == reply``. A call that is
begun but cannot be read is no exception: models write such things. It comes back as a `Reply` with a `problem`.
"""

from __future__ import annotations

import ast
import json
import keyword
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from weitiao.errors import FormatError
from weitiao.types import Reply, ToolCall

NAME = r"[\w.\-]+"
"""What a function may be called: letters of any script, digits, ``_``, ``.`` and ``-``."""

_PYTHON_OPENING = "```python\n"
_PYTHON_CLOSING = "\n```"
_PYTHON_FUNCTION = "tool_call"


class Malformed(ValueError):
    """A call that cannot be read; the message says why."""


@dataclass(frozen=True, slots=True)
class Shape:
    """One way to write calls.

    Attributes:
        name: Of the shape.
        write: A reply as text.
        parse: A text as reply, never an exception; the text itself is the content where no call is begun.
    """

    name: str
    write: Callable[[Reply], str]
    parse: Callable[[str], Reply]


def check_calls(calls: Sequence[ToolCall]) -> None:
    """Refuse calls that cannot be written.

    Raises:
        FormatError: A name with other characters than `NAME`, or arguments that are not JSON.
    """
    for call in calls:
        if not re.fullmatch(NAME, call.name):
            raise FormatError(
                f"expected the name of a function (letters, digits, `_`, `.`, `-`), got {call.name!r}"
            )
        try:
            back = json.loads(json_text(dict(call.arguments)))
        except (TypeError, ValueError, RecursionError) as error:
            raise FormatError(f"the arguments of {call.name} are no JSON: {error}") from error
        if back != dict(call.arguments):
            raise FormatError(
                f"the arguments of {call.name} change when they are written as JSON: {dict(call.arguments)!r} "
                f"comes back as {back!r}"
            )


def json_text(value: Any) -> str:
    """JSON on one line, characters as they are."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def read_object(text: str, start: int = 0) -> tuple[dict[str, Any], int]:
    """A JSON object at a place of a text, and the place behind it.

    Raises:
        Malformed: There is none.
    """
    decoder = json.JSONDecoder(parse_constant=_no_constant)
    try:
        value, end = decoder.raw_decode(text, start)
    except (ValueError, RecursionError) as error:
        raise Malformed(f"the arguments are no JSON ({error})") from error
    if not isinstance(value, dict):
        raise Malformed(f"expected a JSON object, got {type(value).__name__}")
    return value, end


def call_of(value: Any, arguments: str = "arguments") -> ToolCall:
    """``{"name": ..., "arguments": {...}}`` as a call; arguments may also be JSON in a string.

    Raises:
        Malformed: It has another shape.
    """
    if not isinstance(value, Mapping) or not isinstance(value.get("name"), str):
        raise Malformed('the call has no "name"')
    given = value.get(arguments, {})
    if isinstance(given, str):
        given, end = read_object(given)
        if value[arguments][end:].strip():
            raise Malformed(f'text behind the JSON of "{arguments}"')
    if not isinstance(given, Mapping):
        raise Malformed(f'"{arguments}" is no JSON object')
    return ToolCall(_checked_name(value["name"]), dict(given))


class _Lines:
    """Calls as ``prefix{json}``; see `lines_shape`."""

    def __init__(self, prefix: str, separator: str) -> None:
        self._prefix, self._separator = prefix, separator
        self._named = "{name}" in prefix
        pattern = re.escape(prefix).replace(re.escape("{name}"), f"(?P<name>{NAME})")
        self._head = re.compile(pattern + r"(?=\{)")

    def write(self, reply: Reply) -> str:
        calls = [self._write_call(call) for call in reply.tool_calls]
        return self._separator.join([*([reply.content] if reply.content else []), *calls])

    def parse(self, text: str) -> Reply:
        problem = None
        for match in self._head.finditer(text):
            start = match.start()
            if start and not (self._separator and text.endswith(self._separator, 0, start)):
                continue
            try:
                calls = self._read(text, start)
            except Malformed as error:
                problem = str(error) if start == 0 else problem
                continue
            return Reply(text[: max(start - len(self._separator), 0)], calls)
        return Reply(text, problem=problem)

    def _write_call(self, call: ToolCall) -> str:
        if self._named:
            return self._prefix.replace("{name}", call.name) + json_text(dict(call.arguments))
        return self._prefix + json_text(call.as_dict())

    def _read(self, text: str, start: int) -> tuple[ToolCall, ...]:
        """All calls from a place to the end of the text."""
        calls: list[ToolCall] = []
        while True:
            match = self._head.match(text, start)
            if match is None:
                raise Malformed(f"expected a call, got {text[start : start + 40]!r}")
            value, end = read_object(text, match.end())
            calls.append(ToolCall(match["name"], value) if self._named else call_of(value))
            if not text[end:].strip():
                return tuple(calls)
            if not text.startswith(self._separator, end):
                raise Malformed(f"text behind the arguments: {text[end : end + 40]!r}")
            start = end + len(self._separator)


def lines_shape(name: str, prefix: str, separator: str) -> Shape:
    """Calls as ``prefix{json}``, one behind the other, after the content.

    Args:
        name: Of the shape.
        prefix: Text in front of the JSON. With ``{name}`` in it the JSON is that of the arguments, else it is
            ``{"name": ..., "arguments": ...}``.
        separator: Text between content and calls, and between calls.
    """
    lines = _Lines(prefix, separator)
    return Shape(name, lines.write, lines.parse)


NAMED = lines_shape("named", "{name}\n", "\n")
"""The name on a line of its own, then the JSON of the arguments: GLM-4's shape, and ChatGLM's plain variant."""


def write_python(call: ToolCall) -> str:
    """ChatGLM3's code block ``tool_call(k='v')``; the name of the function stands in front of it elsewhere."""
    arguments = dict(call.arguments)
    if all(_is_keyword(k) for k in arguments):
        inner = ", ".join(f"{k}={v!r}" for k, v in arguments.items())
    else:
        inner = f"**{arguments!r}"
    return f"{_PYTHON_OPENING}{_PYTHON_FUNCTION}({inner}){_PYTHON_CLOSING}"


def read_python(text: str, start: int = 0) -> tuple[dict[str, Any], int]:
    """Arguments of a code block made by `write_python`, and the place behind it. Nothing of it is run.

    Raises:
        Malformed: There is no such block.
    """
    begin = start + len(_PYTHON_OPENING)
    end = text.find(_PYTHON_CLOSING, begin - 1)  # no line end can stand in the literals
    if not text.startswith(_PYTHON_OPENING, start) or end < 0:
        raise Malformed("the code block of the call is not closed")
    try:
        tree = ast.parse(text[begin:end].strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise Malformed(f"the call is no Python expression ({error})") from error
    if not isinstance(tree, ast.Call) or not isinstance(tree.func, ast.Name):
        raise Malformed(f"expected {_PYTHON_FUNCTION}(...), got another expression")
    if tree.func.id != _PYTHON_FUNCTION or tree.args:
        raise Malformed(f"expected {_PYTHON_FUNCTION}(name=value, ...)")
    arguments: dict[str, Any] = {}
    for item in tree.keywords:
        try:
            value = ast.literal_eval(item.value)
        except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError) as error:
            raise Malformed("an argument is no literal value") from error
        more = value if item.arg is None else {item.arg: value}
        if not isinstance(more, dict) or not _is_json(more) or set(more) & set(arguments):
            raise Malformed("an argument is given twice, or is no JSON value")
        arguments |= more
    return arguments, end + len(_PYTHON_CLOSING)


def begins_python(text: str, start: int) -> bool:
    """Whether the code block of a call begins at a place of a text."""
    return text.startswith(_PYTHON_OPENING + _PYTHON_FUNCTION, start)


def _is_keyword(name: str) -> bool:
    """Whether Python reads a name back as it is: it normalises identifiers."""
    return name.isidentifier() and not keyword.iskeyword(name) and unicodedata.normalize("NFKC", name) == name


def _is_json(value: Any) -> bool:
    if isinstance(value, dict):
        return all(isinstance(k, str) and _is_json(v) for k, v in value.items())
    if isinstance(value, list):
        return all(map(_is_json, value))
    if isinstance(value, float):
        return value - value == 0  # neither infinite nor NaN
    return value is None or isinstance(value, str | bool | int)


def _no_constant(text: str) -> Any:
    raise ValueError(f"{text} is no JSON")


def _checked_name(name: str) -> str:
    if not re.fullmatch(NAME, name):
        raise Malformed(f"{name!r} is no name of a function")
    return name


def _write_hermes(reply: Reply) -> str:
    blocks = [f"<tool_call>\n{json_text(c.as_dict())}\n</tool_call>" for c in reply.tool_calls]
    return "\n".join([*([reply.content] if reply.content else []), *blocks])


def _parse_hermes(text: str) -> Reply:
    opening, closing = "<tool_call>", "</tool_call>"
    start = text.find(opening)
    if start < 0:
        return Reply(text)
    content, calls = text[:start].removesuffix("\n"), []
    position = start
    try:
        while text.startswith(opening, position):
            position = _skip(text, position + len(opening))
            value, position = read_object(text, position)
            calls.append(call_of(value))
            position = _skip(text, position)
            if not text.startswith(closing, position):
                raise Malformed(f"the call does not end with {closing}")
            position = _skip(text, position + len(closing))
        if position < len(text):
            raise Malformed(f"text behind the calls: {text[position : position + 40]!r}")
    except Malformed as error:
        return Reply(text, problem=str(error))
    return Reply(content, tuple(calls))


def _write_llama(reply: Reply) -> str:
    calls = [json_text({"name": c.name, "parameters": dict(c.arguments)}) for c in reply.tool_calls]
    return "; ".join(calls) if calls else reply.content


def _parse_llama(text: str) -> Reply:
    stripped = text.strip()
    begun = stripped.startswith("<|python_tag|>")
    position = _skip(stripped, len("<|python_tag|>")) if begun else 0
    if not begun and not re.match(r'\{\s*"(?:name|type)"\s*:', stripped):
        return Reply(text)
    calls = []
    try:
        while True:
            value, position = read_object(stripped, position)
            key = "parameters" if "parameters" in value else "arguments"
            if key not in value:
                if begun or calls:
                    raise Malformed('the call has no "parameters"')
                return Reply(text)  # an answer that is JSON
            calls.append(call_of(value, key))
            position = _skip(stripped, position)
            if position == len(stripped):
                return Reply("", tuple(calls))
            if stripped[position] != ";":
                raise Malformed(f"text behind the call: {stripped[position : position + 40]!r}")
            position = _skip(stripped, position + 1)
    except Malformed as error:
        return Reply(text, problem=str(error))


def _write_mistral(reply: Reply) -> str:
    calls = "[TOOL_CALLS] " + json_text([c.as_dict() for c in reply.tool_calls]) if reply.tool_calls else ""
    return reply.content + calls


def _parse_mistral(text: str) -> Reply:
    mark = "[TOOL_CALLS]"
    start = text.find(mark)
    if start < 0:
        return Reply(text)
    rest = text[start + len(mark) :].strip()
    try:
        value = json.loads(rest, parse_constant=_no_constant)
        if not isinstance(value, list) or not value:
            raise Malformed("expected a list of calls")
        return Reply(text[:start], tuple(call_of(v) for v in value))
    except (ValueError, RecursionError) as error:
        return Reply(
            text, problem=str(error) if isinstance(error, Malformed) else f"the calls are no JSON ({error})"
        )


def _skip(text: str, position: int) -> int:
    """The place behind white space."""
    while position < len(text) and text[position].isspace():
        position += 1
    return position


SHAPES: tuple[Shape, ...] = (
    Shape("hermes", _write_hermes, _parse_hermes),
    Shape("mistral", _write_mistral, _parse_mistral),
    Shape("llama3", _write_llama, _parse_llama),
    NAMED,
)
"""The shapes that chat templates write, see `weitiao.chat.template`."""
