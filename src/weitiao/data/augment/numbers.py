"""The numbers of a text by value, however they are written: 2020, ２０２０, 二〇二〇, 1,200, 十二, twelve."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from decimal import Decimal

_DIGITS = {c: n for n, c in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2}
_TENS = {"十": 10, "百": 100, "千": 1000}
_ENGLISH_WORDS = (
    "two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen "
    "nineteen twenty"
)  # "one" is a pronoun more often than a number
_ENGLISH = {word: n for n, word in enumerate(_ENGLISH_WORDS.split(), start=2)}
_ARABIC = re.compile(r"\d+(?:,\d{3})+(?:\.\d+)?(?!\d)|\d+(?:\.\d+)?")
#: A Chinese numeral counts where it is longer than one character or a unit follows: 一 is in too many words.
_HAN = re.compile(
    "[零〇一二两三四五六七八九十百千万亿]{2,}|(?:第)?[一二两三四五六七八九十](?=[年月日号个家名人次元倍季章条款项位种天周楼层岁])"
)
_NO_NUMBERS = re.compile(
    "(?<![零一二两三四五六七八九十百千万亿])(?:万一|一一|十分|万分)(?![零一二两三四五六七八九十百千万亿])"
)
_WORD = re.compile(r"[A-Za-z]+")


def numbers_of(text: str) -> frozenset[Decimal]:
    """Values of all numbers.

    Example:
        >>> sorted(numbers_of("2020年第三季度的12.5%，共二十家"))  # 三 is followed by 季
        [Decimal('3'), Decimal('12.5'), Decimal('20'), Decimal('2020')]
    """
    return frozenset(_numbers(unicodedata.normalize("NFKC", text.replace("〇", "零"))))


def _numbers(text: str) -> Iterator[Decimal]:
    for match in _ARABIC.finditer(text):
        yield Decimal(match[0].replace(",", "")).normalize()
    for match in _HAN.finditer(_NO_NUMBERS.sub("。", text)):
        value = han_value(match[0].removeprefix("第"))
        if value is not None and not (value == 1 and len(match[0]) == 1):  # 一个 is an article
            yield Decimal(value).normalize()
    for match in _WORD.finditer(text):
        if match[0].lower() in _ENGLISH:
            yield Decimal(_ENGLISH[match[0].lower()]).normalize()


def han_value(numeral: str) -> int | None:
    """Value of a Chinese numeral, read digit by digit (二〇二〇) or with units (二千零二十); None for no number."""
    if not numeral or not any(c in _DIGITS or c == "十" for c in numeral):
        return None  # 千万, 百万: a unit, and often just "many"
    if all(c in _DIGITS for c in numeral):
        return int("".join(str(_DIGITS[c]) for c in numeral))
    total, section, digit = 0, 0, 0
    for c in numeral:
        if c in _DIGITS:
            digit = _DIGITS[c]
        elif c in _TENS:
            section += (digit or (1 if not section else 0) or 1) * _TENS[c]
            digit = 0
        elif c == "万":  # what stands before 亿 is done with: 三亿五千万
            total, section, digit = total + (section + digit) * 10**4, 0, 0
        else:
            total, section, digit = (total + section + digit) * 10**8, 0, 0
    return total + section + digit
