"""The samples a reader should see: the best and the worst, with what differs marked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, Literal

from weitiao.evaluate.normalise import normalise

RANKING = (
    "Samples are ranked by the tuned answer: exact match first, then character F1 (characters shared with "
    "the reference, order ignored). Among equals, the largest gain over the base comes first in the best "
    "list, the smallest in the worst list. No sample is in both lists."
)
_MARKED_CHARACTERS = 3000  # difflib is quadratic
_ALIKE = 0.25  # below this share of matching characters marks would only be noise


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of an answer: ``same`` as the reference, ``extra`` here, or ``missing`` from it."""

    kind: Literal["same", "extra", "missing"]
    text: str


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer as shown: its pieces against the reference, whether it is exact, character F1 (0 to 1)."""

    text: str
    pieces: tuple[Piece, ...]
    exact: bool
    f1: float


@dataclass(frozen=True, slots=True)
class Sample:
    """One test sample as shown.

    ``headline`` is the prompt on one line, without what all prompts begin with; ``before`` is None when
    the base was not measured.
    """

    rank: int
    id: str
    origin: str
    prompt: str
    headline: str
    reference: str
    before: Answer | None
    after: Answer
    logprob_before: float | None
    logprob_after: float | None


def character_f1(prediction: str, reference: str) -> float:
    """F1 of the multisets of characters of two texts after normalisation; 1 when both are empty.

    Example:
        >>> character_f1("年报", "年度报告")
        0.6666666666666666
    """
    found, wanted = Counter(normalise(prediction)), Counter(normalise(reference))
    total = found.total() + wanted.total()
    return 2 * (found & wanted).total() / total if total else 1.0


def mark(answer: str, reference: str) -> tuple[Piece, ...]:
    """Split an answer at its differences from the reference.

    Joining the ``same`` and ``extra`` pieces gives the answer; joining ``same`` and ``missing`` gives the
    reference, unless the two have next to nothing in common: then the whole answer is one ``extra`` piece.
    """
    if not answer:
        return ()
    if answer == reference:
        return (Piece("same", answer),)
    if max(len(answer), len(reference)) > _MARKED_CHARACTERS:
        return (Piece("extra", answer),)
    matcher = SequenceMatcher(None, reference, answer, autojunk=False)
    if matcher.ratio() < _ALIKE:
        return (Piece("extra", answer),)
    pieces: list[Piece] = []
    for kind, i1, i2, j1, j2 in matcher.get_opcodes():
        if kind == "equal":
            pieces.append(Piece("same", answer[j1:j2]))
            continue
        if i2 > i1:
            pieces.append(Piece("missing", reference[i1:i2]))
        if j2 > j1:
            pieces.append(Piece("extra", answer[j1:j2]))
    return tuple(pieces)


def best_and_worst(
    predictions: Sequence[Mapping[str, Any]], count: int = 20
) -> tuple[tuple[Sample, ...], tuple[Sample, ...]]:
    """The ``count`` best and worst samples, best first and worst first.

    Args:
        predictions: Rows of ``predictions.jsonl``; rows without reference or answer are not ranked.
        count: Length of each list; with fewer than twice as many samples each gets half, the best list
            the odd one.
    """
    rows = [r for r in predictions if r.get("reference") is not None and r.get("after") is not None]
    ranked = sorted(range(len(rows)), key=lambda k: (_sort_key(rows[k]), -k), reverse=True)
    shared = _shared_beginning([str(r.get("prompt", "")) for r in rows])
    best = min(count, (len(ranked) + 1) // 2)
    worst = min(count, len(ranked) - best)
    return (
        tuple(_sample(rows[k], n + 1, shared) for n, k in enumerate(ranked[:best])),
        tuple(_sample(rows[k], n + 1, shared) for n, k in enumerate(reversed(ranked[len(ranked) - worst :]))),
    )


def _shared_beginning(prompts: Sequence[str]) -> int:
    """How many characters all prompts begin with; 0 when too few for leaving them out, or nothing remains."""
    low, high = min(prompts, default=""), max(prompts, default="")  # all others lie between them
    differ = (k for k, (a, b) in enumerate(zip(low, high, strict=False)) if a != b)
    shared = next(differ, min(len(low), len(high)))
    return shared if shared >= 12 and any(len(p) > shared for p in prompts) else 0


def _sort_key(row: Mapping[str, Any]) -> tuple[bool, float, float]:
    reference, after = row["reference"], row["after"]["text"]
    quality = character_f1(after, reference)
    before = row.get("before")
    gain = quality - character_f1(before["text"], reference) if before else 0.0
    return normalise(after) == normalise(reference), quality, gain


def _answer(side: Mapping[str, Any], reference: str) -> Answer:
    text = side["text"]
    exact = normalise(text) == normalise(reference)
    return Answer(text, mark(text, reference), exact, character_f1(text, reference))


def _sample(row: Mapping[str, Any], rank: int, shared: int) -> Sample:
    reference, before = row["reference"], row.get("before")
    prompt = str(row.get("prompt", ""))
    likelihood = row.get("reference_logprob") or {}
    return Sample(
        rank=rank,
        id=str(row.get("id", "")),
        origin=_origin(row.get("origin")),
        prompt=prompt,
        headline=("… " if shared else "") + " ".join(prompt[shared:].split()),
        reference=reference,
        before=_answer(before, reference) if before else None,
        after=_answer(row["after"], reference),
        logprob_before=(likelihood.get("before") or {}).get("mean"),
        logprob_after=(likelihood.get("after") or {}).get("mean"),
    )


def _origin(origin: Any) -> str:
    if not isinstance(origin, Mapping):
        return str(origin or "")
    sheet = f", sheet {origin['sheet']}" if origin.get("sheet") else ""
    return f"{origin.get('file', '')}{sheet}, row {origin.get('row', '?')}"
