"""Option marks of multiple-choice questions: where A, B, C, ... begin, damaged ones too.

Every place that could be a mark gets a score for what stands in front of it and behind it; the marks of a
question are the chain A < B < C ... with the largest sum. So ``Washington, D.C.`` or ``vitamin A.`` inside an
option loses against the mark at the beginning of a line, and ``DHow`` is found where there is no better D.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

LETTERS = "ABCDEFGH"
# Cyrillic and Greek capitals, full-width and circled letters that are read as the Latin ones.
LOOK_ALIKES = {
    **dict.fromkeys("АΑＡⒶ", "A"),
    **dict.fromkeys("ВΒＢⒷ", "B"),
    **dict.fromkeys("СϹＣⒸ", "C"),
    **dict.fromkeys("ＤⒹ", "D"),
    **dict.fromkeys("ЕΕＥⒺ", "E"),
    **dict.fromkeys("ＦⒻ", "F"),
    **dict.fromkeys("ԌＧⒼ", "G"),
    **dict.fromkeys("НΗＨⒽ", "H"),
}
_LETTER_CLASS = LETTERS + LETTERS.lower() + "".join(LOOK_ALIKES)
_CANDIDATE = re.compile(
    rf"(?P<open>[（(【\[])?[ \t]*(?P<letter>[{_LETTER_CLASS}])"
    r"(?P<stop>[ \t\u3000]*[.．、:：)）】\]。,，·•﹒])?"
)
_STOP_SCORES = {
    **dict.fromkeys(".．、﹒", 2.0),
    **dict.fromkeys(":：)）】]·•", 1.5),
    **dict.fromkeys("。,，", 1.0),
}
_WIDE_SPACE = re.compile(r"(?:[\t\u3000]|[ \u00a0]{2,})[ \t\u3000\u00a0]*\Z")
_LINE_START = re.compile(r"(?:\A|\n)[ \t\u3000\u00a0]*\Z")
_AFTER_SENTENCE = re.compile(r"[。？！；：，）〕】”’)\].?!;:_](?P<residue>\d{0,3})\Z")
_COST = 1.25  # of one more mark: a chain takes in only what scores higher
_GLUED = 0.25  # score of a place right behind a word
_HARDLY_ANY = 3  # marks of a question
_CONTEXT = 24  # characters in front of a mark that are looked at


@dataclass(frozen=True, slots=True)
class Mark:
    """One option mark.

    Attributes:
        letter: A, B, C, ...
        start: Where the mark begins in the text (an opening bracket or page-number residue counts).
        end: Where the option's own text begins.
        score: How much it looks like a mark.
        damage: What is wrong with it, None where nothing is.
    """

    letter: str
    start: int
    end: int
    score: float
    damage: str | None = None


def option_marks(text: str) -> list[Mark]:
    """The marks of one question, A first, without gaps; empty where there is no A.

    Where there are hardly any, marks right behind a word are looked for too: ``A.oneB.twoC.three``.

    Args:
        text: A question from its stem to its last option.
    """
    best = _best_chain(candidates(text))
    glued = _best_chain(candidates(text, glued=True)) if len(best) < _HARDLY_ANY else best
    return glued if len(glued) >= _HARDLY_ANY else best


def _best_chain(found: Sequence[Mark]) -> list[Mark]:
    by_letter: dict[str, list[Mark]] = {letter: [] for letter in LETTERS}
    for mark in found:
        by_letter[mark.letter].append(mark)
    chains: list[tuple[float, tuple[Mark, ...]]] = [(0.0, ())]
    best: tuple[float, tuple[Mark, ...]] = (0.0, ())
    for letter in LETTERS:
        extended = []
        for mark in by_letter[letter]:
            before = [chain for chain in chains if not chain[1] or chain[1][-1].end <= mark.start]
            if before:
                score, marks = max(before, key=lambda chain: chain[0])
                extended.append((score + mark.score - _COST, (*marks, mark)))
        chains = extended
        best = max([best, *chains], key=lambda chain: chain[0])
    return list(best[1])


def candidates(text: str, *, glued: bool = False) -> list[Mark]:
    """Every place that could be a mark, in order; ``glued``: also right behind a word."""
    found = []
    for match in _CANDIDATE.finditer(text):
        mark = _mark(text, match, glued=glued)
        if mark is not None:
            found.append(mark)
    return found


def _mark(text: str, match: re.Match[str], *, glued: bool) -> Mark | None:
    written = match["letter"]
    letter = LOOK_ALIKES.get(written, written.upper())
    begin = match.start() if match["open"] else match.start("letter")
    context = text[max(0, begin - _CONTEXT) : begin]
    before, residue = _before(context, is_bracketed=bool(match["open"]))
    if before is None and glued and match["stop"] and written.isupper() and context[-1].isalnum():
        before = _GLUED
    if before is None:
        return None
    begin -= residue
    behind = _behind(text, match)
    if behind is None:
        return None
    score, damage = behind
    if written.islower():
        if damage or (before < 2.5 and not (match["open"] and match["stop"] and before >= 1.5)):
            return None
        score, damage = score - 1.5, f"mark {written} for {letter}"
    elif written in LOOK_ALIKES:
        damage = damage or f"mark {written} (U+{ord(written):04X}) for {letter}"
    if damage and "no stop" in damage and before < 2.5:
        return None
    if residue:
        damage = damage or f"page number {text[begin : begin + residue]} in front of mark {letter}"
    return Mark(letter, begin, match.end(), before + score, damage)


def _before(context: str, *, is_bracketed: bool) -> tuple[float | None, int]:
    """Score of what stands in front, None where no mark can follow; and the length of a page number there."""
    if _LINE_START.search(context):
        return 3.0, 0
    if _WIDE_SPACE.search(context):
        return 2.5, 0
    if context[-1].isspace():
        return 1.5, 0
    sentence = _AFTER_SENTENCE.search(context)
    if sentence:
        return 1.5, len(sentence["residue"])
    last = context[-1]
    if is_bracketed or (not last.isalnum() and last not in "-'’“‘\"."):
        return 0.5, 0
    return (0.75, 0) if _is_han(last) else (None, 0)


def _behind(text: str, match: re.Match[str]) -> tuple[float, str | None] | None:
    """Score of what stands behind the letter, and the damage; None where it cannot be a mark."""
    rest = text[match.end() : match.end() + 3]
    stop = match["stop"]
    if match["open"] and stop and stop.strip()[-1] in ")）】]":
        return 2.0, None
    if stop:
        score = _STOP_SCORES[stop.strip()[-1]] - (0.2 if len(stop) > 1 else 0)
        # "D.C." and "A.M." are initials, not marks
        initials = len(rest) > 1 and rest[0].isascii() and rest[0].isupper() and rest[1] in ".．"
        return (score - 1.5 if initials else score), None
    if match["open"] or not rest:
        return None
    damage = f"no stop behind mark {LOOK_ALIKES.get(match['letter'], match['letter'].upper())}"
    if rest[0] in " \t\u3000" and rest.strip():
        return 0.3, damage
    glued = rest[0].isupper() and (len(rest) == 1 or rest[1].islower() or rest[1] in " '’")
    return (0.5, damage) if glued or _is_han(rest[0]) or rest[0] in "“《‘" else None


def _is_han(character: str) -> bool:
    return "\u3400" <= character <= "\u9fff"


def damage_of(marks: Sequence[Mark]) -> list[str]:
    """What is wrong with the marks, in words."""
    return [mark.damage for mark in marks if mark.damage]
