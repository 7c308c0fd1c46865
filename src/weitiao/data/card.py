"""The card of a data set: where it comes from, what every step did to it, and what is odd about it.

A plain dict that json can write. Nothing in it depends on the machine or the time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import zip_longest
from typing import Any

from weitiao.data.facts import NO_ANSWER, Facts, SamePrompts, num_different, said
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
    if reading.notes:
        entry["notes"] = list(reading.notes)
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


def findings(parts: Mapping[str, Sequence[Example]], facts: Mapping[str, Facts]) -> dict[str, Any]:
    """What is repeated, contradictory or leaked, the sizes, the labels and the lengths.

    Args:
        parts: Examples by part; only those that are shown are fetched.
        facts: Of the same parts.
    """
    whole = _Whole(parts, facts)
    return {
        "duplicates": _duplicates(whole),
        "conflicts": _conflicts(whole),
        "leaks": _leaks(whole),
        "parts": {
            name: {"examples": len(part), "groups": num_different(part.groups)}
            for name, part in facts.items()
        },
        "labels": _labels(whole),
        "lengths": {
            "prompt": _ranks([part.prompt_lengths for part in facts.values()]),
            "response": _ranks([part.answer_lengths for part in facts.values()]),
        },
    }


class _Whole:
    """All parts as one sequence of rows: the parts behind each other."""

    def __init__(self, parts: Mapping[str, Sequence[Example]], facts: Mapping[str, Facts]) -> None:
        import numpy as np

        def joined(name: str) -> Any:
            return np.concatenate([np.asarray(getattr(part, name), np.uint64) for part in facts.values()])

        self.parts = parts
        self.prompts, self.answers = joined("prompts"), joined("answers")
        self.names = list(parts)
        self.ends = np.cumsum([len(part) for part in facts.values()])
        self.part = np.repeat(np.arange(len(parts), dtype=np.int8), [len(part) for part in facts.values()])
        self.rows = np.flatnonzero(joined("copies") == 0)  # copies of a row are repeated on purpose
        self.same = SamePrompts(self.prompts[self.rows], self.answers[self.rows])

    def example(self, row: int) -> Example:
        number = int(self.part[row])
        begin = int(self.ends[number - 1]) if number else 0
        return self.parts[self.names[number]][row - begin]

    def group(self, group: int) -> list[int]:
        """The first rows of a group of `same`."""
        return [int(self.rows[row]) for row in self.same.rows(group)[:NUM_EXAMPLES]]


def _duplicates(whole: _Whole) -> dict[str, Any]:
    """Rows whose prompt stood there before.

    ``count``: rows beyond the first of their prompt; ``identical``: those that repeat a response too.
    """
    same = whole.same
    shown = [[whole.example(row) for row in whole.group(group)] for group in same.repeated[:NUM_EXAMPLES]]
    return {
        "count": len(same.group) - len(same.first),
        "identical": len(same.group) - same.num_pairs,
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

    no_copies = len(whole.rows) == len(whole.prompts)
    same = whole.same if no_copies else SamePrompts(whole.prompts, whole.answers)
    num = len(same.first)
    rows = [np.bincount(same.group[whole.part == part], minlength=num) for part in range(len(whole.names))]
    found = np.flatnonzero(sum(count > 0 for count in rows) > 1)
    examples = []
    for group in found[:NUM_EXAMPLES]:
        origins: dict[str, list[str]] = {}
        for row in same.rows(group):
            part = origins.setdefault(whole.names[whole.part[row]], [])
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
    import numpy as np

    there = np.flatnonzero(whole.answers != NO_ANSWER)
    answers = whole.answers[there]
    if num_different(answers) > min(_NUM_LABELS, len(there) - 1):
        return None
    _, first, counts = np.unique(answers, return_index=True, return_counts=True)
    order = np.lexsort((first, -counts))  # the most frequent first, of equals the one that came first
    return {said(whole.example(int(there[first[k]]))) or "": int(counts[k]) for k in order}


def _ranks(lengths: Sequence[Any]) -> dict[str, int]:
    """Median, 95th percentile and maximum (nearest rank) of the lengths of all parts."""
    import numpy as np

    values = np.sort(np.concatenate([np.asarray(part) for part in lengths]))

    def rank(percent: int) -> int:
        return int(values[max(0, -(-len(values) * percent // 100) - 1)]) if len(values) else 0

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
            f"{leaked['count']} prompts stand in more than one part ({rows} rows): scores there are not fair"
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
