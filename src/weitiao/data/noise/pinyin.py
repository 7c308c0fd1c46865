"""Characters that sound alike: the same syllable, or one that listeners and recognisers confuse with it.

Substitutes are the 3,755 characters of the first level of GB 2312, the common ones, which a recogniser would write.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

_HANZI = re.compile("[\u4e00-\u9fff]")
_RUNS = re.compile("[\u4e00-\u9fff]+|[^\u4e00-\u9fff]+")
_CONFUSED = (("zh", "z"), ("ch", "c"), ("sh", "s"), ("n", "l"), ("f", "h"), ("r", "l"))
"""Initials that are taken for each other; the first becomes the second."""


@dataclass(frozen=True)
class SoundIndex:
    """Common characters by their sound.

    Attributes:
        same: Syllable without tone -> its characters.
        near: Folded syllable -> the syllables that are confused with each other.
    """

    same: Mapping[str, tuple[str, ...]]
    near: Mapping[str, tuple[str, ...]]

    def homophones(self, character: str, syllable: str) -> list[str]:
        """Other characters of the same syllable."""
        return [c for c in self.same.get(syllable, ()) if c != character]

    def near_homophones(self, character: str, syllable: str) -> list[str]:
        """Characters of syllables that are confused with this one."""
        others = (s for s in self.near.get(folded(syllable), ()) if s != syllable)
        return [c for other in others for c in self.same[other] if c != character]


def folded(syllable: str) -> str:
    """What a syllable has in common with those that it is confused with: ``zhang`` and ``zan`` are ``zan``."""
    for initial, other in _CONFUSED:
        if syllable.startswith(initial) and len(syllable) > len(initial):
            syllable = other + syllable[len(initial) :]
            break
    return re.sub(r"(?<=[aei])ng$", "n", syllable)


@lru_cache(maxsize=1)
def sound_index() -> SoundIndex:
    """The index; it is made once."""
    from pypinyin import Style, pinyin

    same: dict[str, list[str]] = {}
    for character in _common():
        syllable = pinyin(character, style=Style.NORMAL)[0][0]
        same.setdefault(syllable, []).append(character)
    near: dict[str, list[str]] = {}
    for syllable in same:
        near.setdefault(folded(syllable), []).append(syllable)
    return SoundIndex(
        {syllable: tuple(found) for syllable, found in same.items()},
        {key: tuple(found) for key, found in near.items()},
    )


def _common() -> Sequence[str]:
    """First level of GB 2312: rows 16 to 55 of 94 characters each, the last row with 89."""
    rows = (bytes([row, cell]) for row in range(0xB0, 0xD8) for cell in range(0xA1, 0xFF))
    return [raw.decode("gb2312") for raw in rows if raw[0] < 0xD7 or raw[1] <= 0xF9]


def is_hanzi(character: str) -> bool:
    """Whether it is a Chinese character."""
    return _HANZI.match(character) is not None


def syllables(text: str) -> list[str]:
    """The syllable of each character without its tone, by its neighbours; empty where it is no Chinese character."""
    from pypinyin import Style, lazy_pinyin

    read = [
        sound
        for run in _RUNS.findall(text)
        for sound in (lazy_pinyin(run, style=Style.NORMAL) if is_hanzi(run[0]) else [""] * len(run))
    ]
    if len(read) != len(text):  # a word list that gives two characters one sound
        read = [lazy_pinyin(c, style=Style.NORMAL)[0] for c in text]
    return [syllable if is_hanzi(c) else "" for c, syllable in zip(text, read, strict=True)]
