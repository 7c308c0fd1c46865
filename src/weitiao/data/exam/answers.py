"""The answer cell of an exam paper: ``56. B``, ``（1）C``, ``①A``, ``1-3 BAC``, ``1、2、3：B、A、D``, or letters alone.

What follows an answer is its explanation. Nothing is guessed: where letters and numbers do not go together, the answer
has a fault instead of a letter.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from weitiao.data.exam.marks import LETTERS, LOOK_ALIKES

_HAN = "\u3400-\u9fff"
_LETTER = f"[{LETTERS}{LETTERS.lower()}]"
_END = rf"(?![A-Za-z])(?!选?项|[{_HAN}]|[ \t]+[a-z]{{2}})"  # "A项", "A new law" are words of an explanation
_GAP = r"[\s,、;/&+.]+"
_RUN = rf"{_LETTER}+{_END}(?:{_GAP}{_LETTER}+{_END})*"
_ONE = rf"(?:[{LETTERS}]{{1,8}}|[{LETTERS.lower()}])(?![A-Za-z])"
_MORE = r"(?:[ \t]*[、,/&+][ \t]*|[ \t]+(?:and|or|和|或)[ \t]+|[ \t]+)"
_NUMBER = r"[(\[【]?(\d{1,3})(?!\d)[)\]】]?"
_BEHIND = r"(?:小?题)?[)\].、:】\"'=→/|·。\s]*"
_ENTRY = re.compile(
    rf"(?<![\d.])(?:第\s*)?{_NUMBER}\s*题?\s*(?:[-–—~〜]+|至|到|to)\s*(?:第\s*)?{_NUMBER}\s*{_BEHIND}(?P<range>{_RUN})"
    rf"|(?<![\d.])(?P<list>\d{{1,3}}(?:\s*[、,]\s*\d{{1,3}})+(?!\d)){_BEHIND}(?P<letters>{_RUN})"
    rf"|(?<![\d.])(?:第\s*)?(?P<number>\d{{1,3}})(?!\d)\s*{_BEHIND}-?(?:(?:正确|参考)?答案)?(?:应?选择?)?[为是]?"
    rf"\s*[:】]?\s*[(\[【\"']*\s*(?P<one>{_ONE}(?:{_MORE}{_ONE}{_END})*)"
)
_EXPLAINED = re.compile(r"解析|分析|详解|点评|解答|点拨|explanation|analysis", re.IGNORECASE)
_WORDS_OF_EXPLANATION = re.compile(r"选?项|[ \t]*[错对误正不]|[ \t]+[a-z]{2}")
_LABEL = re.compile(r"[\s【\[]*(?:(?:正确|参考)?答案|answers?|keys?)\s*[是为]?\s*[】\]:\s]*", re.IGNORECASE)
_ALONE = re.compile(rf"[\s\[({{【\"']*选?(?P<run>{_LETTER}+(?![A-Za-z])(?!选?项|[ \t]+[a-z]{{2}})"
                    rf"(?:[\s,、;/&+.\"'|]+{_LETTER}+{_END})*)(?P<rest>.*)")  # fmt: skip
_CHINESE = re.compile(
    rf"(?<![{_HAN}])(?:第|\()?([一二三四五六七八九十]{{1,3}})\)?(?:小?题)?[、.:)\s]*(?={_LETTER})"
)
_DIGITS = {digit: number for number, digit in enumerate("一二三四五六七八九", start=1)}


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer.

    Attributes:
        number: As the paper counts; None where the cell gives letters only.
        letter: A, B, C, ...; several (``AC``) where several options are right. Empty where there is a fault.
        fault: Why the letter cannot be told.
    """

    number: int | None
    letter: str
    fault: str | None = None


def read_answers(cell: str) -> list[Answer]:
    """The answers of a cell in its own order; empty where none can be read."""
    text = unicodedata.normalize("NFKC", cell).translate(str.maketrans(LOOK_ALIKES))
    text = _CHINESE.sub(lambda match: f"{chinese_number(match[1])}. ", text)
    return list(_numbered(text)) or _alone(text)


def _numbered(text: str) -> Iterator[Answer]:
    """Answers with numbers. In an explanation only what goes on with the numbers counts."""
    end, last = 0, 0
    seen: set[int] = set()
    is_explained = False
    for match in _ENTRY.finditer(text):
        is_explained = is_explained or _EXPLAINED.search(text, end, match.start()) is not None
        made = _answers_of(match)
        number = made[0].number or 0
        at_line = not text[text.rfind("\n", 0, match.start()) + 1 : match.start()].strip(" \t(【[第")
        if match["one"] and not at_line and _WORDS_OF_EXPLANATION.match(text, match.end()):
            continue
        if is_explained and (
            number in seen
            or not (at_line or number == last + 1)
            or (match["one"] and re.match(r"选?项|[ \t]*[错误]", text[match.end() :]))
        ):
            continue
        yield from made
        seen.update(answer.number or 0 for answer in made)
        end, last, is_explained = match.end(), made[-1].number or 0, False


def _answers_of(match: re.Match[str]) -> list[Answer]:
    if match["one"]:
        return [_single(int(match["number"]), match["one"])]
    if match["list"]:
        numbers = [int(number) for number in re.findall(r"\d+", match["list"])]
        written, run = match["list"], match["letters"]
    else:
        numbers = list(range(int(match[1]), int(match[2]) + 1))
        written, run = f"{match[1]}-{match[2]}", match["range"]
    groups = re.findall(f"{_LETTER}+", run.upper())
    letters = "".join(groups)
    if len(letters) == len(numbers):
        groups = list(letters)
    if len(groups) == len(numbers):
        return [_single(number, group) for number, group in zip(numbers, groups, strict=True)]
    fault = f"{written.strip()} {run.strip()}: {len(letters)} letters for {len(numbers)} questions"
    return [Answer(number, "", fault) for number in numbers] or [Answer(int(match[2]), "", fault)]


def _single(number: int, written: str) -> Answer:
    letters = re.findall(_LETTER, re.sub(r"\b(?:and|or)\b", "", written).upper())
    if letters == sorted(set(letters)):
        return Answer(number, "".join(letters))
    return Answer(number, "", f"{written.strip()} is no answer to one question")


def _alone(text: str) -> list[Answer]:
    """Letters without numbers: at the beginning of the cell or of its lines, what follows them is explanation."""
    found: list[Answer] = []
    only_bare: bool | None = None
    for line in text.split("\n"):
        match = _ALONE.fullmatch(_LABEL.sub("", line, count=1) if _LABEL.match(line) else line)
        if match is None:
            continue
        is_bare = not match["rest"].strip(" \t.,、;]}】)\"'。")
        if only_bare is None:
            only_bare = is_bare
        if is_bare or not only_bare:
            found += [Answer(None, letter) for letter in re.findall(_LETTER, match["run"].upper())]
    return found


def chinese_number(written: str) -> int:
    """1 to 99 in Chinese digits: ``三``, ``十二``, ``二十``."""
    tens, ten, ones = written.rpartition("十")
    return (_DIGITS.get(tens, 1) * 10 if ten else 0) + _DIGITS.get(ones, 0)
