"""Two versions of a data set: which rows came, went, moved to another part or got another answer, and why.

Rows are matched in five passes, each over what the passes before have left:

1. the same turns in the same part: unchanged
2. the same turns in another part: moved
3. the same prompt: another answer (and perhaps another part)
4. the same id of the user's own: another prompt
5. the same row of a source whose bytes are the same: another prompt, for instance because the template is another

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
from weitiao.data.facts import COPY
from weitiao.data.split import PARTS
from weitiao.types import Dataset, Example, content_id

_SHORT = 120
_AROUND = 20  # characters shown beside a difference
_LISTED_ELSEWHERE = ("sources", "train", "dev", "test", "steps")


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
        prompts: The same id, or the same row of an unchanged source, with another prompt.
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
    rows_before, rows_after = _source_row(before.card, old), _source_row(after.card, new)
    reworded, old, new = _match(old, new, rows_before, rows_after)
    return Difference(
        len(same),
        tuple(new),
        tuple(old),
        tuple(moved),
        (*stayed, *answers),
        (*prompts, *reworded),
        card_difference(before.card, after.card),
    )


def card_difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """What two cards say differently.

    Returns:
        ``sources``, ``templates``, ``settings`` (of the recipe's section ``data``), ``seeds``, ``steps`` and
        ``labels``: lists of ``{"what", "before", "after"}``, None where one of them has nothing to say. Examples of
        dropped rows are not compared.
    """
    steps = _steps(before, after)
    return {
        "sources": _changes(_sources(before), _sources(after)),
        "templates": _changes(_templates(before), _templates(after)),
        "settings": _changes(_settings(before), _settings(after)),
        "seeds": [change for change in steps if "seed" in change["what"].rsplit(".", 1)[-1]],
        "steps": [change for change in steps if "seed" not in change["what"].rsplit(".", 1)[-1]],
        "labels": _changes(before.get("labels") or {}, after.get("labels") or {}),
    }


def _rows(dataset: Dataset) -> list[Row]:
    return [Row(part, example) for part in PARTS for example in getattr(dataset, part)]


Key = Callable[[Row], Hashable | None]


def _match(
    old: Sequence[Row], new: Sequence[Row], key: Key, new_key: Key | None = None
) -> tuple[list[Pair], list[Row], list[Row]]:
    """Pairs with equal keys, one to one in order; and what is left on both sides. None matches nothing."""
    key_of_new = new_key or key
    waiting: dict[Hashable, list[int]] = defaultdict(list)
    for place, row in enumerate(old):
        waiting[key(row)].append(place)
    for places in waiting.values():
        places.reverse()  # the first one is popped first
    pairs, rest, taken = [], [], set()
    for row in new:
        found = key_of_new(row)
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


def _own_id(old: Sequence[Row], new: Sequence[Row]) -> Key:
    """The user's own id where no other row on its side has it."""

    def ids(rows: Sequence[Row]) -> Counter[str]:
        return Counter(name for row in rows if (name := _id_of(row.example)) is not None)

    counts = (ids(old), ids(new))

    def key(row: Row) -> Hashable | None:
        name = _id_of(row.example)
        return name if name is not None and all(count[name] == 1 for count in counts) else None

    return key


def _source_row(card: Mapping[str, Any], rows: Sequence[Row]) -> Key:
    """Bytes of the source, and the row in it, where one of ``rows`` alone comes from there.

    Rows drawn from patterns (their source has a seed) have no place of their own: other draws give others.
    """
    hashes = {
        (source.get("file"), source.get("sheet")): (source.get("sha256"), source.get("path"))
        for source in card.get("sources", ())
        if source.get("sha256") and "seed" not in source
    }

    def place(row: Row) -> Hashable | None:
        origin, meta = row.example.origin, row.example.meta
        source = None if origin is None else hashes.get((origin.file, origin.sheet))
        if origin is None or source is None:
            return None
        return source, origin.sheet, origin.row, meta.get("round"), meta.get(COPY)

    counts = Counter(map(place, rows))
    return lambda row: found if counts[found := place(row)] == 1 else None


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


def _templates(card: Mapping[str, Any]) -> dict[str, str]:
    """Id, version and language of the templates of each part, with the beginning of the hash of their text."""
    found: dict[str, str] = {}
    for template in card.get("templates", ()):
        said = ", ".join(
            [
                str(template.get("template")),
                f"version {template.get('version')}",
                str(template.get("language")),
                str(template.get("sha256"))[:12],
            ]
        )
        part = str(template.get("part"))
        found[part] = f"{found[part]}; {said}" if part in found else said
    return found


def _settings(card: Mapping[str, Any]) -> dict[str, Any]:
    """What the recipe said, beside the sources."""
    lineage = card.get("lineage") or {}
    data = {k: v for k, v in (lineage.get("data") or {}).items() if k not in _LISTED_ELSEWHERE}
    return _flat({"weitiao": lineage.get("weitiao"), **data})


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
            text = f"{step.get('in')} rows in, {step.get('out')} out"
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


def short_pair(before: str, after: str) -> tuple[str, str]:
    """Two texts for a terminal, each on one line: of what they share at both ends only some characters."""
    one, two = (" ".join(text.split()) for text in (before, after))
    cut = (one, two) if one == two else around_difference(one, two)  # they may differ in blanks alone
    return short(cut[0]), short(cut[1])


def around_difference(one: str, two: str) -> tuple[str, str]:
    """Two texts with some characters of what they share at both ends, and nothing else taken away."""
    begin = _shared(one, two)
    end = min(_shared(one[::-1], two[::-1]), len(one) - begin, len(two) - begin)
    begin, end = max(0, begin - _AROUND), max(0, end - _AROUND)
    cut = [f"{'…' * bool(begin)}{t[begin : len(t) - end]}{'…' * bool(end)}" for t in (one, two)]
    return cut[0], cut[1]


def _shared(one: str, two: str) -> int:
    """Length of the beginning that two texts share."""
    places = (place for place, (a, b) in enumerate(zip(one, two, strict=False)) if a != b)
    return next(places, min(len(one), len(two)))


def short(text: str | None) -> str:
    """One line of a text for a terminal."""
    line = " ".join((text or "").split())
    return line if len(line) <= _SHORT else f"{line[: _SHORT // 2]} … {line[-_SHORT // 2 :]}"
