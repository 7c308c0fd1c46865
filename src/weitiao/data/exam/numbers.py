"""Where questions begin: ``（1）``, ``1．``, ``56.``, ``①``, ``第1题``, ``一、``, and numbers that lost their stop."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from weitiao.data.exam.answers import chinese_number
from weitiao.data.exam.marks import candidates

_D = "[0-9０-９]{1,3}"
_START = re.compile(
    rf"(?P<bracket>[（(\[【][ \t]*(?P<inner>{_D})[ \t]*[)）\]】][.．、]?)"
    rf"|(?P<word>(?:第|小?题[ \t]*|Question[ \t]*|No\.?[ \t]*|Q|#[ \t]*)(?P<named>{_D})(?:题)?[.．、:：]?)"
    r"|(?P<sign>[①-⑳⑴-⒇⒈-⒛])[.．、]?"
    r"|(?P<chinese>(?:第(?P<ordinal>[一二三四五六七八九十]{1,3})题|[（(]?(?P<digits>[一二三四五六七八九十]{1,3})[)）.．、])[、:：]?)"
    rf"|(?P<bare>(?<![0-9０-９.．])(?P<number>{_D})(?P<stop>[ \t\u3000]*[.．、:：)）﹒。,，](?![0-9０-９]))?)"
)
_DOUBTFUL = 2.0  # signs that stand in texts and options too count at the beginning of a line only, and less
_LINE = 3.0  # score of the beginning of a line
_MISSING = 4.0  # what a number costs that is not found
_Path = tuple[float, int | None, tuple["Start | None", ...]]  # score, end of the last number, choices
_OPTIONS = 3.0  # what options between one beginning and the next are worth


@dataclass(frozen=True, slots=True)
class Start:
    """A place where a question could begin.

    Attributes:
        number: Its number.
        start: Where the number begins.
        end: Where the stem begins.
        score: How much it looks like a beginning.
        damage: What is wrong with it, None where nothing is.
    """

    number: int
    start: int
    end: int
    score: float
    damage: str | None = None


def starts(text: str) -> list[Start]:
    """Every place where a question could begin, in order."""
    found = []
    for match in _START.finditer(text):
        place = _place(text, match.start())
        number, damage = _number(match), None
        if match["bare"] and not match["stop"]:
            place = _without_stop(text, match, place)
            damage = f"no stop behind number {number}"
        elif match["sign"] or match["chinese"] or (match["stop"] and match["stop"][-1] in "。,，"):
            place = min(place, _DOUBTFUL) if place == _LINE else 0.0
        if place > 0:
            found.append(Start(number, match.start(), match.end(), place, damage))
    return found


def _number(match: re.Match[str]) -> int:
    if match["chinese"]:
        return chinese_number(match["ordinal"] or match["digits"])
    if match["sign"]:
        return int(re.sub(r"\D", "", unicodedata.normalize("NFKC", match["sign"])))
    return int(match["inner"] or match["named"] or match["number"])


def _place(text: str, begin: int) -> float:
    line = text.rfind("\n", 0, begin) + 1
    before = text[line:begin]
    if not before.strip():
        return _LINE
    if re.search(r"(?:[\t\u3000]|[ \u00a0]{2,})\Z", before):
        return 1.5
    return 0.75 if re.search(r"[。？！.?!）)\s]\Z", before) else 0.0


def _without_stop(text: str, match: re.Match[str], place: float) -> float:
    """Only at the beginning of a line, and in front of words: ``14 Why``, ``11What``, ``3下列``."""
    rest = text[match.end() : match.end() + 2]
    follows = bool(re.match(r"[ \t\u3000]*[A-Z\u3400-\u9fff“《]", rest))
    return 1.5 if place == _LINE and follows else 0.0


def find_numbers(text: str, numbers: Sequence[int]) -> list[Start | None]:
    """For each number the place where its question begins, None where there is none; places ascend.

    Args:
        text: The questions of one reading text.
        numbers: As they follow each other in the paper.
    """
    return _chain(starts(text), _marks_a(text), len(text), numbers)[1]


def find_sequence(text: str, count: int | None) -> list[Start]:
    """The questions of a text whose numbers are not known: the best run of consecutive numbers.

    Args:
        text: The questions of one reading text.
        count: How many there are; None to take as many as follow each other.
    """
    found, marks = starts(text), _marks_a(text)
    best: tuple[float, list[Start]] = (0.0, [])
    for first in sorted({start.number for start in found}):
        last = first + (count or len(found)) - 1
        score, chain = _chain(found, marks, len(text), range(first, last + 1))
        whole = []
        for start in chain:
            if start is None:
                break
            whole.append(start)
        missing = len(chain) - len(whole)
        score += missing * _MISSING if count is None else 0
        if whole and score > best[0]:
            best = (score, whole)
    return best[1]


def _marks_a(text: str) -> list[int]:
    """Places of marks A and B that are not in doubt."""
    return [mark.start for mark in candidates(text) if mark.letter in "AB" and mark.score >= 3]


def _chain(
    found: Sequence[Start], marks: Sequence[int], length: int, numbers: Sequence[int]
) -> tuple[float, list[Start | None]]:
    """Dynamic programming over the numbers: (score, where the last question began) -> best choice so far."""
    wanted: dict[int, list[Start]] = {number: [] for number in numbers}
    for start in found:
        if start.number in wanted:
            wanted[start.number].append(start)
    paths: list[_Path] = [(0.0, None, ())]
    for number in numbers:
        fresh: list[_Path] = [(score - _MISSING, last, (*chosen, None)) for score, last, chosen in paths]
        for start in wanted[number]:
            reach = [
                (score + _between(marks, last, start.start), chosen)
                for score, last, chosen in paths
                if last is None or last < start.start
            ]
            if reach:
                score, chosen = max(reach, key=lambda item: item[0])
                fresh.append((score + start.score, start.end, (*chosen, start)))
        paths = fresh
    score, last, chosen = max(paths, key=lambda path: path[0] + _between(marks, path[1], length))
    return score + _between(marks, last, length), list(chosen)


def _between(marks: Sequence[int], begin: int | None, end: int) -> float:
    if begin is None:
        return 0.0
    return _OPTIONS if any(begin <= place < end for place in marks) else -_OPTIONS
