"""Personal data: phone numbers, identity numbers, e-mail addresses, however their parts are kept apart."""

from __future__ import annotations

import re
from collections.abc import Iterator

from weitiao.data.check.finding import Finding, Severity, found, many
from weitiao.data.check.material import Material
from weitiao.data.template import to_text

_UNIT = r"(?!\d|\.\d|[ \t]*(?:[元万亿股%]|[港美欧日]元|人民币))"  # an amount of eleven digits has decimals or a unit
_MOBILE = re.compile(
    rf"(?<!\d)(?<!\d\.)(?:(?:\+?86|0086)[- ]?)?1[3-9]\d(?:\d{{8}}|([- ])\d{{4}}\1\d{{4}}){_UNIT}"
)
_IDENTITY = re.compile(
    r"(?<!\d)[1-9]\d{5}[- ]?(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])[- ]?\d{3}[\dXx](?!\d)"
)
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)*\.[A-Za-z]{2,}", re.ASCII)
_LANDLINE = re.compile(r"(?<![\d-])(?:\(0\d{2,3}\) ?|0\d{2,3}[- ])[2-9]\d{6,7}(?![\d-])")
_WIDE = {wide: wide - 0xFEE0 for wide in range(0xFF01, 0xFF5F)}
_KINDS: tuple[tuple[str, re.Pattern[str], Severity], ...] = (
    ("a phone number", _MOBILE, "warning"),
    ("an identity number", _IDENTITY, "warning"),
    ("an e-mail address", _EMAIL, "warning"),
    ("a landline number", _LANDLINE, "note"),
)


def check_personal(material: Material) -> Iterator[Finding]:
    """Phone numbers, identity numbers with a right check digit, e-mail addresses; landlines as a note."""
    texts = [
        (str(record.origin), _plain("\n".join(to_text(value) for value in record.fields.values())))
        for record, _ in material.records
    ]
    for what, pattern, severity in _KINDS:
        hits = [(where, first) for where, text in texts if (first := next(_found(what, pattern, text), None))]
        if hits:
            yield found(
                "personal_data",
                severity,
                f"{many(len(hits), 'row')} hold {what}",
                (where for where, _ in hits),
                examples=[{"text": masked(hit), "rows": [where]} for where, hit in hits],
                kind=what.partition(" ")[2],
            )


def without_personal(text: str) -> str:
    """The text with phone numbers, identity numbers and e-mail addresses as stars; landlines stay.

    Example:
        >>> without_personal("请拨 138-1234-5678，或写信给 li@example.com")
        '请拨 138-****-****，或写信给 **@*******.***'
    """
    plain = _plain(text)
    for what, pattern, severity in _KINDS:
        if severity != "note":
            for hit in reversed(list(_matches(what, pattern, plain))):
                start, end = hit.span()
                text = text[:start] + masked(text[start:end]) + text[end:]
    return text


def masked(number: str) -> str:
    """A number with its first three digits, an address without its letters."""
    if "@" in _plain(number):
        return re.sub(r"\w", "*", number)
    return number[:3] + re.sub(r"[\dXxＸｘ]", "*", number[3:])


def _plain(text: str) -> str:
    """Full-width characters as half-width ones, each in its place."""
    return text.translate(_WIDE)


def _found(what: str, pattern: re.Pattern[str], text: str) -> Iterator[str]:
    return (hit[0].strip() for hit in _matches(what, pattern, text))


def _matches(what: str, pattern: re.Pattern[str], text: str) -> Iterator[re.Match[str]]:
    for hit in pattern.finditer(text):
        if pattern is not _IDENTITY or is_identity(re.sub(r"[- ]", "", hit[0])):
            yield hit


def is_identity(number: str) -> bool:
    """Whether the check digit of a Chinese identity number is right (GB 11643)."""
    total = sum(int(digit) * 2 ** (17 - k) for k, digit in enumerate(number[:17]))
    return "10X98765432"[total % 11] == number[17].upper()
