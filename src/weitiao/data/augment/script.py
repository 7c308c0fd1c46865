"""Which script a text is written in, and its words."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter

from weitiao.data.words import has_han

_WORD = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af]|[^\\W_\u3400-\u9fff]+")
_SCRIPTS = (
    "LATIN",
    "CYRILLIC",
    "HIRAGANA",
    "KATAKANA",
    "HANGUL",
    "ARABIC",
    "GREEK",
    "THAI",
    "DEVANAGARI",
    "HEBREW",
)
#: English words that say nothing about what a text is about.
_EMPTY = (
    "a an the of in on at to for from by with is are was were be been do does did and or as that this it its"
)
_EMPTY_WORDS = frozenset(_EMPTY.split())


def words_of(text: str) -> frozenset[str]:
    """Chinese characters one by one, and the words of other scripts in lower case without the emptiest."""
    found = _WORD.findall(unicodedata.normalize("NFKC", text).casefold())
    return frozenset(found) - _EMPTY_WORDS


def script_of(text: str) -> str:
    """``han``, ``latin``, ...: the script with most words (a Chinese character is half a word); ``none`` without any.

    Kana decide for Japanese and hangul for Korean where they stand among Chinese characters.
    """
    counts: Counter[str] = Counter()
    for word in _WORD.findall(text):
        if has_han(word):
            counts["han"] += 1
        elif word.isalpha():  # a number or the name of a product is in no language
            counts[_script(word)] += 2
    if not counts:
        return "none"
    for other in ("hiragana", "katakana", "hangul"):
        if counts[other] * 2 > counts["han"] and counts[other] > counts["latin"]:
            return other
    return max(counts, key=lambda name: (counts[name], name))


def _script(word: str) -> str:
    letter = next((c for c in word if c.isalpha()), "")
    name = unicodedata.name(letter, "") if letter else ""
    return next((script.lower() for script in _SCRIPTS if name.startswith(script)), "other")
