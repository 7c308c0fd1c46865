"""Repairs that a recipe asks for in ``data.fix``: examples in, examples out, and a line for the card.

What is a typo, an error message or a separator is what `weitiao.data.check` finds.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from weitiao.config.fix import FixConfig
from weitiao.data import card as cards
from weitiao.data.check.answers import no_data_phrase
from weitiao.data.check.damage import DOUBLED, repaired, without_markup
from weitiao.data.check.lists import ENDINGS, are_lists, united
from weitiao.data.check.personal import without_personal
from weitiao.data.check.targets import errors_among, label_typos
from weitiao.data.column import Column
from weitiao.data.diff import around_difference
from weitiao.data.facts import Facts, SamePrompts, prompt_key
from weitiao.data.split import PARTS
from weitiao.data.tally import NUM_EXAMPLES, Drop, Tally
from weitiao.types import Example, Message, content_id

_LABEL_LENGTH = 40
_SHOWN = 200  # characters of a changed text


Shelve = Callable[[Iterator[Example]], Sequence[Example]]


class Fixed(NamedTuple):
    """What a repair gives.

    Attributes:
        examples: In order.
        drops: Rows left out, by reason.
        changed: Rows whose text was changed.
    """

    examples: Sequence[Example]
    drops: tuple[Drop, ...] = ()
    changed: Changes | None = None


@dataclass
class Changes:
    """Rows whose texts were rewritten: how many, and the first with what was there and what is there now."""

    count: int = 0
    first: list[dict[str, str]] = field(default_factory=list)

    def add(self, example: Example, messages: Sequence[Message]) -> None:
        """One more row, and its turns as they are now."""
        self.count += 1
        if len(self.first) < NUM_EXAMPLES:
            pairs = zip(example.messages, messages, strict=True)
            old, new = next((a.content, b.content) for a, b in pairs if a != b)
            before, after = (text[:_SHOWN] for text in around_difference(old, new))
            self.first.append({"origin": str(example.origin or example.id), "before": before, "after": after})


def apply_fixes(
    parts: Mapping[str, Sequence[Example]], config: FixConfig, *, shelve: Shelve = list
) -> tuple[dict[str, Sequence[Example]], list[dict[str, Any]]]:
    """All repairs that are asked for, each over each part, and their lines for the card.

    The examples are gone through, some times twice, and not held; of a part, ``error_targets``, ``separators`` and
    ``endings`` hold the answers while they work, the others a few bytes a row.

    Args:
        parts: Examples by part.
        config: The section ``data.fix``.
        shelve: Takes the examples that go on.
    """
    result = dict(parts)
    entries: list[dict[str, Any]] = []
    for name in type(config).model_fields:
        mode = getattr(config, name)
        if mode == "keep":
            continue
        num_in = sum(map(len, result.values()))
        if name == "leaks":
            fixed = {part: drop_leaks(part, result, shelve) for part in result}
        else:
            fixed = {part: _REPAIRS[name](examples, mode, shelve) for part, examples in result.items()}
        result = {part: done.examples for part, done in fixed.items()}
        drops = [drop for done in fixed.values() for drop in done.drops]
        changed = [done.changed for done in fixed.values() if done.changed is not None]
        count = sum(found.count for found in changed)
        first = [change for found in changed for change in found.first]
        more = {"changed": {"count": count}, "examples": first[:NUM_EXAMPLES]} if count else {}
        num_out = sum(map(len, result.values()))
        entries.append(cards.step(f"fix.{name}", num_in, num_out, drops, **more))
    return result, entries


def drop_errors(examples: Sequence[Example], mode: str, shelve: Shelve) -> Fixed:
    """Without targets that are error messages."""
    wrong = errors_among([e.reference or "" for e in examples])
    return _without(examples, wrong, shelve, "target is an error message")


def drop_no_data(examples: Sequence[Example], mode: str, shelve: Shelve) -> Fixed:
    """Without answers that say that there is nothing to be said."""
    silent = [no_data_phrase(e.reference or "") is not None for e in examples]
    return _without(examples, silent, shelve, "answer says that there is no data")


def drop_duplicates(examples: Sequence[Example], mode: str, shelve: Shelve) -> Fixed:
    """Without rows whose prompt and answer stood there before."""
    import numpy as np

    facts = Facts(examples)
    same = SamePrompts(facts.prompts, facts.answers)
    repeated = np.zeros(len(facts), bool)
    repeated[same.echoes] = True
    return _without(examples, repeated.tolist(), shelve, "equal to an earlier row")


def settle_contradictions(examples: Sequence[Example], mode: str, shelve: Shelve) -> Fixed:
    """Of equal prompts with different answers only those with the most frequent one, or (``drop``) none."""
    facts = Facts(examples)
    same = SamePrompts(facts.prompts, facts.answers)
    outside = bytearray(len(facts))
    for group in same.conflicting:
        rows = same.rows(group)
        answers = facts.answers.take(rows).tolist()
        counted = Counter(answers).most_common(2)
        majority, is_tie = counted[0][0], counted[0][1] == counted[1][1]
        for row, answer in zip(rows, answers, strict=True):
            outside[row] = mode == "drop" or (answer != majority) * (1 + is_tie)
    if mode == "drop":
        return _without(examples, outside, shelve, "prompt with different answers")
    return _without(
        examples,
        outside,
        shelve,
        "another answer than most rows of its prompt",
        "another answer than the first of its prompt, where none has the most rows",
    )


def drop_leaks(part: str, parts: Mapping[str, Sequence[Example]], shelve: Shelve) -> Fixed:
    """A part without the rows whose prompt stands in a part that is measured after it; test stays whole."""
    import numpy as np

    order = PARTS.index(part) if part in PARTS else len(PARTS)
    later = [name for name in PARTS[order + 1 :] if parts.get(name)]
    if not later:
        return Fixed(parts[part])
    asked = np.fromiter((prompt_key(e) for name in later for e in parts[name]), np.uint64)
    out = [
        flag
        for keys in Column(map(prompt_key, parts[part])).chunks()
        for flag in np.isin(keys, asked).tolist()
    ]
    return _without(parts[part], out, shelve, f"{part} row whose prompt stands in {' or '.join(later)}")


def strip_labels(examples: Sequence[Example], mode: str, shelve: Shelve) -> Fixed:
    """Misspelt labels as the label that they are meant to be."""
    labels = Counter(e.reference for e in examples if e.reference and len(e.reference) <= _LABEL_LENGTH)
    typos = label_typos(labels) if labels.total() >= 5 * max(1, len(labels)) else {}
    return _rewritten(examples, lambda answer: typos.get(answer, answer), shelve, answers_only=True)


def unite_separators(examples: Sequence[Example], mode: str, shelve: Shelve) -> Fixed:
    """Lists separated by the mark that most lists use."""
    answers = [e.reference for e in examples if e.reference]
    lists = united(answers) if len(answers) >= 8 and are_lists(answers) else None
    if lists is None:
        return Fixed(examples)
    changes = {old: new for old, new in zip(answers, lists.texts, strict=True) if old != new}
    return _rewritten(examples, lambda answer: changes.get(answer, answer), shelve, answers_only=True)


def strip_endings(examples: Sequence[Example], mode: str, shelve: Shelve) -> Fixed:
    """Answers without a closing mark, where most have none."""
    answers = [e.reference for e in examples if e.reference]
    marked = sum(answer.rstrip()[-1:] in tuple(ENDINGS) for answer in answers)
    if not marked or marked > 0.6 * len(answers):
        return Fixed(examples)
    return _rewritten(
        examples, lambda answer: answer.rstrip().rstrip(ENDINGS) or answer, shelve, answers_only=True
    )


def strip_markup(examples: Sequence[Example], mode: str, shelve: Shelve) -> Fixed:
    """Prompts and answers without tags, entities as the characters that they stand for."""
    return _rewritten(examples, without_markup, shelve)


def repair_encoding(examples: Sequence[Example], mode: str, shelve: Shelve) -> Fixed:
    """Prompts and answers as they were before they were read in a wrong encoding."""
    return _rewritten(examples, repaired, shelve)


def mask_personal(examples: Sequence[Example], mode: str, shelve: Shelve) -> Fixed:
    """Prompts and answers without phone numbers, identity numbers and e-mail addresses."""
    return _rewritten(examples, without_personal, shelve)


def collapse_spacing(examples: Sequence[Example], mode: str, shelve: Shelve) -> Fixed:
    """Prompts and answers with one space between words."""
    return _rewritten(examples, lambda text: DOUBLED.sub(" ", text), shelve)


_REPAIRS: dict[str, Callable[[Sequence[Example], str, Shelve], Fixed]] = {
    "error_targets": drop_errors,
    "no_data": drop_no_data,
    "encoding": repair_encoding,
    "markup": strip_markup,
    "spacing": collapse_spacing,
    "personal": mask_personal,
    "labels": strip_labels,
    "separators": unite_separators,
    "endings": strip_endings,
    "contradictions": settle_contradictions,
    "duplicates": drop_duplicates,
}


def _without(examples: Sequence[Example], out: Sequence[Any], shelve: Shelve, *reasons: str) -> Fixed:
    """Without the rows whose flag is set; a flag of 2 means the second reason."""
    gone = [Tally() for _ in reasons]

    def kept() -> Iterator[Example]:
        for example, flag in zip(examples, out, strict=True):
            if flag:
                gone[flag - 1].add(str(example.origin or example.id), example)
            else:
                yield example

    rest = shelve(kept())
    found = zip(gone, reasons, strict=True)
    return Fixed(rest, tuple(tally.drop(reason) for tally, reason in found if tally.count))


def _rewritten(
    examples: Sequence[Example], rewrite: Callable[[str], str], shelve: Shelve, *, answers_only: bool = False
) -> Fixed:
    """The examples with their texts (or only the final answer) rewritten; an emptied text stays as it was."""
    changed = Changes()

    def made() -> Iterator[Example]:
        for example in examples:
            last = len(example.messages) - 1
            messages = tuple(
                dataclasses.replace(m, content=rewrite(m.content) or m.content)
                if not answers_only or (k == last and m.role == "assistant")
                else m
                for k, m in enumerate(example.messages)
            )
            if messages != example.messages:
                changed.add(example, messages)
                made_id = content_id(messages, example.tools)
                example = dataclasses.replace(example, messages=messages, id=made_id)
            yield example

    return Fixed(shelve(made()), (), changed)
