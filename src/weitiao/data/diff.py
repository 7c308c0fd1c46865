"""Two versions of a data set: which rows came, went, moved to another part or got another answer, and why.

Rows are matched in four passes, each over what the passes before have left:

1. the same turns in the same part: unchanged
2. the same turns in another part: moved
3. the same prompt: another answer (and perhaps another part)
4. the same id of the user's own: another prompt

What is left was added or removed. Equal rows are matched one to one, so a row that stands there twice and then once
is removed once.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from weitiao.data.card import said
from weitiao.data.split import PARTS
from weitiao.types import Dataset, Example, content_id

_SHORT = 120


@dataclass(frozen=True, slots=True)
class Row:
    """A row in its part."""

    part: str
    example: Example


@dataclass(frozen=True, slots=True)
class Pair:
    """One row before and after."""

    before: Row
    after: Row

    @property
    def moved(self) -> bool:
        """Whether it is in another part now."""
        return self.before.part != self.after.part


@dataclass(frozen=True)
class Difference:
    """What differs between two data sets.

    Attributes:
        same: Rows that are unchanged and in the same part.
        added: Rows of the second only.
        removed: Rows of the first only.
        moved: The same rows, in another part.
        answers: The same prompt with another answer.
        prompts: The same id with another prompt.
        card: What differs in the cards, see `card_difference`.
    """

    same: int
    added: tuple[Row, ...]
    removed: tuple[Row, ...]
    moved: tuple[Pair, ...]
    answers: tuple[Pair, ...]
    prompts: tuple[Pair, ...]
    card: Mapping[str, Any]

    @property
    def is_empty(self) -> bool:
        """Whether the two are the same, cards included."""
        rows = (self.added, self.removed, self.moved, self.answers, self.prompts)
        return not any(rows) and not any(self.card.values())

    def as_dict(self) -> dict[str, Any]:
        """The form of ``--json``: counts, every row, and what differs in the cards."""
        pairs = {"moved": self.moved, "answers": self.answers, "prompts": self.prompts}
        return {
            "counts": {
                "same": self.same,
                "added": len(self.added),
                "removed": len(self.removed),
                **{name: len(found) for name, found in pairs.items()},
            },
            "added": [_row_dict(row) for row in self.added],
            "removed": [_row_dict(row) for row in self.removed],
            **{
                name: [{"before": _row_dict(p.before), "after": _row_dict(p.after)} for p in found]
                for name, found in pairs.items()
            },
            "card": dict(self.card),
        }


def difference(before: Dataset, after: Dataset) -> Difference:
    """What differs between two versions of a data set.

    Args:
        before: The first.
        after: The second.
    """
    old, new = _rows(before), _rows(after)
    same, old, new = _match(old, new, lambda row: (row.part, _content(row.example)))
    moved, old, new = _match(old, new, lambda row: _content(row.example))
    # Those that stayed in their part first: a prompt that stands in two parts is not mixed up.
    stayed, old, new = _match(old, new, lambda row: (row.part, _prompt(row.example)))
    answers, old, new = _match(old, new, lambda row: _prompt(row.example))
    prompts, old, new = _match(old, new, _own_id(old, new))
    return Difference(
        len(same),
        tuple(new),
        tuple(old),
        tuple(moved),
        (*stayed, *answers),
        tuple(prompts),
        card_difference(before.card, after.card),
    )


def card_difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """What two cards say differently.

    Returns:
        ``sources``, ``steps``, ``seeds`` and ``labels``: lists of ``{"what", "before", "after"}``, None where one of
        them has nothing to say. Examples of dropped rows are not compared.
    """
    steps = _steps(before, after)
    return {
        "sources": _changes(_sources(before), _sources(after)),
        "seeds": [change for change in steps if "seed" in change["what"].rsplit(".", 1)[-1]],
        "steps": [change for change in steps if "seed" not in change["what"].rsplit(".", 1)[-1]],
        "labels": _changes(before.get("labels") or {}, after.get("labels") or {}),
    }


def _rows(dataset: Dataset) -> list[Row]:
    return [Row(part, example) for part in PARTS for example in getattr(dataset, part)]


def _match(
    old: Sequence[Row], new: Sequence[Row], key: Callable[[Row], Hashable | None]
) -> tuple[list[Pair], list[Row], list[Row]]:
    """Pairs with equal keys, one to one in order; and what is left on both sides. None matches nothing."""
    waiting: dict[Hashable, list[int]] = defaultdict(list)
    for place, row in enumerate(old):
        waiting[key(row)].append(place)
    for places in waiting.values():
        places.reverse()  # the first one is popped first
    pairs, rest, taken = [], [], set()
    for row in new:
        found = key(row)
        if found is not None and waiting.get(found):
            place = waiting[found].pop()
            taken.add(place)
            pairs.append(Pair(old[place], row))
        else:
            rest.append(row)
    return pairs, [row for place, row in enumerate(old) if place not in taken], rest


def _content(example: Example) -> str:
    return f"{content_id(example.messages, example.tools)} {[m.train for m in example.messages]}"


def _prompt(example: Example) -> str:
    return content_id(example.prompt, example.tools)


def _own_id(old: Sequence[Row], new: Sequence[Row]) -> Callable[[Row], Hashable | None]:
    """The user's own id where no other row on its side has it."""

    def ids(rows: Sequence[Row]) -> Counter[str]:
        return Counter(name for row in rows if (name := _id_of(row.example)) is not None)

    counts = (ids(old), ids(new))

    def key(row: Row) -> Hashable | None:
        name = _id_of(row.example)
        return name if name is not None and all(count[name] == 1 for count in counts) else None

    return key


def _id_of(example: Example) -> str | None:
    own = example.meta.get("id")
    if own is None:
        return None
    file = example.origin.file.rsplit("/", 1)[-1] if example.origin else ""
    return json.dumps([file, own, example.meta.get("round")], ensure_ascii=False, default=str)


def _row_dict(row: Row) -> dict[str, Any]:
    example = row.example
    return {
        "part": row.part,
        "id": example.id,
        "origin": None if example.origin is None else str(example.origin),
        "prompt": example.prompt[-1].content if example.prompt else "",
        "answer": said(example),
        "learnt": [place for place, m in enumerate(example.messages) if m.train],
    }


def _sources(card: Mapping[str, Any]) -> dict[str, Any]:
    """Facts of each source by its file and sheet; a second one of the same file is numbered."""
    facts: dict[str, Any] = {}
    seen: Counter[str] = Counter()
    for source in card.get("sources", ()):
        name = str(source.get("file") or source.get("patterns"))
        name += f", sheet {source['sheet']}" if source.get("sheet") else ""
        seen[name] += 1
        name += f" ({seen[name]})" if seen[name] > 1 else ""
        facts |= {f"{name}: {key}": value for key, value in _flat(source).items() if key != "file"}
    return facts


def _steps(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Changes of the steps, aligned by name in order; a step that came or went is one change."""
    old, new = list(before.get("steps", ())), list(after.get("steps", ()))
    names = ([_step_name(step) for step in old], [_step_name(step) for step in new])
    found: list[dict[str, Any]] = []
    for tag, a, b, c, d in SequenceMatcher(None, *names, autojunk=False).get_opcodes():
        if tag == "equal":
            for one, two in zip(old[a:b], new[c:d], strict=True):
                changes = _changes(_flat(one), _flat(two))
                found += [{**change, "what": f"{_step_name(one)}.{change['what']}"} for change in changes]
            continue
        gone = [(step, True) for step in old[a:b]] + [(step, False) for step in new[c:d]]
        for step, was in gone:
            text = f"{step.get('in')} -> {step.get('out')}"
            values = {"before": text, "after": None} if was else {"before": None, "after": text}
            found.append({"what": _step_name(step), **values})
            seeds = {key: value for key, value in _flat(step).items() if "seed" in key.rsplit(".", 1)[-1]}
            for key, value in seeds.items():
                sides = {"before": value, "after": None} if was else {"before": None, "after": value}
                found.append({"what": f"{_step_name(step)}.{key}", **sides})
    return found


def _step_name(step: Mapping[str, Any]) -> str:
    part = f" ({step['part']})" if step.get("part") else ""
    return f"{step.get('name')}{part}"


def _changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[dict[str, Any]]:
    names = dict.fromkeys([*before, *after])
    return [
        {"what": name, "before": before.get(name), "after": after.get(name)}
        for name in names
        if before.get(name) != after.get(name)
    ]


def _flat(value: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested values by dotted names; reasons of drops by their text, without the rows."""
    found: dict[str, Any] = {}
    for key, inner in value.items():
        name = f"{prefix}{key}"
        if key in ("examples", "name"):
            continue
        if isinstance(inner, Mapping):
            found |= _flat(inner, f"{name}.")
        elif (
            isinstance(inner, list) and inner and all(isinstance(i, Mapping) and "reason" in i for i in inner)
        ):
            found |= {f"{name}: {item['reason']}": item.get("count") for item in inner}
        elif inner not in ([], None):
            found[name] = inner
    return found


def short(text: str | None) -> str:
    """One line of a text for a terminal."""
    line = " ".join((text or "").split())
    return line if len(line) <= _SHORT else f"{line[: _SHORT // 2]} … {line[-_SHORT // 2 :]}"
