"""Samples of a data set as items, and new texts as samples again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from weitiao.config.augment import AugmentConfig
from weitiao.config.steps import FIELDS
from weitiao.data.augment.item import Item, Variant
from weitiao.data.augment.rows import KIND_FIELD, kept, parts_of
from weitiao.data.facts import said
from weitiao.data.problems import Problems
from weitiao.data.steps.step import asked_at, fields_of
from weitiao.errors import ConfigError
from weitiao.types import Example, content_id


def items_of_examples(examples: Sequence[Example], config: AugmentConfig) -> list[Item]:
    """The last question of each example as text, or the value of a column in it; its reference as label.

    Raises:
        ConfigError: ``label`` is set, which samples have already.
        DataError: Questions that do not hold the value of the column, and samples in which nobody asks.
    """
    if config.label is not None:
        raise ConfigError(
            "augment: `label` is for files; the label of a sample is its answer", remedy="leave `label` out"
        )
    problems = Problems("augment")
    items = []
    for example in examples:
        text, where = text_of(example, config.column), str(example.origin or example.id)
        asked = question_of(example)
        if asked is None:
            problems.add(
                f"{where}: it has no message of the user that could be written anew",
                remedy="keep such samples in a data set of their own",
            )
        elif not text.strip() or text not in asked:
            problems.add(
                f'{where}: the prompt does not hold the value of column "{config.column}"',
                remedy="name a column that the prompt template prints as it is, or leave `column` out",
            )
        label = said(example) or ""
        names = [*(fields_of(example).get(column, "") for column in config.keep), *parts_of(label)]
        items.append(Item(len(items), text, label, kept(text, names), where))
    problems.raise_if_any()
    return items


def examples_of(
    examples: Sequence[Example], variants: Sequence[Variant], config: AugmentConfig
) -> list[Example]:
    """New examples: those of the sources with another text. They stay in the group of their source."""
    return [_varied(examples[variant.source.number], variant, config.column) for variant in variants]


def _varied(source: Example, variant: Variant, column: str | None) -> Example:
    place = asked_at(source)
    assert place is not None  # or it would have no item
    asked = source.messages[place]
    before, _, after = asked.content.rpartition(variant.source.text)  # instructions come first
    messages = (
        *source.messages[:place],
        replace(asked, content=before + variant.text + after),
        *source.messages[place + 1 :],
    )
    meta: dict[str, Any] = {**source.meta, KIND_FIELD: {"kind": variant.kind, "of": source.id}}
    if column is not None:  # the next step finds the value as it is now
        meta[FIELDS] = {**fields_of(source), column: variant.text}
    made = content_id(messages, source.tools)
    return replace(source, id=made, messages=messages, group=source.group or source.id, meta=meta)


def question_of(example: Example) -> str | None:
    """The user's last message before the reply; None where there is none."""
    place = asked_at(example)
    return None if place is None else example.messages[place].content


def text_of(example: Example, column: str | None) -> str:
    """What would be written anew of an example; empty where there is nothing."""
    return (question_of(example) or "") if column is None else fields_of(example).get(column, "").strip()


def texts_of(examples: Iterable[Example], column: str | None) -> Iterator[str]:
    """The texts of examples, without the empty ones."""
    return (text for example in examples if (text := text_of(example, column)).strip())
