"""Texts compared: folded, without politeness, without names and numbers, without what all prompts share."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence

from weitiao.data.mask import Vocabulary

HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]")
_SEGMENT = re.compile(r"[\n\r\u201c\u201d\"【】]+|(?<=[。？?！!：:；;])")
_COMMON_SHARE = 0.3
_MIN_ROWS = 8
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_PUNCTUATION = re.compile(r"[\W_]+")
# Words that change nothing in what is asked; longest first within a beginning.
_POLITE = re.compile(
    "我想知道|我想了解|我想问|想知道|想了解|请告诉我|告诉我|麻烦您|麻烦|帮我|请帮|请你|请您|能否|能不能|可以|一下|请问|请"
    "|你好|您好|谢谢|是什么|是多少|为多少|有多少|是几|什么|多少|[的了吗呢啊呀吧嘛为是]"
)
_POLITE_EN = re.compile(
    r"\b(?:please|could you|can you|would you|tell me|i want to know|i would like to know|thanks|thank you|the|a|an)\b"
)
_COMPANY = re.compile(
    r"[\u4e00-\u9fffA-Za-z（）()·]{2,24}?(?:股份有限公司|有限责任公司|集团有限公司|有限公司|股份公司)"
)
_NAMES_EN = re.compile(
    r"(?:[A-Z][\w&.'-]* ){1,5}(?:Inc|Ltd|Corp|Co|LLC|PLC|Group)\b\.?|(?<=[a-z,] )[A-Z][\w'-]+(?: [A-Z][\w'-]+)*"
)


def fold(text: str) -> str:
    """Full-width and half-width, case and blanks made alike."""
    folded = unicodedata.normalize("NFKC", text).lower()
    return " ".join(folded.split())


def skeleton(text: str) -> str:
    """What is asked, without politeness, particles, punctuation and blanks; numbers keep their point."""
    folded = _POLITE_EN.sub(" ", fold(text))
    kept = re.sub(r"(?<=\d)\.(?=\d)", "点", folded)
    return _POLITE.sub("", _PUNCTUATION.sub("", kept))


def numbers_of(text: str) -> tuple[str, ...]:
    """All numbers, in order of value; thousands separators and trailing zeros do not count."""
    plain = re.sub(r"(?<=\d)[,，](?=\d{3}(?!\d))", "", unicodedata.normalize("NFKC", text))
    return tuple(sorted(normal_number(n) for n in _NUMBER.findall(plain)))


def normal_number(number: str) -> str:
    """``2.50`` and ``2.5``, ``07`` and ``7`` alike."""
    whole, _, rest = number.partition(".")
    rest = rest.rstrip("0")
    return f"{whole.lstrip('0') or '0'}{'.' + rest if rest else ''}"


def mask(text: str, vocabulary: Vocabulary | None) -> str:
    """A text as a template: terms, company names and capitalised names become ``*``, numbers ``#``."""
    masked = unicodedata.normalize("NFKC", text)
    if vocabulary is not None:
        masked = vocabulary.mask(masked)
    masked = _COMPANY.sub("*", masked)
    masked = _NAMES_EN.sub("*", masked)
    return re.sub(r"\*+", "*", " ".join(_NUMBER.sub("#", masked).split()))


def segments(text: str) -> list[str]:
    """Lines, sentences and quoted parts."""
    return [piece.strip() for piece in _SEGMENT.split(text) if piece and piece.strip()]


def common_segments(texts: Iterable[str]) -> frozenset[str]:
    """Segments that stand in at least 30% of the texts: the fixed part of their prompts."""
    seen: Counter[str] = Counter()
    total = 0
    for text in texts:
        total += 1
        seen.update(set(segments(text)))
    if total < _MIN_ROWS:
        return frozenset()
    return frozenset(piece for piece, count in seen.items() if count >= _COMMON_SHARE * total)


def core(text: str, common: frozenset[str]) -> str:
    """The text without its common segments; the whole where nothing else is left."""
    if not common:
        return text.strip()
    return "\n".join(piece for piece in segments(text) if piece not in common) or text.strip()


def is_han(text: str) -> bool:
    """Whether there is a Chinese character."""
    return HAN.search(text) is not None


def shingles(text: str) -> set[str]:
    """Pieces for MinHash: three characters of Chinese, words of other scripts in pairs."""
    folded = fold(text)
    if is_han(folded):
        dense = folded.replace(" ", "")
        return {dense[k : k + 3] for k in range(max(1, len(dense) - 2))}
    words: Sequence[str] = re.findall(r"\w+", folded)
    return {" ".join(words[k : k + 2]) for k in range(max(1, len(words) - 1))}
