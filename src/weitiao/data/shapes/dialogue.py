"""A dialogue as a file holds it, and the samples that are made of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol

from weitiao.data.read import FIELD_LIMIT
from weitiao.data.template import FieldError
from weitiao.types import Message, ToolCall

Fields = Mapping[str, Any]
Dialogues = Literal["rounds", "whole"]


@dataclass(frozen=True, slots=True)
class Dialogue:
    """What one row holds.

    Attributes:
        messages: All turns; ``train`` is True for every reply that may be learnt.
        tools: Schemas of functions, in OpenAI's form.
        is_round: Whether the row is one round of a dialogue whose other rounds have rows of their own: then only
            its last reply is learnt where every round is a sample.
    """

    messages: tuple[Message, ...]
    tools: tuple[Mapping[str, Any], ...] = ()
    is_round: bool = False

    @property
    def group(self) -> str:
        """What the user says: in all turns, or in the first one where the row is one round of several."""
        said = [m.content for m in self.messages if m.role == "user"]
        return said[0] if self.is_round and said else "\n".join(said)


class Shape(Protocol):
    """How rows of one kind of file are read."""

    def read(self, fields: Fields) -> Dialogue:
        """The dialogue of one row.

        Raises:
            FieldError: The row is not of this shape; says which turn.
        """
        ...


@dataclass(frozen=True, slots=True)
class Samples:
    """The samples of one dialogue.

    Attributes:
        messages: Turns of each sample.
        rounds: Number of the reply that each sample learns, from 1; 0 where it learns several.
        unused: Turns behind the last reply, which no sample holds.
    """

    messages: tuple[tuple[Message, ...], ...]
    rounds: tuple[int, ...]
    unused: int


_QUESTION_AND_REPLY = [("user", False), ("assistant", True)]


def samples_of(dialogue: Dialogue, dialogues: Dialogues) -> Samples:
    """One sample for every reply, or one for all of them.

    Replies in front of the user's first turn are context only.

    Args:
        dialogue: What a row holds.
        dialogues: ``rounds`` (each reply is learnt in a sample that ends with it) or ``whole``.

    Raises:
        FieldError: There is no reply to learn.
    """
    messages = dialogue.messages
    if dialogues == "rounds" and [(m.role, m.train) for m in messages] == _QUESTION_AND_REPLY:
        return Samples((messages,), (1,), 0)  # most rows of most files
    asked = next((k for k, m in enumerate(messages) if m.role in ("user", "tool")), len(messages))
    replies = [k for k, m in enumerate(messages) if m.role == "assistant" and m.train and k > asked]
    if dialogue.is_round and dialogues == "rounds":
        replies = [k for k in replies if k == len(messages) - 1]
    if not replies:
        raise FieldError("no reply to learn: expected a turn of the assistant behind one of the user")
    unused = len(messages) - 1 - replies[-1]
    if dialogues == "whole":
        kept = set(replies)
        whole = tuple(_learnt(m, k in kept) for k, m in enumerate(messages[: replies[-1] + 1]))
        return Samples((whole,), (0,), unused)
    rounds = tuple(tuple(_learnt(m, k == end) for k, m in enumerate(messages[: end + 1])) for end in replies)
    return Samples(rounds, tuple(range(1, len(replies) + 1)), unused)


def _learnt(message: Message, train: bool) -> Message:
    return message if message.train == train else replace(message, train=train)


def question_of(dialogue: Dialogue) -> tuple[Message, ...]:
    """The turns up to the last one that is not the assistant's, nothing of it to learn.

    Raises:
        FieldError: There is no such turn.
    """
    last = max((k for k, m in enumerate(dialogue.messages) if m.role in ("user", "tool")), default=None)
    if last is None:
        raise FieldError("no question: expected a turn of the user")
    return tuple(replace(m, train=False) for m in dialogue.messages[: last + 1])


def checked(text: str, where: str) -> str:
    """The text, if it can be stored.

    Raises:
        FieldError: It is too long, or not text.
    """
    if len(text) > FIELD_LIMIT:
        raise FieldError(f"{where}: {len(text):,} characters, the limit is {FIELD_LIMIT:,}")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise FieldError(f"{where}: half a surrogate pair, which is no character") from None
    return text


def text_at(turn: Fields, name: str, where: str) -> str:
    """A field of a turn that has to be text.

    Raises:
        FieldError: It is absent or something else.
    """
    value = turn.get(name)
    if not isinstance(value, str):
        raise FieldError(f'{where}: "{name}" {kind_of(value)}, expected text')
    return checked(value, where)


def kind_of(value: Any) -> str:
    """``is missing``, ``is a list`` ..., for errors."""
    if value is None:
        return "is missing"
    names = {
        list: "a list",
        dict: "an object",
        str: "text",
        bool: "true or false",
        int: "a number",
        float: "a number",
    }
    return f"is {names.get(type(value), type(value).__name__)}"


def parsed(value: Any, where: str) -> Any:
    """The value; what JSON text spells where it is text (tables hold lists this way).

    Raises:
        FieldError: It is text that is not JSON.
    """
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError as error:
        raise FieldError(f"{where}: expected JSON, got {value[:40]!r} ({error})") from None


def turns_of(fields: Fields, name: str) -> list[Fields]:
    """The list of turns in a column.

    Raises:
        FieldError: It is not a list of objects, or empty.
    """
    turns = parsed(fields.get(name), f'column "{name}"')
    if not isinstance(turns, list):
        raise FieldError(f'column "{name}" {kind_of(turns)}, expected a list of turns')
    if not turns:
        raise FieldError(f'column "{name}": no turns')
    for number, turn in enumerate(turns, start=1):
        if not isinstance(turn, dict):
            raise FieldError(f'column "{name}", turn {number}: {kind_of(turn)}, expected an object')
    return turns


def tools_of(value: Any, where: str = 'column "tools"') -> tuple[Mapping[str, Any], ...]:
    """Schemas of functions in OpenAI's form; bare ones (name, description, parameters) are wrapped.

    Raises:
        FieldError: It is not a list of schemas.
    """
    if value is None or value == "":
        return ()
    schemas = parsed(value, where)
    if not isinstance(schemas, list):
        raise FieldError(f"{where} {kind_of(schemas)}, expected a list of function schemas")
    tools: list[Mapping[str, Any]] = []
    for number, item in enumerate(schemas, start=1):
        schema = parsed(item, f"{where}, function {number}")
        inner = schema.get("function", schema) if isinstance(schema, dict) else None
        if not isinstance(inner, dict) or not isinstance(inner.get("name"), str):
            raise FieldError(f"{where}, function {number}: expected an object with a name")
        tools.append(schema if "function" in schema else {"type": "function", "function": schema})
    checked(json.dumps(tools, ensure_ascii=False), where)
    return tuple(tools)


def call_of(call: Any, where: str, *, arguments: Sequence[str] = ("arguments", "parameters")) -> ToolCall:
    """A function call: ``{"name": ..., "arguments": object or its JSON text}``.

    Args:
        call: The object.
        where: For errors.
        arguments: Names under which the arguments may stand.

    Raises:
        FieldError: It is something else.
    """
    if not isinstance(call, dict) or not isinstance(call.get("name"), str) or not call["name"].strip():
        raise FieldError(f"{where}: expected a function call with a name, got {json.dumps(call)[:60]}")
    given = next((call[name] for name in arguments if call.get(name) is not None), {})
    value = parsed(given, f"{where}, arguments of {call['name']}") if given != "" else {}
    if not isinstance(value, dict):
        raise FieldError(f"{where}, arguments of {call['name']}: {kind_of(value)}, expected an object")
    checked(call["name"] + json.dumps(value, ensure_ascii=False), where)
    return ToolCall(call["name"], value)


def result_of(value: Any, where: str) -> str:
    """What a function returned, as text: text as it is, anything else as JSON.

    Raises:
        FieldError: It is absent.
    """
    if value is None:
        raise FieldError(f"{where}: the function's result is missing")
    return checked(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False), where)


def history_of(value: Any, where: str) -> list[Message]:
    """Earlier rounds ``[[question, answer], ...]`` as turns.

    Raises:
        FieldError: They have another form.
    """
    rounds = parsed(value, where) if value not in (None, "") else []
    if not isinstance(rounds, list):
        raise FieldError(f"{where} {kind_of(rounds)}, expected [[question, answer], ...]")
    messages: list[Message] = []
    for number, pair in enumerate(rounds, start=1):
        if not isinstance(pair, list) or len(pair) != 2 or not all(isinstance(text, str) for text in pair):
            raise FieldError(
                f"{where}, round {number}: expected [question, answer], got {json.dumps(pair)[:60]}"
            )
        messages.append(Message("user", checked(pair[0], where)))
        messages.append(Message("assistant", checked(pair[1], where), train=True))
    return messages
