"""Digits and Chinese numerals: what is said as a number may be written either way."""

from __future__ import annotations

import random
import re

_DIGITS = "零一二三四五六七八九"
_UNITS = ("", "十", "百", "千")
_VALUES = {**{c: n for n, c in enumerate(_DIGITS)}, "〇": 0, "两": 2}
_UNIT_VALUES = {unit: 10**n for n, unit in enumerate(_UNITS) if unit}
NUMBER = re.compile(r"[0-9]+(?:\.[0-9]+)?|[零〇一二三四五六七八九十百千两]{2,}|十")
_COUNTED = "个位家名人只条张本台套件种次天周间元块岁点倍"
_LONGEST_COUNT = 4  # digits; longer runs are read one by one


def spelled(digits: str) -> str:
    """Digit by digit: ``2019`` is 二零一九."""
    return "".join(_DIGITS[int(c)] for c in digits)


def counted(number: int) -> str:
    """As a quantity below 10,000: 15 is 十五, 305 is 三百零五.

    Raises:
        ValueError: The number is negative or has more than four digits.
    """
    if not 0 <= number < 10**_LONGEST_COUNT:
        raise ValueError(f"expected 0 to 9999, got {number}")
    if number == 0:
        return "零"
    said, skipped = "", False
    for place, digit in enumerate(reversed(str(number))):
        if digit == "0":
            skipped = bool(said)
            continue
        said = _DIGITS[int(digit)] + _UNITS[place] + ("零" if skipped else "") + said
        skipped = False
    return said[1:] if said.startswith("一十") else said


def value(said: str) -> int | None:
    """The number that Chinese numerals say as a quantity; None where they say none in the usual way."""
    total, digit = 0, 0
    for character in said:
        if character in _UNIT_VALUES:
            total += (digit or 1) * _UNIT_VALUES[character]
            digit = 0
        elif character in _VALUES:
            digit = _VALUES[character]
        else:
            return None
    total += digit
    usual = said.replace("〇", "零").replace("两", "二")
    return total if total < 10**_LONGEST_COUNT and counted(total) == usual else None


def swapped(number: str, rng: random.Random, before: str = "", behind: str = "") -> str | None:
    """A number in the other writing; None where there is none.

    Args:
        number: What `NUMBER` matches.
        rng: Chooses between quantity and single digits.
        before: The character before it.
        behind: The character behind it: years are read digit by digit, and two of something are 两.

    Example:
        >>> swapped("二零一九", random.Random(0))
        '2019'
    """
    if number[0].isascii():
        if number == "2" and behind and behind in _COUNTED and before != "第":
            return "两"
        whole, _, part = number.partition(".")
        can_count = len(whole) <= _LONGEST_COUNT and (whole == "0" or whole[0] != "0")
        is_long = len(whole) == _LONGEST_COUNT
        is_year = is_long and behind == "年"
        is_counted = can_count and not is_year and (bool(part) or not is_long or rng.random() < 0.5)
        said = counted(int(whole)) if is_counted else spelled(whole)
        return f"{said}点{spelled(part)}" if part else said
    quantity = value(number)
    if quantity is not None:
        return str(quantity)
    if all(c in _VALUES and c != "两" for c in number):
        return "".join(str(_VALUES[c]) for c in number)
    return None
