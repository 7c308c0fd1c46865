r"""Patterns: texts with choices and slots, each of whose sentences has a number.

    (请|麻烦)[您]查一下{site}的人数

``(a|b)`` is one of them, ``[a]`` is ``a`` or nothing, ``{site}`` a term of the vocabulary ``site``, ``{from:site}`` one
of the same vocabulary under the name ``from``; a name that occurs twice in a pattern has one value. ``\`` takes the
next character literally.

The sentences of a pattern are counted without being made, and the n-th one can be made alone. So a million sentences
are drawn without repetition from a pattern that has a trillion.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

_SPECIAL = re.compile(r"\\.|[()\[\]|{}]", re.DOTALL)
_SLOT = re.compile(r"\s*(?:(\w+)\s*:\s*)?(\w+)\s*")
Scalar = str | int | float | bool


class PatternError(ValueError):
    """A pattern that cannot be read; the message has no place in it yet."""


@dataclass(frozen=True)
class Slot:
    """A term of a vocabulary under a name."""

    name: str
    vocabulary: str


@dataclass(frozen=True)
class Choice:
    """One of several sequences."""

    options: tuple[tuple[Node, ...], ...]


Node = str | Slot | Choice


@dataclass(frozen=True)
class Term:
    """An entry of a vocabulary: a pattern of its own and what it means (None: what is said)."""

    nodes: tuple[Node, ...]
    means: Scalar | None = None


@dataclass(frozen=True)
class Sentence:
    """One sentence of a pattern.

    Attributes:
        text: What is said.
        slots: Value of each slot that occurs.
        spans: Where each of them stands: start, end (exclusive), name.
    """

    text: str
    slots: Mapping[str, Scalar]
    spans: tuple[tuple[int, int, str], ...]


def parse(pattern: str) -> tuple[Node, ...]:
    """The nodes of a pattern.

    Raises:
        PatternError: A bracket without its partner, or a slot without a name.
    """
    nodes, place = _alternatives(pattern, 0, "")
    if place < len(pattern):
        raise PatternError(
            f'"{pattern[place]}" at character {place + 1} closes nothing; write \\{pattern[place]}'
        )
    return nodes


def _alternatives(pattern: str, place: int, closing: str) -> tuple[tuple[Node, ...], int]:
    """Sequences divided by ``|`` up to the closing bracket, as the nodes that stand for them."""
    options: list[tuple[Node, ...]] = []
    nodes: list[Node] = []
    while place < len(pattern):
        match = _SPECIAL.search(pattern, place)
        plain = pattern[place : match.start() if match else None]
        if plain:
            nodes.append(plain)
        if match is None:
            place = len(pattern)
            break
        place, mark = match.end(), match.group()
        if mark.startswith("\\"):
            nodes.append(mark[1])
        elif mark in "([":
            inner, place = _bracket(pattern, place, mark)
            nodes.append(inner)
        elif mark == "{":
            slot, place = _slot(pattern, place)
            nodes.append(slot)
        elif mark == "|":
            options.append(tuple(nodes))
            nodes = []
        else:
            place -= 1
            break
    options.append(tuple(nodes))
    return (options[0] if len(options) == 1 else (Choice(tuple(options)),)), place


def _bracket(pattern: str, place: int, mark: str) -> tuple[Node, int]:
    closing = ")" if mark == "(" else "]"
    inner, end = _alternatives(pattern, place, closing)
    if end >= len(pattern) or pattern[end] != closing:
        raise PatternError(f'"{mark}" at character {place} is not closed by "{closing}"')
    single = len(inner) == 1 and isinstance(inner[0], Choice)
    options = inner[0].options if single and isinstance(inner[0], Choice) else (inner,)
    return Choice((*options, ()) if mark == "[" else options), end + 1


def _slot(pattern: str, place: int) -> tuple[Slot, int]:
    end = pattern.find("}", place)
    match = _SLOT.fullmatch(pattern[place:end]) if end >= 0 else None
    if match is None:
        raise PatternError(f'"{{" at character {place} begins no slot such as {{site}} or {{from:site}}')
    vocabulary = match.group(2)
    return Slot(match.group(1) or vocabulary, vocabulary), end + 1


def slots_of(nodes: Sequence[Node]) -> list[Slot]:
    """All slots, one entry for each place."""
    found: list[Slot] = []
    for node in nodes:
        if isinstance(node, Slot):
            found.append(node)
        elif isinstance(node, Choice):
            found += [slot for option in node.options for slot in slots_of(option)]
    return found


@dataclass
class Grammar:
    """Vocabularies, and the sentences of patterns over them.

    Attributes:
        vocabularies: Terms by name.
    """

    vocabularies: Mapping[str, Sequence[Term]]
    _counts: dict[tuple[tuple[Node, ...], frozenset[str], frozenset[str]], int] = field(default_factory=dict)
    _starts: dict[str, list[int]] = field(default_factory=dict)

    def count(self, nodes: tuple[Node, ...]) -> int:
        """How many sentences a pattern has; equal ones that come about in two ways count twice."""
        return self._count(nodes, frozenset(), _repeated(nodes))

    def sentence(self, nodes: tuple[Node, ...], number: int) -> Sentence:
        """The sentence of this number, from 0 to the count less one."""
        writer = _Writer()
        self._write(nodes, number, {}, _repeated(nodes), writer)
        return Sentence("".join(writer.parts), writer.slots, tuple(writer.spans))

    def _count(self, nodes: tuple[Node, ...], bound: frozenset[str], repeated: frozenset[str]) -> int:
        if not nodes:
            return 1
        key = (nodes, bound, repeated)
        if key not in self._counts:
            head, rest = nodes[0], nodes[1:]
            if isinstance(head, Choice):
                total = sum(self._count((*option, *rest), bound, repeated) for option in head.options)
            elif isinstance(head, Slot):
                after = bound | ({head.name} & repeated)
                ways = 1 if head.name in bound else self.size(head.vocabulary)
                total = ways * self._count(rest, after, repeated)
            else:
                total = self._count(rest, bound, repeated)
            self._counts[key] = total
        return self._counts[key]

    def size(self, vocabulary: str) -> int:
        """How many ways there are to say a term of a vocabulary."""
        return self._cumulative(vocabulary)[-1]

    def _cumulative(self, vocabulary: str) -> list[int]:
        """Ways to say the first 0, 1, 2, ... terms."""
        if vocabulary not in self._starts:
            totals = [0]
            for term in self.vocabularies[vocabulary]:
                totals.append(totals[-1] + self.count(term.nodes))
            self._starts[vocabulary] = totals
        return self._starts[vocabulary]

    def _write(
        self,
        nodes: tuple[Node, ...],
        number: int,
        values: dict[str, tuple[str, Scalar]],
        repeated: frozenset[str],
        writer: _Writer,
    ) -> None:
        while nodes:
            head, rest = nodes[0], nodes[1:]
            bound = frozenset(values) & repeated
            if isinstance(head, Choice):
                for option in head.options:
                    nodes = (*option, *rest)
                    ways = self._count(nodes, bound, repeated)
                    if number < ways:
                        break
                    number -= ways
                continue
            if isinstance(head, Slot):
                if head.name not in values:
                    after = self._count(rest, bound | ({head.name} & repeated), repeated)
                    values[head.name] = self._term(head.vocabulary, number // after)
                    number %= after
                writer.slot(head.name, *values[head.name])
            else:
                writer.text(head)
            nodes = rest

    def _term(self, vocabulary: str, number: int) -> tuple[str, Scalar]:
        """What is said for a term, and what it means."""
        totals = self._cumulative(vocabulary)
        place = bisect_right(totals, number) - 1
        term = self.vocabularies[vocabulary][place]
        said = self.sentence(term.nodes, number - totals[place]).text
        return said, said if term.means is None else term.means


@dataclass
class _Writer:
    """A sentence as it grows."""

    parts: list[str] = field(default_factory=list)
    slots: dict[str, Scalar] = field(default_factory=dict)
    spans: list[tuple[int, int, str]] = field(default_factory=list)
    length: int = 0

    def text(self, said: str) -> None:
        self.parts.append(said)
        self.length += len(said)

    def slot(self, name: str, said: str, means: Scalar) -> None:
        self.slots[name] = means
        self.spans.append((self.length, self.length + len(said), name))
        self.text(said)


def _repeated(nodes: Sequence[Node]) -> frozenset[str]:
    """Names that occur in more than one place."""
    names = [slot.name for slot in slots_of(nodes)]
    return frozenset(name for name in names if names.count(name) > 1)
