"""The card of a data set: where it comes from, what every step did to it, and what is odd about it.

A plain dict that json can write. Nothing in it depends on the machine or the time.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from weitiao.data.build import Drop
from weitiao.data.fit import Fit
from weitiao.data.read import Reading
from weitiao.types import Example, content_id

SCHEMA_VERSION = 1
NUM_EXAMPLES = 20  # written out for each finding; all are counted
_NUM_LABELS = 50
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
    if reading.items is not None:
        entry["items"] = reading.items
    if reading.source.limit is not None:
        entry["limit"] = reading.source.limit
    if reading.source.patterns is not None:
        entry["seed"] = reading.source.seed or 0
    return entry


def step(name: str, num_in: int, num_out: int, drops: Iterable[Drop] = (), **more: Any) -> dict[str, Any]:
    """One step: rows in, rows out, and what was left out for which reason."""
    return {"name": name, "in": num_in, "out": num_out, "dropped": reasons(drops), **more}


def reasons(drops: Iterable[Drop]) -> list[dict[str, Any]]:
    """Rows by reason: how many, and the first of them."""
    merged: dict[str, list[str]] = defaultdict(list)
    for drop in drops:
        merged[drop.reason].extend(drop.rows)
    return [
        {"reason": reason, "count": len(rows), "examples": rows[:NUM_EXAMPLES]}
        for reason, rows in merged.items()
    ]


def fit_step(num_in: int, cuts: Sequence[Fit], truncate: str) -> dict[str, Any]:
    """The step that cuts over-long prompts."""
    cut = {
        "side": truncate,
        "count": len(cuts),
        "characters": sum(f.cut for f in cuts),
        "examples": [
            {"origin": _origin(f.example), "characters": f.cut, "tokens": f.tokens}
            for f in cuts[:NUM_EXAMPLES]
        ],
    }
    return step("fit", num_in, num_in, truncated=cut)


def prompts_of(examples: Iterable[Example]) -> dict[str, list[Example]]:
    """Examples by identical prompt, in order of appearance."""
    by_prompt: dict[str, list[Example]] = defaultdict(list)
    for example in examples:
        by_prompt[content_id(example.prompt, example.tools)].append(example)
    return by_prompt


def duplicates(by_prompt: Mapping[str, Sequence[Example]]) -> dict[str, Any]:
    """Rows whose prompt stood there before.

    ``count``: rows beyond the first of their prompt; ``identical``: those that repeat a response too.
    """
    repeated = [group for group in by_prompt.values() if len(group) > 1]
    return {
        "count": sum(len(group) - 1 for group in repeated),
        "identical": sum(len(group) - len({said(e) for e in group}) for group in repeated),
        "examples": [
            {"prompt": _prompt(group[0]), "origins": [_origin(e) for e in group[:NUM_EXAMPLES]]}
            for group in repeated[:NUM_EXAMPLES]
        ],
    }


def conflicts(by_prompt: Mapping[str, Sequence[Example]]) -> dict[str, Any]:
    """Prompts with different responses: ``count`` prompts, ``rows`` of them."""
    found = [group for group in by_prompt.values() if len({said(e) for e in group}) > 1]
    return {
        "count": len(found),
        "rows": sum(len(group) for group in found),
        "examples": [
            {
                "prompt": _prompt(group[0]),
                "responses": [
                    {"response": _short(said(e) or ""), "origin": _origin(e)} for e in group[:NUM_EXAMPLES]
                ],
            }
            for group in found[:NUM_EXAMPLES]
        ],
    }


def leaks(parts: Mapping[str, Sequence[Example]]) -> dict[str, Any]:
    """Prompts that stand in two parts: ``count`` prompts, and rows of each part that have such a prompt."""
    seen: dict[str, dict[str, list[Example]]] = defaultdict(dict)
    for name, examples in parts.items():
        for prompt, group in prompts_of(examples).items():
            seen[prompt][name] = group
    found = [where for where in seen.values() if len(where) > 1]
    return {
        "count": len(found),
        "rows": {name: sum(len(where.get(name, ())) for where in found) for name in parts},
        "examples": [
            {
                "prompt": _prompt(next(iter(where.values()))[0]),
                "origins": {name: [_origin(e) for e in group[:3]] for name, group in where.items()},
            }
            for where in found[:NUM_EXAMPLES]
        ],
    }


def labels(examples: Iterable[Example]) -> dict[str, int] | None:
    """Counts of the responses where they form a closed set of at most 50, else None."""
    counts = Counter(text for e in examples if (text := said(e)) is not None)
    repeated = sum(counts.values()) > len(counts)
    return dict(counts.most_common()) if repeated and len(counts) <= _NUM_LABELS else None


def lengths(examples: Sequence[Example]) -> dict[str, dict[str, int]]:
    """Characters of prompts and responses: median, 95th percentile, maximum (nearest rank)."""
    texts = {
        "prompt": sorted(sum(len(m.content) for m in e.prompt) for e in examples),
        "response": sorted(len(said(e) or "") for e in examples),
    }
    return {
        name: {"median": _rank(values, 50), "p95": _rank(values, 95), "max": _rank(values, 100)}
        for name, values in texts.items()
    }


def _rank(values: Sequence[int], percent: int) -> int:
    return values[max(0, -(-len(values) * percent // 100) - 1)] if values else 0


def warnings_of(card: Mapping[str, Any]) -> list[str]:
    """What a user should look at, one sentence each."""
    found = []
    leaked = card["leaks"]
    if leaked["count"]:
        rows = ", ".join(f"{count} {name}" for name, count in leaked["rows"].items() if count)
        found.append(
            f"{leaked['count']} prompts stand in more than one part ({rows} rows): scores there are not fair"
        )
    conflicting = card["conflicts"]
    if conflicting["count"]:
        found.append(f"{conflicting['count']} prompts have different responses ({conflicting['rows']} rows)")
    return found


def part_entry(examples: Sequence[Example]) -> dict[str, int]:
    """Size of one part."""
    return {"examples": len(examples), "groups": len({e.group for e in examples})}


def said(example: Example) -> str | None:
    """The reply with its function calls as JSON, None where there is none."""
    calls = example.messages[-1].tool_calls
    if not calls:
        return example.reference
    written = [json.dumps(call.as_dict(), ensure_ascii=False) for call in calls]
    return "\n".join([example.reference, *written] if example.reference else written)


def _prompt(example: Example) -> str:
    return _short(example.prompt[-1].content)


def _short(text: str) -> str:
    return text if len(text) <= _SHORT else f"{text[: _SHORT // 2]} … {text[-_SHORT // 2 :]}"


def _origin(example: Example) -> str:
    return str(example.origin or example.id)
