"""Where a text can be damaged, and by what: as a recogniser errs, so that words come before their parts.

========================  =========================================================================================
homophone, near_homophone  a word with a homophone that is a word too, else a character by a frequent one
drop, repeat               a character, a word of letters (a letter where nothing is Chinese); nothing of a number
filler                     in front of a word
numeral                    a number
mask                       a character
========================  =========================================================================================

Another number would be another question, so numbers are only masked, or written the other way.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass

from rapidfuzz.distance import Levenshtein

from weitiao.config import NoiseStep
from weitiao.data.noise import numerals, pinyin
from weitiao.data.words import cut

_FILLERS_ZH = ("嗯", "呃", "啊", "那个", "就是", "这个")
_FILLERS_EN = ("uh ", "um ", "er ", "well ", "you know ")
_WORD = re.compile(r"\w")
_LETTERS = re.compile(r"[^\W\d_\u3400-\u9fff]+")
_WORDS_FIRST = 0.5  # 0: words are drawn as often as characters, 1: before all of them

Place = tuple[int, int]


@dataclass(frozen=True)
class Edit:
    """Put ``said`` for the characters ``start`` to ``end``; equal numbers stand for an insertion."""

    kind: str
    start: int
    end: int
    said: str
    cost: int


class Sites:
    """The sites of a text; each is used once.

    Args:
        text: The text.
        config: Mix, mask character and fillers.
        rng: All choices come from it.
    """

    def __init__(self, text: str, config: NoiseStep, rng: random.Random) -> None:
        self._text = text
        self._config = config
        self._rng = rng
        self._weights = {name: w for name, w in config.mix.model_dump().items() if w}
        self._words = list(_words(text)) if set(self._weights) - {"mask", "numeral"} else []
        sounds = {"homophone", "near_homophone"} & set(self._weights)
        self._sounds = pinyin.sounds(text) if sounds else []
        self._numbers = [match.span() for match in numerals.NUMBER.finditer(text)]
        self._in_number = {place for start, end in self._numbers for place in range(start, end)}
        self._is_chinese = any(map(pinyin.is_hanzi, text))
        self._fillers = config.fillers or (_FILLERS_ZH if self._is_chinese else _FILLERS_EN)
        self._left = {kind: self._shuffled(list(self._of(kind))) for kind in self._weights}

    def draw(self, budget: int) -> Edit | None:
        """An edit of at most this cost; None where there is none left."""
        while kinds := [kind for kind in self._weights if self._left[kind]]:
            (kind,) = self._rng.choices(kinds, [self._weights[k] for k in kinds])
            start, end = self._left[kind].pop()
            edit = self._edit(kind, start, end)
            if edit is not None and 0 < edit.cost <= budget:
                return edit
        return None

    def _of(self, kind: str) -> Iterator[Place]:
        if kind == "numeral":
            yield from self._numbers
        elif kind == "filler":
            yield from ((start, start) for start, _ in self._words if start not in self._in_number)
        elif kind in ("homophone", "near_homophone"):
            yield from self._spoken()
        elif kind == "mask":
            yield from ((place, place + 1) for place, c in enumerate(self._text) if _WORD.match(c))
        else:
            yield from self._written()

    def _written(self) -> Iterator[Place]:
        """Characters and words of letters that can be left out or said twice."""
        whole = [match.span() for match in _LETTERS.finditer(self._text) if match.end() - match.start() > 1]
        yield from whole
        closed = {place for span in whole for place in range(*span)} if self._is_chinese else set()
        for place, character in enumerate(self._text):
            if _WORD.match(character) and place not in self._in_number and place not in closed:
                yield place, place + 1

    def _spoken(self) -> Iterator[Place]:
        """Chinese characters and words outside of numbers."""
        heard = [sound is not None and k not in self._in_number for k, sound in enumerate(self._sounds)]
        yield from ((place, place + 1) for place, is_heard in enumerate(heard) if is_heard)
        for start, end in self._words:
            if 1 < end - start <= pinyin.LONGEST_WORD and all(heard[start:end]):
                yield start, end

    def _shuffled(self, sites: list[Place]) -> list[Place]:
        """At random, but words rather late in the list, whose end is drawn first."""
        drawn = [
            (self._rng.random() + _WORDS_FIRST * (end - start > 1), (start, end)) for start, end in sites
        ]
        return [site for _, site in sorted(drawn)]

    def _edit(self, kind: str, start: int, end: int) -> Edit | None:
        if kind == "drop" and end - start > 1 and self._text[end : end + 1] == " ":
            end += 1  # a word goes with the blank behind it
        there = self._text[start:end]
        said = self._said(kind, start, end)
        if said is None or said == there:
            return None
        return Edit(kind, start, end, said, Levenshtein.distance(there, said))

    def _said(self, kind: str, start: int, end: int) -> str | None:
        rng, there = self._rng, self._text[start:end]
        if kind == "mask":
            return self._config.mask
        if kind == "drop":
            return ""
        if kind == "repeat":
            return f"{there} {there}" if len(there) > 1 else there * 2
        if kind == "filler":
            return rng.choice(self._fillers)
        if kind == "numeral":
            return numerals.swapped(there, rng, self._text[:start][-1:], self._text[end : end + 1])
        found = self._alike(kind == "near_homophone", start, end)
        return rng.choices([said for said, _ in found], [weight for _, weight in found])[0] if found else None

    def _alike(self, near: bool, start: int, end: int) -> pinyin.Choices:
        there, read = self._text[start:end], tuple(s for s in self._sounds[start:end] if s is not None)
        if len(there) > 1:
            return pinyin.homophone_words(there, read, near=near)
        return pinyin.near_homophones(there, *read) if near else pinyin.homophones(there, *read)


def _words(text: str) -> Iterator[Place]:
    """Start and end of each word."""
    place = 0
    for word in cut(text):
        if _WORD.match(word) and not (place and _glued(text[place - 1], word[0])):
            yield place, place + len(word)
        place += len(word)


def _glued(before: str, here: str) -> bool:
    """Whether nothing can be said between two characters: both in one word of letters or digits."""
    return before.isascii() and here.isascii() and bool(_WORD.match(before))
