"""Noise at a target character error rate.

The budget of a text of n characters is ``cer * n`` edits, rounded up or down at random so that the mean over many
texts is the target. Edits are drawn by the weights of the mix, at places that no other edit has touched, until the
edit distance to the original is the budget.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from weitiao.config import NoiseStep
from weitiao.data.noise import numerals, pinyin
from weitiao.data.noise.damage import Damage, Span
from weitiao.data.noise.distance import distance

__all__ = ["Noised", "Span", "noisy"]

_FILLERS_ZH = ("嗯", "呃", "啊", "那个", "就是", "这个")
_FILLERS_EN = ("uh ", "um ", "er ", "well ", "you know ")
_WORD = re.compile(r"\w")
_ROUNDS = 8


@dataclass(frozen=True)
class Noised:
    """A damaged text.

    Attributes:
        text: As it is heard.
        spans: The spans of the original in it.
        distance: Edits between the two.
        length: Characters of the original.
        edits: Number of edits of each kind.
    """

    text: str
    spans: tuple[Span, ...]
    distance: int
    length: int
    edits: dict[str, int]

    @property
    def cer(self) -> float:
        """Character error rate."""
        return self.distance / self.length if self.length else 0.0


def noisy(
    text: str,
    config: NoiseStep,
    rng: random.Random,
    *,
    spans: Sequence[Span] = (),
    fixed: Iterable[int] = (),
) -> Noised:
    """Damage a text as speech recognition does.

    Args:
        text: Any text; line breaks and blanks stay.
        config: Error rate, mix, mask character and fillers.
        rng: All choices come from it.
        spans: Parts with labels, end exclusive; they come back at their new places and never empty.
        fixed: Characters that stay as they are.

    Returns:
        The damaged text; its error rate is the target as nearly as whole edits allow, and below it where
        there are not enough places that can be damaged.

    Raises:
        ValueError: A span is empty or reaches beyond the text.
    """
    for span in spans:
        if not 0 <= span.start < span.end <= len(text):
            raise ValueError(f"span {span.start}:{span.end} is empty or beyond the {len(text)} characters")
    budget = int(config.cer * len(text) + rng.random())
    state = Damage(text, spans, fixed)
    edits: dict[str, int] = {}
    done, sites = 0, _Sites(text, config, rng) if budget else None
    for _ in range(_ROUNDS):
        if sites is None or done >= budget or not _spend(state, sites, budget - done, edits):
            break
        done = distance(text, state.result())
    return Noised(state.result(), state.moved(), done, len(text), edits)


def _spend(state: Damage, sites: _Sites, budget: int, edits: dict[str, int]) -> bool:
    """Edits of this cost in all; False where there was no place for any."""
    spent = 0
    while spent < budget:
        edit = sites.draw(budget - spent)
        if edit is None:
            break
        done = (
            state.insert(edit.start, edit.said)
            if edit.start == edit.end
            else state.replace(edit.start, edit.end, edit.said)
        )
        if done:
            spent += edit.cost
            edits[edit.kind] = edits.get(edit.kind, 0) + 1
    return spent > 0


@dataclass(frozen=True)
class _Edit:
    """Put ``said`` for the characters ``start`` to ``end``; equal numbers stand for an insertion."""

    kind: str
    start: int
    end: int
    said: str
    cost: int


class _Sites:
    """Where each kind of damage can still be done; every site is used once."""

    def __init__(self, text: str, config: NoiseStep, rng: random.Random) -> None:
        self._text = text
        self._config = config
        self._rng = rng
        self._weights = {name: w for name, w in config.mix.model_dump().items() if w}
        sounds = {"homophone", "near_homophone"} & set(self._weights)
        self._syllables = pinyin.syllables(text) if sounds else []
        self._left = {kind: self._shuffled(self._of(kind)) for kind in self._weights}
        is_chinese = any(pinyin.is_hanzi(c) for c in text)
        self._fillers = config.fillers or (_FILLERS_ZH if is_chinese else _FILLERS_EN)

    def draw(self, budget: int) -> _Edit | None:
        """An edit of at most this cost; None where there is none left."""
        while kinds := [kind for kind in self._weights if self._left[kind]]:
            (kind,) = self._rng.choices(kinds, [self._weights[k] for k in kinds])
            start, end = self._left[kind].pop()
            edit = self._edit(kind, start, end)
            if edit is not None and 0 < edit.cost <= budget:
                return edit
        return None

    def _of(self, kind: str) -> list[tuple[int, int]]:
        text = self._text
        if kind == "numeral":
            return [match.span() for match in numerals.NUMBER.finditer(text)]
        if kind == "filler":
            return [(place, place) for place in range(len(text)) if self._opens_word(place)]
        if kind in ("homophone", "near_homophone"):
            return [(place, place + 1) for place, syllable in enumerate(self._syllables) if syllable]
        return [(place, place + 1) for place, c in enumerate(text) if _WORD.match(c)]

    def _opens_word(self, place: int) -> bool:
        """Whether something can be said here: not inside a number or a word of letters."""
        here, before = self._text[place], self._text[place - 1] if place else " "
        if not _WORD.match(here):
            return False
        return pinyin.is_hanzi(here) or not (before.isascii() and _WORD.match(before))

    def _shuffled(self, sites: list[tuple[int, int]]) -> list[tuple[int, int]]:
        self._rng.shuffle(sites)
        return sites

    def _edit(self, kind: str, start: int, end: int) -> _Edit | None:
        there = self._text[start:end]
        said = self._said(kind, start, there)
        if said is None or said == there:
            return None
        return _Edit(kind, start, end, said, distance(there, said))

    def _said(self, kind: str, place: int, there: str) -> str | None:
        rng = self._rng
        if kind == "mask":
            return self._config.mask
        if kind == "drop":
            return ""
        if kind == "repeat":
            return there * 2
        if kind == "filler":
            return rng.choice(self._fillers)
        if kind == "numeral":
            return numerals.swapped(there, rng)
        index, syllable = pinyin.sound_index(), self._syllables[place]
        same = kind == "homophone"
        found = index.homophones(there, syllable) if same else index.near_homophones(there, syllable)
        return rng.choice(found) if found else None
