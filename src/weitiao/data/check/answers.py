"""Answers as such: those that say that there is nothing to say, and numbers written now in one way, now in another."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from weitiao.data.check.finding import Finding, found, many, short
from weitiao.data.check.material import Material

_COLUMNS = ("answer", "answers", "response", "output", "target", "reply", "答案", "回答")
_NO_DATA = re.compile(
    r"没有(?:查询到|查到|找到|发现)|未(?:能)?(?:查询到|查到|找到|检索到)|(?:查询|查|检索|找)不到|查无|无法(?:回答|查询|获取|得知)"
    r"|暂无|不知道|无相关(?:信息|数据|记录)|没有(?:相关|任何|该|此|可用的?)?(?:信息|数据|记录|答案)|数据(?:缺失|不存在)"
    r"|\bno (?:data|results?|records?|information|answer)\b|\bnot (?:found|available|known)\b"
    r"|\b(?:cannot|can't|could not|unable to) (?:be )?(?:answer(?:ed)?|f[io]u?nd)\b|\bunknown\b|(?<!#)\bn/a\b",
    re.IGNORECASE,
)
_HEAD = 40  # characters in which an answer says that there is nothing
_SHORT = 60  # characters of an answer that says nothing else
_MONEY = re.compile(
    r"(?<![\d.,:：年月])(\d[\d,]*\.\d+)\s*(万亿元|百万元|万元|亿元|千元|元)?(?=(.?))", re.DOTALL
)
_RARE = 0.02
_MIN_NUMBERS = 20


class Amount(NamedTuple):
    """A decimal number as it is written.

    Attributes:
        decimals: Digits behind the point.
        unit: ``元`` and the like, empty where nothing follows.
    """

    decimals: int
    unit: str


def answers_of(material: Material) -> list[tuple[str, str]]:
    """Row and text of all answers: the replies of samples, else columns that are called so, wordings one by one."""
    if material.cases:
        return [(case.where, case.example.reference) for case in material.cases if case.example.reference]
    texts: list[tuple[str, str]] = []
    for name, values in material.columns.items():
        if name.lower() in _COLUMNS:
            for where, value in values:
                several: Sequence[object] = value if isinstance(value, list) else [value]
                texts += [(where, text) for text in several if isinstance(text, str) and text.strip()]
    return texts


def no_data_phrase(answer: str) -> str | None:
    """The words by which an answer says that there is nothing to be said, None where it says something."""
    hit = _NO_DATA.search(answer)
    if hit is None or (hit.start() > _HEAD and len(answer) > _SHORT):
        return None
    return hit[0].lower()


def check_no_data(material: Material) -> Iterator[Finding]:
    """Answers such as "no data was found": wanted abstentions, or questions whose data were missing."""
    rows: dict[str, str] = {}
    phrases: dict[str, set[str]] = defaultdict(set)
    for where, answer in answers_of(material):
        phrase = no_data_phrase(answer)
        if phrase is not None:
            rows.setdefault(where, answer)
            phrases[phrase].add(where)
    if rows:
        counted = {phrase: len(places) for phrase, places in phrases.items()}
        most = sorted(counted, key=lambda phrase: -counted[phrase])
        yield found(
            "no_data",
            "note",
            f"the answers of {many(len(rows), 'row')} say that there is no data: "
            + ", ".join(f"{phrase!r} {counted[phrase]:,}" for phrase in most[:4]),
            rows,
            examples=[{"text": short(answer), "rows": [where]} for where, answer in rows.items()],
            phrases=counted,
        )


def amounts_of(text: str) -> list[Amount]:
    """Decimal numbers that are amounts: with a unit of money, or with nothing behind them.

    Example:
        >>> amounts_of("收入是12.50元，利润是3.1")
        [Amount(decimals=2, unit='元'), Amount(decimals=1, unit='')]
    """
    amounts = []
    for number, unit, following in _MONEY.findall(text):
        if unit or not following or not (following.isalnum() or following in "%％‰./-~"):
            amounts.append(Amount(len(number.partition(".")[2]), unit))
    return amounts


def check_amounts(material: Material) -> Iterator[Finding]:
    """Amounts in answers with and without their unit, and with different numbers of decimals."""
    if material.labels is not None:
        return
    written = [(where, amount) for where, text in answers_of(material) for amount in amounts_of(text)]
    if len(written) < _MIN_NUMBERS:
        return
    units = Counter(amount.unit for _, amount in written)
    decimals = Counter(amount.decimals for _, amount in written)
    parts = []
    strays: set[object] = set()
    if units[""] and _mixed(units.total() - units[""], units[""]):
        parts.append(f"{units.total() - units['']:,} with a unit, {units['']:,} without")
        strays.add("" if units[""] <= units.total() / 2 else "unit")
    main, most = decimals.most_common(1)[0]
    if _mixed(most, decimals.total() - most):
        counted = ", ".join(f"{n:,} with {many(places, 'decimal')}" for places, n in decimals.most_common(4))
        parts.append(counted)
        strays.add("decimals")
    if not parts:
        return
    rows = [
        where
        for where, amount in written
        if ("" in strays and not amount.unit)
        or ("unit" in strays and amount.unit)
        or ("decimals" in strays and amount.decimals != main)
    ]
    yield found(
        "number_formats",
        "note",
        f"{len(written):,} amounts in answers are written in several ways: {'; '.join(parts)}",
        rows,
        units={unit or "none": n for unit, n in units.most_common()},
        decimals={str(places): n for places, n in decimals.most_common()},
    )


def _mixed(one: int, other: int) -> bool:
    return min(one, other) >= max(3, _RARE * (one + other))
