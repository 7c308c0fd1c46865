"""How one row becomes examples: its turns by its shape, then one sample for each reply or one for all."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from weitiao.config import DataConfig, Source, TemplateRef
from weitiao.config.split import CLASS_FIELD, NO_GROUP_FIELD, TIME_FIELD
from weitiao.config.steps import FIELDS, step_columns
from weitiao.data.problems import Problems, nearest
from weitiao.data.shapes import (
    SHAPES,
    Dialogue,
    Dialogues,
    Samples,
    Shape,
    checked,
    find_shape,
    history_of,
    question_of,
    samples_of,
)
from weitiao.data.shapes.dataset_info import Entry
from weitiao.data.template import Expression, FieldError, compile_expression, is_template, listed, to_text
from weitiao.data.templates import spec_text
from weitiao.errors import DataError
from weitiao.types import Example, Message, Record, content_id

_ID_COLUMNS = ("id", "uuid")  # in any case
TASK = "task"
"""Key of `Example.meta` for the task that its source names."""


@dataclass(frozen=True)
class PromptResponse:
    """The shape of rows with a prompt and a response, from columns or templates.

    Attributes:
        prompt: Makes the user turn.
        response: Makes the assistant turn; None where there are only questions.
        history: Column of earlier rounds, None where there are none.
    """

    prompt: Expression
    response: Expression | None = None
    history: str | None = None

    def read(self, fields: Mapping[str, Any]) -> Dialogue:
        """The turns of one row."""
        messages: list[Message] = []
        if self.history is not None:
            messages += history_of(fields.get(self.history), f'column "{self.history}"')
        messages.append(Message("user", _text(self.prompt, fields)))
        if self.response is not None:
            messages.append(Message("assistant", _text(self.response, fields), train=True))
        return Dialogue(tuple(messages), is_round=self.history is not None)


@dataclass(frozen=True)
class Builder:
    """How the rows of one source become examples.

    Attributes:
        shape: Reads the turns of a row.
        system: Makes the system turn of a row without one; none where it is None or gives an empty text.
        group: Makes the group value; where it is empty the rounds of a dialogue are a group, other rows have none.
        id_column: The user's own id.
        dialogues: One sample for each reply, or one for all.
        tools: Functions for rows that bring none.
        with_response: False: one example a row, up to the last question.
        carried: Values that travel with the example to the steps that need them, by how the steps name them.
        task: Of the source, where it has a name.
        placed: What the split asks for beside the group: the time and the class of a row.
    """

    shape: Shape
    system: Expression | None = None
    group: Expression | None = None
    id_column: str | None = None
    dialogues: Dialogues = "rounds"
    tools: tuple[Mapping[str, Any], ...] = ()
    with_response: bool = True
    carried: tuple[Expression, ...] = ()
    task: str | None = None
    placed: Mapping[str, Expression] = field(default_factory=dict)

    def examples(self, record: Record) -> tuple[list[Example], int]:
        """The examples of one record, and how many turns behind its last reply none of them holds.

        Raises:
            FieldError: A template fails on this record, or the record is not of this shape.
        """
        dialogue = self._with_system(self.shape.read(record.fields), record.fields)
        samples = (
            samples_of(dialogue, self.dialogues)
            if self.with_response
            else Samples((question_of(dialogue),), (0,), 0)
        )
        several = len(samples.messages) > 1
        meta = self._meta(record.fields)
        group = dialogue.group if several or dialogue.is_round else ""
        if self.group is not None:
            own = _text(self.group, record.fields)
            if own.strip():
                group = own
            else:  # the rounds of a dialogue stay together all the same
                meta[FIELDS] = {**meta.get(FIELDS, {}), NO_GROUP_FIELD: ""}
        tools = dialogue.tools or self.tools
        made = [
            Example(
                content_id(messages, tools),
                messages,
                group,
                record.origin,
                {**meta, "round": number} if several else meta,
                tools,
            )
            for messages, number in zip(samples.messages, samples.rounds, strict=True)
        ]
        return made, samples.unused

    def _with_system(self, dialogue: Dialogue, fields: Mapping[str, Any]) -> Dialogue:
        if self.system is None or dialogue.messages[0].role == "system":
            return dialogue
        system = _text(self.system, fields)
        return (
            replace(dialogue, messages=(Message("system", system), *dialogue.messages))
            if system
            else dialogue
        )

    def _meta(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        values = {expression.spec: expression.text_of(fields) for expression in self.carried}
        values.update({name: _text(expression, fields) for name, expression in self.placed.items()})
        meta: dict[str, Any] = {FIELDS: values} if values else {}
        if self.task is not None:
            meta[TASK] = self.task
        value = fields.get(self.id_column) if self.id_column is not None else None
        if value is not None:
            meta["id"] = value if isinstance(value, int | str) else to_text(value)
        return meta


def _text(expression: Expression, fields: Mapping[str, Any]) -> str:
    return checked(expression.text_of(fields), expression.name)


def make_builder(
    columns: Sequence[str],
    data: DataConfig,
    source: Source,
    *,
    elsewhere: Mapping[str, Sequence[str]] | None = None,
    with_response: bool = True,
    probe: Mapping[str, Any] | None = None,
    shape: Shape | None = None,
    tools: Sequence[Mapping[str, Any]] = (),
) -> Builder:
    """The builder of a source: its own ``prompt``, ``response``, ``system``, else those of ``data``.

    Args:
        columns: Field names of the source.
        data: The recipe's data section.
        source: The source.
        elsewhere: Columns of the other sources by file, to say where a missing column is.
        with_response: False for files of questions only.
        probe: Fields of one record; templates are tried on it, so that all unknown fields are found together.
        shape: How rows are read; None for prompt and response.
        tools: Functions for rows that bring none of their own.

    Raises:
        DataError: Columns or templates that do not fit, all of them in one error.
    """
    place = source.file if source.sheet is None else f'{source.file}, sheet "{source.sheet}"'
    problems = Problems(place)

    def expression(
        key: str, given: str | TemplateRef | None, *, plain_text: bool = False
    ) -> Expression | None:
        if given is None:
            return None
        made, spec = None, spec_text(given, key)
        try:
            made = compile_expression(spec, name=key, columns=columns, plain_text=plain_text)
            if probe is not None:
                made.text_of(probe)
        except FieldError as error:
            if error.in_every_row:  # what is wrong with the probe alone comes up again with its row
                remedy = _split_remedy(key)
                seen = "" if remedy else seen_in(error.field, elsewhere or {})
                problems.add(f"{error}{seen}", remedy=remedy or COLUMN_REMEDY)
        return made

    system = expression("system", source.system or data.system, plain_text=True)
    if shape is None:
        prompt = expression("prompt", source.prompt or data.prompt)
        response = expression("response", source.response or data.response) if with_response else None
        history = _history_column(data, columns, probe or {}, problems)
        if prompt is None and not problems:  # only with an empty name, which no column has
            problems.add("prompt is empty", remedy=COLUMN_REMEDY)
        shape = None if prompt is None else PromptResponse(prompt, response, history)
    asked = _asked_by_split(data, source, expression, OWN_KEYS if with_response else OWN_KEYS[:1])
    fields = {TIME_FIELD: asked.get("time"), CLASS_FIELD: asked.get("stratify")}
    placed = {name: made for name, made in fields.items() if made is not None}
    carried = _carried(data, columns, problems) if with_response else ()
    problems.raise_if_any()
    assert shape is not None
    names = {column.lower(): column for column in reversed(columns)}
    id_column = next((names[name] for name in _ID_COLUMNS if name in names), None)
    task = source.task if with_response else None
    return Builder(
        shape,
        system,
        asked.get("group"),
        id_column,
        data.dialogues,
        tuple(tools),
        with_response,
        carried,
        task,
        placed,
    )


def _asked_by_split(
    data: DataConfig,
    source: Source,
    expression: Callable[[str, str | None], Expression | None],
    keys: Sequence[str],
) -> dict[str, Expression | None]:
    """What the split asks of the rows of a source: as the source says, else as ``data.split`` does."""
    if not data.sources:
        return {}
    return {
        key: expression(f"split.{key}", getattr(data.split, key)) if own is None else expression(key, own)
        for key, own in ((key, getattr(source, key)) for key in keys)
    }


def _carried(data: DataConfig, columns: Sequence[str], problems: Problems) -> tuple[Expression, ...]:
    """The columns, or templates over them, that the steps need."""
    found: list[Expression] = []
    for spec in dict.fromkeys(spec for step in data.steps for spec in step_columns(step)):
        if spec not in columns and not is_template(spec):
            problems.add(
                f'data.steps: "{spec}" is no column; columns: {listed(columns)}{nearest(spec, columns)}',
                remedy="name a column of every file in the step, or leave the key out",
            )
            continue
        try:
            found.append(compile_expression(spec, name="data.steps", columns=columns))
        except FieldError as error:
            problems.add(str(error), remedy=COLUMN_REMEDY)
    return tuple(found)


def _history_column(
    data: DataConfig, columns: Sequence[str], probe: Mapping[str, Any], problems: Problems
) -> str | None:
    """The column of earlier rounds: the one that the recipe names, or ``history`` where it holds lists."""
    if data.history is None:
        return "history" if isinstance(probe.get("history"), list) else None
    if data.history not in columns:
        problems.add(
            f'history: "{data.history}" is no column{nearest(data.history, columns)}',
            remedy="set data.history to the column of earlier rounds, or leave it out",
        )
    return data.history


def shape_of(
    data: DataConfig, source: Source, fields: Mapping[str, Any], entry: Entry | None = None
) -> tuple[str, Shape | None]:
    """Name of a source's shape, and how its rows are read (None for prompt and response).

    Args:
        data: The recipe's data section.
        source: The source.
        fields: Of its first row.
        entry: What a ``dataset_info.json`` says about it.

    Raises:
        DataError: ``prompt`` or ``response`` are set for a shape that has none.
    """
    wanted = source.shape or data.shape
    own = columns_set(data, source)
    if entry is not None and wanted == "auto" and not own:
        return entry.formatting, entry.shape()
    if entry is not None and wanted not in ("auto", entry.formatting):
        raise DataError(
            f"{source.file}: data.shape is {wanted}, dataset_info.json says {entry.formatting}",
            remedy="take one of them out",
        )
    if wanted == "auto" and entry is None:
        wanted = "prompt_response" if own else find_shape(fields)
    if wanted == "prompt_response" and entry is None:
        return wanted, None
    if own:
        name = wanted if entry is None else entry.formatting
        raise DataError(
            f"{source.file}: {' and '.join(own)} set, but rows of the shape {name} say themselves who says what",
            remedy="take them out, or set data.shape: prompt_response",
        )
    return (entry.formatting, entry.shape()) if entry is not None else (wanted, SHAPES[wanted]())


def columns_set(data: DataConfig, source: Source) -> list[str]:
    """Which of ``prompt`` and ``response`` the recipe sets for a source."""
    return [
        name
        for name in ("prompt", "response")
        if getattr(source, name) is not None or getattr(data, name) != DataConfig.model_fields[name].default
    ]


COLUMN_REMEDY = (
    "set data.prompt and data.response (or those of the source) to a column, or to a template such as "
    '"Question: {{ question }}"'
)

OWN_KEYS = ("group", "time", "stratify")
"""What the split asks of a row, and a source may have of its own."""


def _split_remedy(key: str) -> str | None:
    if key in OWN_KEYS:
        return f"set `{key}` of the source to a column of this file, or to a template over its columns"
    name = key.removeprefix("split.")
    if name == key:
        return None
    return (
        f"set data.{key} to a column that every source has, or to a template over such columns, or give sources with "
        f"other columns a `{name}` of their own"
    )


def seen_in(field: str | None, elsewhere: Mapping[str, Sequence[str]]) -> str:
    """Which other files have a missing field."""
    files = [file for file, columns in elsewhere.items() if field in columns]
    if not files:
        return ""
    return (
        f"; {', '.join(files)} has it: give sources with different columns a prompt and response of their own"
    )
