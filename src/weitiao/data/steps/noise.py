"""The step that makes prompts sound like what a speech recogniser wrote."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from weitiao.config import NoiseStep
from weitiao.config.steps import FIELDS, NoiseLevels
from weitiao.data.facts import COPY, prompt_key
from weitiao.data.noise import Noised, Span, noisy
from weitiao.data.problems import Problems
from weitiao.data.steps.step import Account, asked_at, fields_of
from weitiao.types import Example, Message, content_id

_NOTHING = (0, 0)
_SEPARATORS = re.compile(r"[\s,，、;；。:：|]+")


@dataclass(frozen=True)
class Noise:
    """Noise in prompts.

    Attributes:
        config: Error rate, mix, what becomes of answers, copies.
        seed: Of all choices.
        held_out: `prompt_key` of dev and test: a question damaged into one of them is another question, and a leak.
    """

    config: NoiseStep
    seed: int = 0
    name: str = "noise"
    held_out: frozenset[int] = frozenset()

    def avoiding(self, held_out: Iterable[Example]) -> Noise:
        """The same step, which makes none of these prompts."""
        return replace(self, held_out=frozenset(map(prompt_key, held_out)))

    @property
    def parts(self) -> tuple[str, ...]:
        return self.config.parts

    def apply(self, examples: Iterable[Example], account: Account) -> Iterator[Example]:
        """Damaged copies, each behind its original.

        Raises:
            DataError: All examples whose prompt does not hold the value of the column.
        """
        problems = Problems("data.steps: noise")
        edits, length, num_damaged, num_held_out = 0, 0, 0, 0
        for example in examples:
            place = asked_at(example)
            where = _NOTHING if place is None else _region(example, place, self.config.column)
            if place is None or where == _NOTHING:
                yield example
                continue
            if where is None:
                where_from = example.origin or example.id
                problems.add(
                    f'{where_from}: the prompt does not hold the value of column "{self.config.column}"',
                    remedy="name a column that the prompt template prints as it is, or leave `column` out",
                )
                continue
            rng = random.Random(f"{self.seed}:noise:{example.id}{_copy(example)}")
            chosen = rng.random() < self.config.share
            if not chosen or self.config.keep_original:
                yield example
            for _ in range(self.config.copies if chosen else 0):
                damaged, heard = self._damaged(example, place, where, rng)
                if self.held_out and prompt_key(damaged) in self.held_out:
                    num_held_out += 1
                    if not self.config.keep_original:
                        yield example
                    continue
                edits, length, num_damaged = edits + heard.distance, length + heard.length, num_damaged + 1
                account.change(example.messages[place].content[slice(*where)], heard.text)
                yield damaged
        problems.raise_if_any()
        account.facts.update(
            seed=self.seed,
            damaged=num_damaged,
            target_cer=self.config.cer,
            cer=round(edits / length, 4) if length else 0.0,
            **({"left_out_as_prompts_of_dev_or_test": num_held_out} if num_held_out else {}),
        )

    def _damaged(
        self, example: Example, place: int, where: tuple[int, int], rng: random.Random
    ) -> tuple[Example, Noised]:
        prompt = example.messages[place]
        before, text, after = _cut(prompt.content, where)
        answer = example.reference or ""
        words = _words(answer, text) if self.config.answers != "keep" else []
        spans = _mentions(words, text)
        fixed = (k for span in spans for k in range(span.start, span.end))
        protect = self.config.answers == "protect"
        heard = noisy(text, self.config, rng, spans=spans, fixed=fixed if protect else ())
        messages = list(example.messages)
        messages[place] = replace(prompt, content=before + heard.text + after)
        if self.config.answers == "follow" and spans:
            messages[-1] = _follow(messages[-1], spans, heard)
        facts = {
            "of": example.id,
            "cer": round(heard.cer, 4),
            "edits": heard.distance,
            "length": heard.length,
        }
        meta: dict[str, Any] = {**example.meta, "noise": facts}
        if self.config.column is not None:  # the next step finds the value as it is now
            meta[FIELDS] = {**fields_of(example), self.config.column: heard.text}
        made = tuple(messages)
        return replace(example, id=content_id(made, example.tools), messages=made, meta=meta), heard


LEVEL = "cer"
"""Key of `Example.meta` for the rate of a version that `Levels` made."""


@dataclass(frozen=True)
class Levels:
    """Each example at several error rates, in the order of the rates.

    Attributes:
        config: The rates and all else.
        seed: Of all choices, at each rate the same.
    """

    config: NoiseLevels
    seed: int = 0
    name: str = "noise"

    @property
    def parts(self) -> tuple[str, ...]:
        return self.config.parts

    def apply(self, examples: Iterable[Example], account: Account) -> Iterator[Example]:
        """The versions, as `Noise` makes them at each rate.

        Raises:
            DataError: All examples whose prompt does not hold the value of the column.
        """
        sources = list(examples)
        for cer in self.config.rates:
            for made in Noise(self.config.at(cer), self.seed).apply(sources, account):
                yield replace(made, meta={**made.meta, LEVEL: cer})


def _copy(example: Example) -> str:
    """Tells a repeated row from its original, so that it is damaged in another way."""
    return f":{example.meta[COPY]}" if COPY in example.meta else ""


def _region(example: Example, place: int, column: str | None) -> tuple[int, int] | None:
    """Where in that message the text to damage stands; the last place, as instructions come first."""
    content = example.messages[place].content
    if column is None:
        return 0, len(content)
    value = fields_of(example).get(column, "")
    if not value.strip():
        return _NOTHING
    for text in (value, value.strip()):
        start = content.rfind(text)
        if start >= 0:
            return start, start + len(text)
    return None


def _cut(text: str, where: tuple[int, int]) -> tuple[str, str, str]:
    return text[: where[0]], text[slice(*where)], text[where[1] :]


def _words(answer: str, text: str) -> list[str]:
    """Parts of the answer that stand in the text, the longest first: values of JSON, else what separators leave."""
    try:
        parts = list(_leaves(json.loads(answer)))
    except ValueError:
        parts = _SEPARATORS.split(answer)
    found = {part for part in parts if len(part.strip()) > 1 and part in text}  # one letter is a label
    return sorted(found, key=lambda part: (-len(part), part))


def _leaves(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list):
        for inner in value:
            yield from _leaves(inner)
    elif value is not None and not isinstance(value, bool):
        yield str(value)


def _mentions(words: Sequence[str], text: str) -> list[Span]:
    """Every mention of a word, none inside another."""
    pattern = "|".join(re.escape(word) for word in words)
    return [Span(*m.span(), m.group()) for m in re.finditer(pattern, text)] if words else []


def _follow(answer: Message, spans: Sequence[Span], heard: Noised) -> Message:
    """The answer with each word as it is first heard."""
    said: dict[str, str] = {}
    for span in heard.spans:
        said.setdefault(span.label, heard.text[span.start : span.end])
    pattern = "|".join(re.escape(word) for word in sorted(said, key=len, reverse=True))
    return replace(answer, content=re.sub(pattern, lambda match: said[match.group()], answer.content))
