"""The card of a data set: where it comes from, what every step did to it, and what is odd about it.

A plain dict that json can write. Nothing in it depends on the machine or the time.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate, pairwise, zip_longest
from typing import Any

from weitiao.data.column import few_different, num_different
from weitiao.data.facts import NO_ANSWER, Facts, SamePrompts, said
from weitiao.data.fit import Fitting
from weitiao.data.read import Reading
from weitiao.data.tally import NUM_EXAMPLES, Drop
from weitiao.types import Example

__all__ = [
    "NUM_EXAMPLES",
    "SCHEMA_VERSION",
    "conflict_lines",
    "findings",
    "fit_step",
    "licences",
    "reasons",
    "said",
    "source_entry",
    "step",
    "warnings_of",
]

SCHEMA_VERSION = 1
_NUM_LABELS = 50
_NUM_LEAKED = 3  # rows of each part that are shown for one leaked prompt
_SHORT = 80


def source_entry(reading: Reading, part: str, shape: str) -> dict[str, Any]:
    """One file: as the user wrote it, with its hash, size and shape."""
    entry: dict[str, Any] = {
        "file": reading.source.file,
        "sheet": reading.sheet,
        "sha256": reading.sha256(),
        "rows": reading.rows,
        "encoding": reading.encoding,
        "part": part,
    }
    if shape != "prompt_response":
        entry["shape"] = shape
    if reading.source.licence is not None:
        entry["licence"] = reading.source.licence
    if reading.notes:
        entry["notes"] = list(reading.notes)
    if reading.items is not None:
        entry["items"] = reading.items
    if reading.source.path is not None:
        entry["path"] = reading.source.path
    if reading.source.limit is not None:
        entry["limit"] = reading.source.limit
    if reading.source.patterns is not None:
        entry["seed"] = reading.source.seed or 0
    return entry


def licences(sources: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Files by what their sources say about the licence, and those that say nothing."""
    stated: dict[str, list[str]] = {}
    for source in sources:
        if source.get("licence"):
            stated.setdefault(source["licence"], []).append(source["file"])
    return {
        "stated": {licence: list(dict.fromkeys(files)) for licence, files in stated.items()},
        "not_stated": list(dict.fromkeys(s["file"] for s in sources if not s.get("licence"))),
    }


def step(name: str, num_in: int, num_out: int, drops: Iterable[Drop] = (), **more: Any) -> dict[str, Any]:
    """One step: rows in, rows out, and what was left out for which reason."""
    return {"name": name, "in": num_in, "out": num_out, "dropped": reasons(drops), **more}


def reasons(drops: Iterable[Drop]) -> list[dict[str, Any]]:
    """Rows by reason: how many, and the first of them."""
    merged: dict[str, list[Drop]] = defaultdict(list)
    for drop in drops:
        merged[drop.reason].append(drop)
    return [
        {
            "reason": reason,
            "count": sum(drop.count for drop in same),
            "examples": [row for drop in same for row in drop.rows][:NUM_EXAMPLES],
            **_texts(same),
        }
        for reason, same in merged.items()
    ]


def _texts(drops: Iterable[Drop]) -> dict[str, list[str]]:
    """What the rows say, in the order of ``examples``, where all of them were noted."""
    pairs = [pair for drop in drops for pair in zip_longest(drop.rows, drop.texts)][:NUM_EXAMPLES]
    texts = [text for _, text in pairs if text is not None]
    return {"texts": texts} if texts and len(texts) == len(pairs) else {}


def fit_step(fitting: Fitting, truncate: str) -> dict[str, Any]:
    """The step that cuts over-long prompts."""
    cut = {
        "side": truncate,
        "count": fitting.num_cut,
        "characters": fitting.characters,
        "examples": [
            {"origin": _origin(f.example), "characters": f.cut, "tokens": f.tokens}
            for f in fitting.first_cuts
        ],
    }
    return step("fit", fitting.num_in, fitting.num_in, truncated=cut)


def findings(parts: Mapping[str, Sequence[Example]], facts: Facts) -> dict[str, Any]:
    """What is repeated, contradictory or leaked, the sizes, the labels and the lengths.

    Args:
        parts: Examples by part; only those that are shown are fetched.
        facts: Of all of them, the parts behind each other.
    """
    whole = _Whole(parts, facts)
    return {
        "duplicates": _duplicates(whole),
        "conflicts": _conflicts(whole),
        "leaks": _leaks(whole),
        "parts": {
            name: {"examples": end - begin, "groups": num_different(facts.groups, begin, end)}
            for name, (begin, end) in zip(parts, pairwise([0, *whole.ends]), strict=True)
        },
        "labels": _labels(whole),
        "lengths": {
            "prompt": _ranks(facts.prompt_lengths),
            "response": _ranks(facts.answer_lengths),
        },
    }


class _Whole:
    """All parts as one sequence of rows: the parts behind each other."""

    def __init__(self, parts: Mapping[str, Sequence[Example]], facts: Facts) -> None:
        self.parts, self.facts = parts, facts
        self.names = list(parts)
        self.ends = list(accumulate(map(len, parts.values())))
        # copies of a row are repeated on purpose
        self.same = SamePrompts(facts.prompts, facts.answers, without=facts.copies)

    def part_of(self, rows: Any) -> Any:
        """Number of the part of each row."""
        import numpy as np

        return np.searchsorted(self.ends, rows, side="right")

    def example(self, row: int) -> Example:
        number = int(self.part_of(row))
        return self.parts[self.names[number]][row - (self.ends[number - 1] if number else 0)]

    def group(self, group: int) -> list[int]:
        """The first rows of a group of `same`."""
        return self.same.rows(group)[:NUM_EXAMPLES]

    def same_with_copies(self) -> SamePrompts:
        """`same` of all rows, copies too."""
        whole = self.same.num_rows == len(self.facts)
        return self.same if whole else SamePrompts(self.facts.prompts, self.facts.answers)


def _duplicates(whole: _Whole) -> dict[str, Any]:
    """Rows whose prompt stood there before.

    ``count``: rows beyond the first of their prompt; ``identical``: those that repeat a response too.
    """
    same = whole.same
    groups = range(len(same.first))[:NUM_EXAMPLES]
    shown = [[whole.example(row) for row in whole.group(group)] for group in groups]
    return {
        "count": same.num_rows - same.num_prompts,
        "identical": same.num_rows - same.num_pairs,
        "examples": [{"prompt": _prompt(rows[0]), "origins": [_origin(e) for e in rows]} for rows in shown],
    }


def _conflicts(whole: _Whole) -> dict[str, Any]:
    """Prompts with different responses: ``count`` prompts, ``rows`` of them."""
    found = whole.same.conflicting
    shown = [[whole.example(row) for row in whole.group(group)] for group in found[:NUM_EXAMPLES]]
    return {
        "count": len(found),
        "rows": int(whole.same.size[found].sum()),
        "examples": [
            {
                "prompt": _prompt(rows[0]),
                "responses": [{"response": _short(said(e) or ""), "origin": _origin(e)} for e in rows],
            }
            for rows in shown
        ],
    }


def _leaks(whole: _Whole) -> dict[str, Any]:
    """Prompts that stand in two parts: ``count`` prompts, and rows of each part that have such a prompt."""
    import numpy as np

    same = whole.same_with_copies()
    num, part_of = len(same.first), whole.part_of(same.shared)
    rows = [np.bincount(same.group[part_of == part], minlength=num) for part in range(len(whole.names))]
    found = np.flatnonzero(sum(count > 0 for count in rows) > 1)
    examples = []
    for group in found[:NUM_EXAMPLES]:
        origins: dict[str, list[str]] = {}
        for row in same.rows(group):
            part = origins.setdefault(whole.names[whole.part_of(row)], [])
            if len(part) < _NUM_LEAKED:
                part.append(_origin(whole.example(row)))
        examples.append({"prompt": _prompt(whole.example(int(same.first[group]))), "origins": origins})
    return {
        "count": len(found),
        "rows": {name: int(count[found].sum()) for name, count in zip(whole.names, rows, strict=True)},
        "examples": examples,
    }


def _labels(whole: _Whole) -> dict[str, int] | None:
    """Counts of the responses where they form a closed set of at most 50, else None."""
    found = few_different(whole.facts.answers, _NUM_LABELS + 1)
    if found is None:
        return None
    found.pop(NO_ANSWER, None)
    if len(found) > min(_NUM_LABELS, sum(count for _, count in found.values()) - 1):
        return None
    # the most frequent first, of equals the one that came first
    ordered = sorted(found.values(), key=lambda place: (-place[1], place[0]))
    return {said(whole.example(row)) or "": count for row, count in ordered}


def _ranks(lengths: Counter[int]) -> dict[str, int]:
    """Median, 95th percentile and maximum (nearest rank) of lengths that are given with their counts."""
    ordered = sorted(lengths)
    upto = list(accumulate(lengths[length] for length in ordered))

    def rank(percent: int) -> int:
        return ordered[bisect_left(upto, max(1, -(-upto[-1] * percent // 100)))] if upto else 0

    return {"median": rank(50), "p95": rank(95), "max": rank(100)}


def conflict_lines(examples: Sequence[Example], facts: Facts, limit: int) -> tuple[int, list[str]]:
    """How many prompts have different responses, and the first of them in words.

    Args:
        examples: All of them.
        facts: About them.
        limit: How many are put in words.
    """
    same = SamePrompts(facts.prompts, facts.answers)
    lines = []
    for group in same.conflicting[:limit]:
        shown = [examples[row] for row in same.rows(group)[:4]]
        lines.append(" / ".join(f"{said(e)!r} ({e.origin})" for e in shown))
    return len(same.conflicting), lines


def warnings_of(card: Mapping[str, Any]) -> list[str]:
    """What a user should look at, one sentence each."""
    found = [warning for step in card.get("steps", ()) for warning in step.get("warnings", ())]
    leaked = card.get("leaks", {"count": 0})
    if leaked["count"]:
        rows = ", ".join(f"{count} {name}" for name, count in leaked["rows"].items() if count)
        found.append(
            f"{leaked['count']} prompts stand in more than one part ({rows} rows): scores there are not fair; "
            "of parts given as files data.fix.leaks: drop takes them out"
        )
    conflicting = card.get("conflicts", {"count": 0})
    if conflicting["count"]:
        found.append(f"{conflicting['count']} prompts have different responses ({conflicting['rows']} rows)")
    return found


def _prompt(example: Example) -> str:
    return _short(example.prompt[-1].content)


def _short(text: str) -> str:
    return text if len(text) <= _SHORT else f"{text[: _SHORT // 2]} … {text[-_SHORT // 2 :]}"


def _origin(example: Example) -> str:
    return str(example.origin or example.id)
