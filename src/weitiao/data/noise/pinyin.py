"""What sounds alike, as a recogniser would write it: common characters and real words, the more frequent the likelier.

A recogniser knows words. Where a word of the text has homophones that are words too, it writes one of these (权利 for
权力); in names and other rare words it writes frequent characters, mostly of the right tone. Frequencies are those of
jieba's dictionary; the substitutes are its 2,500 most frequent characters, as many as the official list of common ones.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from weitiao.data.words import cut, frequencies

NUM_COMMON = 2500
LONGEST_WORD = 4
_LEAST = 100  # occurrences from which a word is one that a recogniser writes
_SAME_TONE = 4.0  # times as likely as another tone
_NUMERALS = frozenset("零〇一二两三四五六七八九十百千万亿")
_HANZI = re.compile("[\u4e00-\u9fff]")
_CONFUSED = frozenset((("zh", "z"), ("ch", "c"), ("sh", "s"), ("n", "l"), ("f", "h"), ("r", "l")))
"""Initials that are taken for each other; beside them -an and -ang, -en and -eng, -in and -ing."""

Choices = tuple[tuple[str, float], ...]
"""What may be written instead, with weights."""


@dataclass(frozen=True, slots=True)
class Sound:
    """How a character is read: its syllable and its tone, 5 for the neutral one."""

    syllable: str
    tone: int


def is_hanzi(character: str) -> bool:
    """Whether it is a Chinese character."""
    return _HANZI.match(character) is not None


def confused(syllable: str, other: str) -> bool:
    """Whether two syllables differ in one thing that is taken for another: ``shi`` and ``si``, ``jing`` and ``jin``."""
    shorter, longer = sorted((syllable, other), key=len)
    if longer == f"{shorter}g":
        return shorter.endswith(("an", "en", "in"))
    (begin, end), (other_begin, other_end) = _parts(syllable), _parts(other)
    return end == other_end and bool({(begin, other_begin), (other_begin, begin)} & _CONFUSED)


def sounds(text: str) -> list[Sound | None]:
    """How each character is read among its neighbours; None where it is no Chinese character."""
    found: list[Sound | None] = []
    for word in cut(text):
        found += _read(word)
    return found


def homophones(character: str, sound: Sound) -> Choices:
    """Common characters of the same syllable."""
    return _characters(character, sound, False)


def near_homophones(character: str, sound: Sound) -> Choices:
    """Common characters of syllables that are confused with this one."""
    return _characters(character, sound, True)


@lru_cache(maxsize=65536)
def homophone_words(word: str, read: tuple[Sound, ...], *, near: bool = False) -> Choices:
    """Other words of the same syllables, or where ``near`` of syllables that are confused with them."""
    syllables = [sound.syllable for sound in read]
    options = [(s, *(_near().get(s, ()) if near else ())) for s in syllables]
    found = []
    for said in _spelled("", options):
        heard = [sound for sound in _read(said) if sound is not None]
        if said == word or len(heard) < len(said) or _numbers_differ(word, said):
            continue
        fits = all(sound.syllable in known for sound, known in zip(heard, options, strict=True))
        if fits and ([sound.syllable for sound in heard] == syllables) != near:
            same_tones = [sound.tone for sound in heard] == [sound.tone for sound in read]
            found.append((said, _weight(frequencies()[said], same_tones)))
    return tuple(found)


def _parts(syllable: str) -> tuple[str, str]:
    """Initial and final."""
    size = 2 if syllable[:2] in ("zh", "ch", "sh") else 1
    return syllable[:size], syllable[size:]


@lru_cache(maxsize=1)
def _index() -> Mapping[str, tuple[tuple[str, int, int], ...]]:
    """Syllable -> its common characters with tone and number, the most frequent first; made once."""
    count: Counter[str] = Counter()
    for word, number in frequencies().items():
        if number:
            for character in word:
                count[character] += number
    common = [c for c, _ in count.most_common() if is_hanzi(c)][:NUM_COMMON]
    found: dict[str, list[tuple[str, int, int]]] = {}
    for character in common:
        (sound,) = _read(character)
        if sound is not None:
            found.setdefault(sound.syllable, []).append((character, sound.tone, count[character]))
    return {syllable: tuple(entries) for syllable, entries in found.items()}


@lru_cache(maxsize=1)
def _near() -> Mapping[str, tuple[str, ...]]:
    """Syllable -> those that are taken for it."""
    known = _index()
    return {s: tuple(other for other in known if confused(s, other)) for s in known}


@lru_cache(maxsize=16384)
def _characters(character: str, sound: Sound, near: bool) -> Choices:
    syllables: Sequence[str] = _near().get(sound.syllable, ()) if near else (sound.syllable,)
    return tuple(
        (other, _weight(number, tone == sound.tone))
        for syllable in syllables
        for other, tone, number in _index().get(syllable, ())
        if other != character and not _numbers_differ(character, other)
    )


def _weight(number: int, same_tone: bool) -> float:
    return math.sqrt(number) * (_SAME_TONE if same_tone else 1.0)


def _numbers_differ(text: str, other: str) -> bool:
    """Whether both hold numerals: 四 heard as 十 is another number."""
    return bool(_NUMERALS & set(text)) and bool(_NUMERALS & set(other))


def _spelled(begun: str, options: Sequence[tuple[str, ...]]) -> Iterator[str]:
    """Words of the dictionary with a syllable out of each of the options; only beginnings of words are gone on with."""
    if len(begun) == len(options):
        if frequencies().get(begun, 0) >= _LEAST:
            yield begun
        return
    for syllable in options[len(begun)]:
        for character, _, _ in _index().get(syllable, ()):
            if begun + character in frequencies():
                yield from _spelled(begun + character, options)


@lru_cache(maxsize=65536)
def _read(word: str) -> tuple[Sound | None, ...]:
    from pypinyin import Style, lazy_pinyin

    runs = re.findall("[\u4e00-\u9fff]+|[^\u4e00-\u9fff]+", word)
    found: list[Sound | None] = []
    for run in runs:
        if not is_hanzi(run[0]):
            found += [None] * len(run)
            continue
        read = lazy_pinyin(run, style=Style.TONE3, neutral_tone_with_five=True)
        if len(read) != len(run):  # a word list that gives two characters one sound
            read = [lazy_pinyin(c, style=Style.TONE3, neutral_tone_with_five=True)[0] for c in run]
        found += [Sound(s.rstrip("12345"), int(s[-1])) if s[-1:].isdigit() else None for s in read]
    return tuple(found)
