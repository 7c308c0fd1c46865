"""Repairs that a recipe asks for in ``data.fix``: examples in, examples out, and a line for the card.

What is a typo, an error message or a separator is what `weitiao.data.check` finds.
"""

from __future__ import annotations

import dataclasses
import html
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from weitiao.config.fix import FixConfig
from weitiao.data import card as cards
from weitiao.data.build import Drop
from weitiao.data.card import said
from weitiao.data.check.content import DOUBLED, MARKUP
from weitiao.data.check.targets import ENDINGS, are_lists, errors_among, label_typos, main_separator
from weitiao.types import Example, content_id

_LABEL_LENGTH = 40


class Fixed(NamedTuple):
    """What a repair gives.

    Attributes:
        examples: In order.
        drops: Rows left out, by reason.
        changed: Rows whose text was changed.
    """

    examples: list[Example]
    drops: tuple[Drop, ...] = ()
    changed: tuple[str, ...] = ()


def apply_fixes(
    parts: Mapping[str, Sequence[Example]], config: FixConfig
) -> tuple[dict[str, list[Example]], list[dict[str, Any]]]:
    """All repairs that are asked for, each over each part, and their lines for the card.

    Args:
        parts: Examples by part.
        config: The section ``data.fix``.
    """
    result = {name: list(examples) for name, examples in parts.items()}
    entries: list[dict[str, Any]] = []
    for name in type(config).model_fields:
        mode = getattr(config, name)
        if mode == "keep":
            continue
        repair = _REPAIRS[name]
        num_in = sum(map(len, result.values()))
        fixed = {part: repair(examples, mode) for part, examples in result.items()}
        result = {part: done.examples for part, done in fixed.items()}
        drops = [drop for done in fixed.values() for drop in done.drops]
        changed = [row for done in fixed.values() for row in done.changed]
        more = (
            {"changed": {"count": len(changed), "examples": changed[: cards.NUM_EXAMPLES]}} if changed else {}
        )
        num_out = sum(map(len, result.values()))
        entries.append(cards.step(f"fix.{name}", num_in, num_out, drops, **more))
    return result, entries


def drop_errors(examples: Sequence[Example], mode: str) -> Fixed:
    """Without targets that are error messages."""
    return _without(
        examples, errors_among([e.reference or "" for e in examples]), "target is an error message"
    )


def drop_duplicates(examples: Sequence[Example], mode: str) -> Fixed:
    """Without rows whose prompt and answer stood there before."""
    seen: set[tuple[str, str | None]] = set()
    repeated = []
    for example in examples:
        key = (content_id(example.prompt, example.tools), said(example))
        repeated.append(key in seen)
        seen.add(key)
    return _without(examples, repeated, "equal to an earlier row")


def settle_contradictions(examples: Sequence[Example], mode: str) -> Fixed:
    """Of equal prompts with different answers only those with the most frequent one, or (``drop``) none."""
    by_prompt = cards.prompts_of(examples)
    outside: set[int] = set()
    for group in by_prompt.values():
        answers = Counter(said(e) for e in group)
        if len(answers) > 1:
            majority = answers.most_common(1)[0][0]
            outside.update(id(e) for e in group if mode == "drop" or said(e) != majority)
    reason = (
        "prompt with different answers" if mode == "drop" else "another answer than most rows of its prompt"
    )
    return _without(examples, [id(e) in outside for e in examples], reason)


def strip_labels(examples: Sequence[Example], mode: str) -> Fixed:
    """Misspelt labels as the label that they are meant to be."""
    labels = Counter(e.reference for e in examples if e.reference and len(e.reference) <= _LABEL_LENGTH)
    typos = label_typos(labels) if labels.total() >= 5 * max(1, len(labels)) else {}
    return _rewritten(examples, lambda answer: typos.get(answer, answer), answers_only=True)


def unite_separators(examples: Sequence[Example], mode: str) -> Fixed:
    """Lists separated by the mark that most lists use."""
    answers = [e.reference for e in examples if e.reference]
    if len(answers) < 8 or not are_lists(answers):
        return Fixed(list(examples))
    found = main_separator(answers)
    if found is None:
        return Fixed(list(examples))
    main, others = found
    pattern = re.compile("|".join(map(re.escape, others))) if others else None
    return _rewritten(examples, lambda a: pattern.sub(main, a) if pattern else a, answers_only=True)


def strip_endings(examples: Sequence[Example], mode: str) -> Fixed:
    """Answers without a closing mark, where most have none."""
    answers = [e.reference for e in examples if e.reference]
    marked = sum(answer.rstrip()[-1:] in tuple(ENDINGS) for answer in answers)
    if not marked or marked > 0.6 * len(answers):
        return Fixed(list(examples))
    return _rewritten(examples, lambda answer: answer.rstrip().rstrip(ENDINGS) or answer, answers_only=True)


def strip_markup(examples: Sequence[Example], mode: str) -> Fixed:
    """Prompts and answers without tags, entities as the characters that they stand for."""
    return _rewritten(
        examples, lambda text: html.unescape(MARKUP.sub(_without_tag, text)) if MARKUP.search(text) else text
    )


def collapse_spacing(examples: Sequence[Example], mode: str) -> Fixed:
    """Prompts and answers with one space between words."""
    return _rewritten(examples, lambda text: DOUBLED.sub(" ", text))


def _without_tag(hit: re.Match[str]) -> str:
    return hit[0] if hit[0].startswith("&") else ""


_REPAIRS: dict[str, Callable[[Sequence[Example], str], Fixed]] = {
    "error_targets": drop_errors,
    "markup": strip_markup,
    "spacing": collapse_spacing,
    "labels": strip_labels,
    "separators": unite_separators,
    "endings": strip_endings,
    "contradictions": settle_contradictions,
    "duplicates": drop_duplicates,
}


def _without(examples: Sequence[Example], out: Sequence[bool], reason: str) -> Fixed:
    rows = tuple(str(e.origin or e.id) for e, gone in zip(examples, out, strict=True) if gone)
    kept = [e for e, gone in zip(examples, out, strict=True) if not gone]
    return Fixed(kept, (Drop(reason, rows),) if rows else ())


def _rewritten(
    examples: Sequence[Example], rewrite: Callable[[str], str], *, answers_only: bool = False
) -> Fixed:
    """The examples with their texts (or only the final answer) rewritten; an emptied text stays as it was."""
    result: list[Example] = []
    changed: list[str] = []
    for example in examples:
        last = len(example.messages) - 1
        messages = tuple(
            dataclasses.replace(m, content=rewrite(m.content) or m.content)
            if not answers_only or (k == last and m.role == "assistant")
            else m
            for k, m in enumerate(example.messages)
        )
        if messages != example.messages:
            changed.append(str(example.origin or example.id))
            example = dataclasses.replace(example, messages=messages, id=content_id(messages, example.tools))
        result.append(example)
    return Fixed(result, (), tuple(changed))
