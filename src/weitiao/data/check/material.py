"""What the checks look at: records with all columns, the samples made of them, dialogues, and the parts."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from weitiao.data.card import said
from weitiao.data.check.near import LONG, near_groups
from weitiao.data.check.text import bare_label, common_segments, core, skeleton, variable_parts
from weitiao.data.facts import COPY
from weitiao.data.mask import Vocabulary
from weitiao.data.template import to_text
from weitiao.types import Example, Message, Record

_MAX_LABELS = 50
_LABEL_LENGTH = 40
_ENTITY_SHARE = 0.7
_ASKED_SHARE, _FIXED_SHARE = 0.9, 0.01


@dataclass(frozen=True)
class Options:
    """What a check may use beside the data.

    Attributes:
        entities: Terms that are masked for template-level checks (company names).
        vocabularies: Allowed values by slot name or column.
        database: SQLite file that SQL targets are run on, read only.
        count_tokens: Tokens of a rendered sample; None: only characters are counted.
        max_length: Most tokens a sample may have.
    """

    entities: Vocabulary | None = None
    vocabularies: Mapping[str, frozenset[str]] = field(default_factory=dict)
    database: Path | None = None
    count_tokens: Callable[[Example], int] | None = None
    max_length: int | None = None


@dataclass(frozen=True)
class Case:
    """A sample with the record it was made of.

    Attributes:
        example: The sample.
        fields: All columns of its record.
        part: ``train``, ``dev``, ``test``, or the name of a file that is compared.
    """

    example: Example
    fields: Mapping[str, Any]
    part: str

    @property
    def where(self) -> str:
        return str(self.example.origin or self.example.id)

    @property
    def is_copy(self) -> bool:
        """Whether a step has repeated another sample on purpose."""
        return COPY in self.example.meta

    @cached_property
    def said(self) -> str | None:
        """The reply, calls as JSON; None where there is none."""
        return said(self.example)

    @property
    def asked(self) -> str:
        """The last turn before the reply."""
        prompt = self.example.prompt
        return prompt[-1].content if prompt else ""

    @cached_property
    def key(self) -> str:
        """All turns before the reply: equal keys are equal prompts."""
        turns = [[m.role, m.content, [c.as_dict() for c in m.tool_calls]] for m in self.example.prompt]
        return json.dumps(turns, ensure_ascii=False)

    @cached_property
    def prompt(self) -> str:
        """Contents of all turns before the reply, system left out."""
        return "\n".join(m.content for m in self.example.prompt if m.role != "system")


@dataclass(frozen=True)
class Whole:
    """A dialogue as a row holds it.

    Attributes:
        where: File and row.
        part: Its part.
        messages: All turns.
        is_round: Whether the row is one round of a dialogue whose other rounds have rows of their own.
    """

    where: str
    part: str
    messages: tuple[Message, ...]
    is_round: bool = False


@dataclass(frozen=True, eq=False)
class Material:
    """Everything that is checked.

    Attributes:
        records: All rows with their part, in the order of the files.
        cases: Samples; empty where nobody said what prompt and response are.
        wholes: Dialogues of rows that hold several turns.
        options: What else may be used.
        unreadable: Rows that could not be made into samples, with the reason.
        notes: What a user may not expect of how files were read: file, and a sentence.
    """

    records: tuple[tuple[Record, str], ...]
    cases: tuple[Case, ...] = ()
    wholes: tuple[Whole, ...] = ()
    options: Options = field(default_factory=Options)
    unreadable: tuple[tuple[str, str], ...] = ()
    notes: tuple[tuple[str, str], ...] = ()

    @cached_property
    def common(self) -> frozenset[str]:
        """Segments that many prompts of a part share: another part may have instructions of its own.

        What is the whole of a column's value, and not always the same, is asked, however many ask it.
        """
        parts = dict.fromkeys(case.part for case in self.cases)
        each = [common_segments(case.prompt for case in self.cases if case.part == part) for part in parts]
        shared = frozenset().union(common_segments(case.prompt for case in self.cases), *each)
        asked = [set(map(skeleton, values)) for values in self.prompt_columns.values()]
        varying = frozenset().union(*(values for values in asked if len(values) > 1))
        return frozenset(piece for piece in shared if skeleton(piece) not in varying)

    @cached_property
    def cores(self) -> tuple[str, ...]:
        """Of each case, what its prompt does not share with the others."""
        asked = self.question_column
        return tuple(
            (_inside(case, asked) if asked is not None else "") or core(case.prompt, self.common)
            for case in self.cases
        )

    def asked(self, case: Case) -> str:
        """What a case asks, without what its prompt shares with the others."""
        return self._asked.get(id(case), case.asked)

    @cached_property
    def _asked(self) -> dict[int, str]:
        return {id(case): own for case, own in zip(self.cases, self.cores, strict=True)}

    @cached_property
    def question_column(self) -> str | None:
        """The column with which one or a few fixed texts make the prompts, so that it decides the answer."""
        columns, least = self.prompt_columns, _ASKED_SHARE * len(self.cases)
        for name, values in columns.items():
            rests = Counter(
                case.prompt.replace(v, "\0") for case, v in zip(self.cases, values, strict=True) if v
            )
            fixed = sum(n for n in rests.values() if n >= max(3, _FIXED_SHARE * len(self.cases)))
            others = [other for other in columns.values() if other is not values and len(set(other)) > 2]
            beside = any(
                sum(o not in v for o, v in zip(other, values, strict=True)) >= least for other in others
            )
            if fixed >= least and not beside:
                return name
        return None

    @cached_property
    def prompt_columns(self) -> Mapping[str, tuple[str, ...]]:
        """Columns that stand inside most prompts, beside something else: the text of each case, or an empty one."""
        least = _ASKED_SHARE * len(self.cases)
        return {
            name: values
            for name in self.columns
            if name not in self.answer_columns
            and sum(map(bool, values := tuple(_inside(case, name) for case in self.cases))) >= least > 0
        }

    @cached_property
    def near(self) -> list[list[int]]:
        """Numbers of cases whose cores are near each other but not all equal."""
        return near_groups(self.cores, self.details)

    @cached_property
    def details(self) -> tuple[frozenset[str], ...]:
        """Of each case with a long prompt, the short texts of its row that stand in it."""
        return tuple(
            frozenset(
                skeleton(text)
                for name, value in case.fields.items()
                if name not in self.answer_columns
                for text in _texts(value)
                if 2 <= len(text) < LONG and text in case.prompt
            )
            if len(case.prompt) >= LONG
            else frozenset()
            for case in self.cases
        )

    @cached_property
    def columns(self) -> Mapping[str, tuple[tuple[str, Any], ...]]:
        """Values of each column, with where they stand; rows without the column are left out."""
        found: dict[str, list[tuple[str, Any]]] = {}
        for record, _ in self.records:
            where = str(record.origin)
            for name, value in record.fields.items():
                found.setdefault(name, []).append((where, value))
        return {name: tuple(values) for name, values in found.items()}

    @cached_property
    def answer_columns(self) -> frozenset[str]:
        """Columns that hold the reply itself."""
        replies = [case for case in self.cases if case.said]
        return frozenset(
            name
            for name in self.columns
            if replies and sum(to_text(c.fields.get(name)) == c.said for c in replies) >= 0.9 * len(replies)
        )

    @cached_property
    def prompt_fields(self) -> Mapping[str, tuple[str, ...]]:
        """Variable parts of the prompts by the fixed text in front of them, where there are several."""
        named = [variable_parts(case.prompt, self.common) for case in self.cases]
        counts = Counter(name for parts in named for name in parts)
        names = [name for name, n in counts.items() if n >= 0.9 * len(self.cases)]
        if len(names) < 2:
            return {}
        return {name: tuple(parts.get(name, "") for parts in named) for name in names}

    @cached_property
    def question(self) -> tuple[str, tuple[str, ...]] | None:
        """Name and texts of the part of the prompts that differs most; None where there is one part only."""
        fields = self.prompt_fields
        if not fields:
            return None
        name = max(fields, key=lambda name: len(set(fields[name])))
        return f"what follows {name!r}", fields[name]

    @cached_property
    def labels(self) -> Counter[str] | None:
        """Counts of the replies where they form a closed set of short texts, however untidily written, else None."""
        replies = [case.said for case in self.cases if case.said]
        counts = Counter(replies)
        short = all(len(label) <= _LABEL_LENGTH for label in counts)
        written: Counter[str] = Counter()
        for label, count in counts.items():
            written[bare_label(label) or label] += count
        frequent = sum(count for count in written.values() if count >= 3)
        closed = replies and len(counts) <= _MAX_LABELS * 2 and frequent >= 0.95 * len(replies)
        return counts if closed and short and len(counts) > 1 and len(replies) >= 5 * len(counts) else None

    @cached_property
    def entities(self) -> Vocabulary | None:
        """Terms to mask: those given, and values of columns that stand inside most prompts."""
        if self.options.entities is not None:
            return self.options.entities
        terms: set[str] = set()
        for name in self.columns.keys() - self.answer_columns:
            texts = [
                (to_text(c.fields.get(name)), own) for c, own in zip(self.cases, self.cores, strict=True)
            ]
            filled = [(text, own) for text, own in texts if 2 <= len(text) <= 20]
            values = {text for text, _ in filled}
            if len(values) < 20 or len(filled) < 0.5 * len(texts):
                continue
            inside = sum(text in own and text != own for text, own in filled)
            terms |= values if inside >= _ENTITY_SHARE * len(filled) else set()
        return Vocabulary(terms) if terms else None


def _inside(case: Case, name: str) -> str:
    """A column's text where it stands inside the prompt beside something else, else an empty text."""
    value = case.fields.get(name)
    if not isinstance(value, str) or len(value) < 4 or value == case.prompt:
        return ""
    return value if value in case.prompt else ""


def _texts(value: Any) -> Iterator[str]:
    """All texts in a value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)


def grouped(keys: Sequence[str]) -> list[list[int]]:
    """Numbers of equal keys together, those of two or more, in order of appearance; empty keys stay alone."""
    groups: dict[str, list[int]] = {}
    for number, key in enumerate(keys):
        if key:
            groups.setdefault(key, []).append(number)
    return [group for group in groups.values() if len(group) > 1]
