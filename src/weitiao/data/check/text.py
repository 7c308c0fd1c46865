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
# Words that change nothing in what is asked.
_COURTESY = re.findall(
    r"\S+",
    """我想知道 我想了解 我想问 我想查 想知道 想了解 请告诉我 告诉我 麻烦您 麻烦你 麻烦 请帮我 请帮忙 帮我 请你 请您
    请给我 我想请教 想请教 请教 我想咨询 想咨询 咨询一下 问一下 问下 想问 请告知 烦请 劳驾 打扰一下 打扰了 打扰
    给我 能否 能不能 可以 一下 请问 请 你好 您好 谢谢 是什么 是多少 为多少 有多少
    是几 什么 多少 的 了 吗 呢 啊 呀 吧 嘛 为 是""",
)
_POLITE = re.compile("|".join(sorted(_COURTESY, key=len, reverse=True)))
_POLITE_EN = re.compile(
    r"\b(?:please|could you|can you|would you|tell me|i want to know|i would like to know|thanks|thank you|the|a|an)\b"
)
_COMPANY = re.compile(
    r"[\u4e00-\u9fffA-Za-z（）()·]{2,24}?(?:股份有限公司|有限责任公司|集团有限公司|有限公司|股份公司)"
)
_NAMES_EN = re.compile(
    r"(?:[A-Z][\w&.'-]* ){1,5}(?:Inc|Ltd|Corp|Co|LLC|PLC|Group)\b\.?|(?<=[a-z,] )[A-Z][\w'-]+(?: [A-Z][\w'-]+)*"
)
_DECORATION = re.compile(
    r"[\s\u200b-\u200f\u2060\ufeff\"'`“”‘’「」『』《》【】()\[\]<>*。、,;:!?…~]|\.(?!\d)|(?<=[^\W\d])[-_](?=[^\W\d])"
)


def fold(text: str) -> str:
    """Full-width and half-width, case and blanks made alike."""
    folded = unicodedata.normalize("NFKC", text).lower()
    return " ".join(folded.split())


def bare_label(label: str) -> str:
    """A label without blanks, quotes, brackets and marks of sentences; signs such as ``C++`` and ``-1`` stay.

    Example:
        >>> bare_label("《物 流》。")
        '物流'
    """
    return _DECORATION.sub("", fold(label))


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
    masked = text if vocabulary is None else vocabulary.mask(text)
    masked = unicodedata.normalize("NFKC", masked)
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


def variable_parts(text: str, common: frozenset[str]) -> dict[str, str]:
    """What stands between common segments, by the segment in front of it."""
    parts: dict[str, str] = {}
    name = ""
    for piece in segments(text):
        if piece in common:
            name = piece
        else:
            parts[name] = f"{parts[name]}\n{piece}" if name in parts else piece
    return parts


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
