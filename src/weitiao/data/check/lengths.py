"""Lengths in characters and, where a tokenizer is given, in the base's own tokens; what makes samples long."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from weitiao.data.check.finding import Finding, found, many
from weitiao.data.check.material import Case, Material
from weitiao.data.template import to_text


def check_lengths(material: Material) -> Iterator[Finding]:
    """Median, 95th percentile and maximum, and what is over the limit."""
    cases = material.cases
    if not cases:
        return
    prompts = [sum(len(m.content) for m in case.example.prompt) for case in cases]
    replies = [len(case.said or "") for case in cases]
    tokens = _tokens(material)
    title = f"characters: prompt {ranks(prompts)}, answer {ranks(replies)} (median / 95% / most)"
    if tokens:
        title += f"; tokens of whole samples {ranks(tokens)}"
    yield found(
        "lengths",
        "note",
        title,
        (),
        count=len(cases),
        prompt_characters=quantiles(prompts),
        answer_characters=quantiles(replies),
        tokens=quantiles(tokens) if tokens else None,
    )
    limit = material.options.max_length
    if tokens and limit is not None:
        long = [k for k, n in enumerate(tokens) if n > limit]
        if long:
            yield found(
                "too_long",
                "serious",
                f"{many(len(long), 'sample')} of {len(cases):,} have more than {limit:,} tokens; what fills them: "
                + ", ".join(f"{n} {s:.0%}" for n, s in shares([cases[k] for k in long]).items()),
                (cases[k].where for k in long),
                limit=limit,
                longest=max(tokens),
                shares=shares([cases[k] for k in long]),
            )


def _tokens(material: Material) -> list[int]:
    count = material.options.count_tokens
    return [] if count is None else [count(case.example) for case in material.cases]


def shares(cases: Sequence[Case]) -> dict[str, float]:
    """How much of the prompts each column makes up, largest first; the rest is the fixed text."""
    total = sum(len(case.prompt) for case in cases) or 1
    parts: dict[str, int] = {}
    for case in cases:
        for name, value in case.fields.items():
            text = to_text(value)
            if len(text) > 3 and text in case.prompt:
                parts[name] = parts.get(name, 0) + len(text)
    found_shares = {name: round(size / total, 4) for name, size in parts.items() if size >= 0.01 * total}
    return dict(sorted(found_shares.items(), key=lambda item: -item[1]))


def quantiles(values: Sequence[int]) -> dict[str, int]:
    """Median, 95th percentile and maximum (nearest rank)."""
    ordered = sorted(values)
    return {
        name: ordered[max(0, -(-len(ordered) * percent // 100) - 1)]
        for name, percent in (("median", 50), ("p95", 95), ("max", 100))
    }


def ranks(values: Sequence[int]) -> str:
    """The three numbers as ``30 / 45 / 65``."""
    return " / ".join(f"{n:,}" for n in quantiles(values).values())
