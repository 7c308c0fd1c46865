"""Samples drawn from a file of patterns: as many as are asked for, none twice, the same for the same seed.

Within a class the patterns take turns, so that one with many slots does not crowd out the others; the sentences of a
pattern come in a random order without repetition. Classes are mixed at random.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from weitiao.data.patterns.grammar import Scalar, Sentence
from weitiao.data.patterns.plan import Class, Pattern, Plan, variables_of
from weitiao.data.template import FieldError
from weitiao.errors import ConfigError, DataError


@dataclass(frozen=True)
class Sample:
    """One labelled sample.

    Attributes:
        prompt: What the model reads.
        response: What it learns to say.
        text: The sentence.
        label: Of its class.
        slots: Values by name.
        spans: Where they stand in the sentence: start, end (exclusive), name.
        speech: The sentence where people say it, else empty.
        pattern: That the sentence comes from; with ``split.group: pattern`` no pattern is in two parts.
    """

    prompt: str
    response: str
    text: str
    label: str
    slots: Mapping[str, Scalar]
    spans: tuple[tuple[int, int, str], ...]
    speech: str
    pattern: str

    def as_dict(self) -> dict[str, Any]:
        """A row of a file."""
        return {
            "prompt": self.prompt,
            "response": self.response,
            "text": self.text,
            "label": self.label,
            "slots": dict(self.slots),
            "spans": [list(span) for span in self.spans],
            "speech": self.speech,
            "pattern": self.pattern,
        }


def expand(plan: Plan, count: int | None = None, seed: int = 0) -> Iterator[Sample]:
    """Draw samples.

    Args:
        plan: The file.
        count: In all; classes with a count of their own take theirs, the others share the rest. None: every
            class has its own.
        seed: Of all choices.

    Raises:
        ConfigError: The counts do not fit together, or a template fails.
        DataError: The patterns have not so many different samples, or two classes have the same prompt.
    """
    wanted = quotas(plan, count)
    for kind in plan.classes:
        there = sum(plan.grammar.count(pattern.nodes) for pattern in kind.patterns)
        if there < wanted[kind.name]:
            raise _too_few(plan, kind, there, wanted[kind.name])
    return _drawn(plan, wanted, seed)


def quotas(plan: Plan, count: int | None) -> dict[str, int]:
    """Number of samples of each class; rounding goes to the largest remainders.

    Raises:
        ConfigError: The counts do not fit together.
    """
    fixed = {kind.name: kind.config.count for kind in plan.classes if kind.config.count is not None}
    shares = {kind.name: kind.config.share for kind in plan.classes if kind.name not in fixed}
    if count is None:
        if shares:
            raise ConfigError(
                f"{plan.name}: how many samples? {', '.join(shares)} have no count",
                remedy="give a total with --count (in a recipe: count), or a count in each class",
            )
        return fixed
    rest = count - sum(fixed.values())
    if rest < 0 or (rest and not shares):
        raise ConfigError(
            f"{plan.name}: {count:,} samples in all, but the counts of its classes are {sum(fixed.values()):,}",
            remedy="change the total, or leave it out",
        )
    exact = {name: rest * share / sum(shares.values()) for name, share in shares.items()}
    found = {name: int(number) for name, number in exact.items()}
    by_remainder = sorted(exact, key=lambda name: found[name] - exact[name])
    for name in by_remainder[: rest - sum(found.values())]:
        found[name] += 1
    return {kind.name: {**fixed, **found}[kind.name] for kind in plan.classes}


def _drawn(plan: Plan, wanted: dict[str, int], seed: int) -> Iterator[Sample]:
    """The classes mixed: each next one with a probability in proportion to what it still has to give."""
    rng = random.Random(f"{seed}:classes")
    seen: dict[bytes, str] = {}
    streams = {kind.name: _of_class(plan, kind, seed) for kind in plan.classes}
    kinds = {kind.name: kind for kind in plan.classes}
    given, left = dict.fromkeys(wanted, 0), dict(wanted)
    while open_ := [name for name, number in left.items() if number]:
        (name,) = rng.choices(open_, [left[name] for name in open_])
        for sample in streams[name]:
            key = hashlib.blake2b(sample.prompt.encode(), digest_size=12).digest()
            if key not in seen:
                seen[key] = name
                break
            if seen[key] != name:
                raise DataError(
                    f'{plan.name}: "{sample.text}" is in two classes, {seen[key]} and {name}',
                    remedy="a prompt can have one answer: take the pattern out of one of them",
                )
        else:
            raise _too_few(plan, kinds[name], given[name], wanted[name])
        given[name] += 1
        left[name] -= 1
        yield sample


def _of_class(plan: Plan, kind: Class, seed: int) -> Iterator[Sample]:
    """All samples of a class: its patterns take turns until none has any left."""
    streams = [_of_pattern(plan, p, f"{seed}:{kind.name}:{n}") for n, p in enumerate(kind.patterns)]
    open_ = list(zip(kind.patterns, streams, strict=True))
    random.Random(f"{seed}:{kind.name}").shuffle(open_)
    while open_:
        for pair in list(open_):
            sentence = next(pair[1], None)
            if sentence is None:
                open_.remove(pair)
            elif sentence.text.strip():
                yield _sample(plan, kind, pair[0], sentence)


def _of_pattern(plan: Plan, pattern: Pattern, seed: str) -> Iterator[Sentence]:
    total = plan.grammar.count(pattern.nodes)
    for number in shuffled(total, random.Random(seed)):
        yield plan.grammar.sentence(pattern.nodes, number)


def shuffled(total: int, rng: random.Random) -> Iterator[int]:
    """The numbers below ``total`` in a random order, in memory of what was drawn only.

    Source: Fisher-Yates, with the places that were swapped in a dict instead of a list of all.
    """
    moved: dict[int, int] = {}
    for place in range(total):
        other = rng.randrange(place, total)
        yield moved.get(other, other)
        moved[other] = moved.pop(place, place)


def _sample(plan: Plan, kind: Class, pattern: Pattern, sentence: Sentence) -> Sample:
    variables = variables_of(kind, sentence.text, sentence.slots)
    try:
        prompt, response = kind.prompt.text_of(variables), kind.response.text_of(variables)
    except FieldError as error:
        raise ConfigError(
            f'{plan.name}: {error} (sentence "{sentence.text}")',
            remedy="templates may use text, label, slots, the slots by name and the values of the class",
        ) from error
    speech = sentence.text if kind.config.spoken else ""
    return Sample(
        prompt,
        response,
        sentence.text,
        kind.label,
        sentence.slots,
        sentence.spans,
        speech,
        pattern.text,
    )


def _too_few(plan: Plan, kind: Class, there: int, wanted: int) -> DataError:
    return DataError(
        f"{plan.name}: class {kind.name} has {there:,} different samples, {wanted:,} are wanted",
        remedy="add patterns or terms, or ask for fewer",
    )
