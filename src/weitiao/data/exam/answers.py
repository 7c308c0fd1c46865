"""The answer cell of an exam paper: ``56. B``, ``（1）C``, ``1-3 BAC``, ``21~23: B A D`` or letters alone."""

from __future__ import annotations

import re
from dataclasses import dataclass

from weitiao.data.exam.marks import LETTERS, LOOK_ALIKES

_LETTER = "[" + LETTERS + LETTERS.lower() + "".join(LOOK_ALIKES) + "]"
_DIGITS = str.maketrans("０１２３４５６７８９", "0123456789")
_RANGE = re.compile(
    rf"(?<!\d)(\d{{1,3}})\s*[-–—~～至到]\s*(\d{{1,3}})[^\w\d]*\s*((?:{_LETTER}[\s,，、;；]*)+)(?![a-z])"
)
_SINGLE = re.compile(
    rf"(?<!\d)(\d{{1,3}})\s*[)）\].．、:：】]*\s*(?:答案)?\s*[:：是]?\s*({_LETTER})(?![a-z])"
)
_LETTERS_ONLY = re.compile(rf"(?<![^\W\d_])({_LETTER})(?![^\W\d_])")
_RUN = re.compile(rf"\A[\s,，、;；.．]*(?:{_LETTER}[\s,，、;；.．]*)+\Z")


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer.

    Attributes:
        number: As the paper counts; None where the cell gives letters only.
        letter: A, B, C, ...
    """

    number: int | None
    letter: str


def read_answers(cell: str) -> list[Answer]:
    """The answers of a cell in its own order; empty where none can be read."""
    text = cell.translate(_DIGITS)
    found: list[tuple[int, Answer]] = []
    taken: list[tuple[int, int]] = []
    for match in _RANGE.finditer(text):
        first, last = int(match[1]), int(match[2])
        letters = [latin(c) for c in match[3] if re.match(_LETTER, c)]
        if last - first + 1 == len(letters):
            found += [(match.start() + k, Answer(first + k, letter)) for k, letter in enumerate(letters)]
            taken.append(match.span())
    for match in _SINGLE.finditer(text):
        if not any(begin <= match.start() < end for begin, end in taken):
            found.append((match.start(), Answer(int(match[1]), latin(match[2]))))
    if found:
        return [answer for _, answer in sorted(found, key=lambda item: item[0])]
    if _RUN.match(text):
        return [Answer(None, latin(c)) for c in text if re.match(_LETTER, c)]
    return [Answer(None, latin(match[1])) for match in _LETTERS_ONLY.finditer(text)]


def latin(letter: str) -> str:
    """The Latin capital that a letter stands for."""
    return LOOK_ALIKES.get(letter, letter.upper())
