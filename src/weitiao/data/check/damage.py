"""Damaged texts: characters read in a wrong encoding, invisible ones, leftovers of markup, doubled spaces."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator
from itertools import accumulate
from typing import NamedTuple

from weitiao.data.check.finding import Finding, Severity, found, many, short
from weitiao.data.check.material import Material
from weitiao.data.check.structure import parsed
from weitiao.data.template import to_text

_LOST = re.compile(  # what cannot be read back
    "\ufffd|锟斤拷|烫烫烫|屯屯屯|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]|[\ue000-\uf8ff]"
    r"|(?<=[\u4e00-\u9fff\d])\?{3,}(?=[\u4e00-\u9fff\d])"
)
INVISIBLE = re.compile("[\u200b\u200e\u200f\u2028\u2029\u202a-\u202e\u2060-\u2064\u00ad\ufeff]")
_ESCAPED = re.compile(r"(?:\\u[0-9a-fA-F]{4}){2,}|(?<![A-Za-z/=?&.%#_-])(?:%[0-9A-Fa-f]{2}){3,}", re.ASCII)
_TAGS = (
    "p|br|div|span|b|i|u|s|em|strong|sub|sup|a|img|table|thead|tbody|tr|td|th|ul|ol|li|dl|dt|dd|font|center|hr|h[1-6]"
    "|html|body|head|script|style|iframe|pre|blockquote|section|article|strike|small|big"
)
_TAG = re.compile(rf"</?(?:{_TAGS})(?:\s[^<>]{{0,200}})?/?>", re.IGNORECASE)
_ENTITY = re.compile(r"&(?:[A-Za-z][A-Za-z0-9]{1,31}|#\d{1,7}|#[xX][0-9A-Fa-f]{1,6});")
DOUBLED = re.compile(r"(?<=\w)  +(?=\w)")
_LATIN_RUN = re.compile("[\x80-\u00ff€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ]{2,}")
_WIDE_RUN = re.compile("[^\x00-\x7f\ufffd]{3,}")
_UTF8 = re.compile(rb"(?:[\xe4-\xe9][\x80-\xbf]{2}|\xe3\x80[\x80-\x93]|\xef\xbc[\x80-\xbf]){2,}")  # Chinese
_FEWEST_BYTES = 9  # of Chinese in UTF-8: bytes of GBK are hardly ever three such characters
_COMMON = re.compile("[\u4e00-\u9fff\u3000-\u303f\uff00-\uffef]")


class Kind(NamedTuple):
    """One kind of damage.

    Attributes:
        what: What rows with it hold.
        code: Of the finding.
        severity: Of the finding.
        find: The place of the first, None where there is none.
    """

    what: str
    code: str
    severity: Severity
    find: Callable[[str], tuple[int, int] | None]


def check_damage(material: Material) -> Iterator[Finding]:
    """Damaged characters, leftovers of markup, doubled spaces inside lines."""
    for name, values in material.columns.items():
        if name == "tokens" and {"text", "tags"} <= material.columns.keys():
            continue  # the characters of the column "text" once more
        texts = [(w, t) for w, v in values if (t := to_text(v))]
        misread: set[str] = set()
        for kind in KINDS:
            hits = [
                (w, t, place) for w, t in texts if w not in misread and (place := kind.find(t)) is not None
            ]
            misread |= {w for w, _, _ in hits} if kind.code == "misread" else set()
            if hits and len(hits) <= 0.5 * len(texts):
                yield found(
                    kind.code,
                    kind.severity,
                    f'column "{name}": {many(len(hits), "row")} hold {kind.what}',
                    (w for w, _, _ in hits),
                    examples=[
                        {"text": short(t[max(0, start - 30) : end + 30]), **_read(t[start:end]), "rows": [w]}
                        for w, t, (start, end) in hits
                    ],
                    column=name,
                )
        spaced = [w for w, t in texts if DOUBLED.search(t)]
        if spaced:
            yield found(
                "spacing",
                "note",
                f'column "{name}": {many(len(spaced), "row")} hold doubled spaces between words',
                spaced,
                column=name,
            )


def _read(damaged: str) -> dict[str, str]:
    read = repaired(damaged)
    return {"read_as": short(read)} if read != damaged and not INVISIBLE.search(damaged) else {}


def repaired(text: str) -> str:
    r"""The text with runs that were read in a wrong encoding as they were meant, and without invisible characters.

    Only what can be read back letter by letter is changed.

    Example:
        >>> repaired("浣犲ソ"), repaired("ä½\xa0å¥½"), repaired("café, 你好")
        ('你好', '你好', 'café, 你好')
    """
    text = _LATIN_RUN.sub(lambda hit: _latin(hit[0]) or hit[0], text)
    text = _WIDE_RUN.sub(lambda hit: _han(hit[0]), text)
    return INVISIBLE.sub("", text)


def _latin(run: str) -> str | None:
    """UTF-8 or GBK that was read as Latin-1 or Windows-1252; None where the run is neither."""
    raw = _bytes(run)
    if raw is None:
        return None
    try:
        read = raw.decode("utf-8")
        return read if _COMMON.search(read) or run[0] in "ÃÂâÎÏÐÑ" else None
    except UnicodeDecodeError:
        pass
    try:  # common characters of Chinese begin with a byte from B0 to D7
        read = raw.decode("gb2312")
    except UnicodeDecodeError:
        return None
    is_text = len(set(run)) >= 3 and sum(c < 0xD8 for c in raw[::2]) >= 0.8 * len(read) >= 1.6
    return read if is_text else None


def _bytes(run: str) -> bytes | None:
    try:
        return b"".join(c.encode("latin-1") if ord(c) < 0x100 else c.encode("cp1252") for c in run)
    except UnicodeEncodeError:
        return None


def _han(run: str) -> str:
    """UTF-8 that was read as GBK, where it begins and ends with whole characters of both."""
    raw = run.encode("gb18030", "replace")
    hits = [hit for hit in _UTF8.finditer(raw) if _is_chinese(hit, raw)]
    if not hits:
        return run
    ends = list(accumulate((len(c.encode("gb18030", "replace")) for c in run), initial=0))
    place = {end: number for number, end in enumerate(ends)}
    for hit in reversed(hits):
        start, end = hit.span()
        start += 0 if start in place else 3
        end -= 0 if end in place else 3
        if start < end and start in place and end in place:
            run = run[: place[start]] + raw[start:end].decode() + run[place[end] :]
    return run


def _is_chinese(hit: re.Match[bytes], raw: bytes) -> bool:
    """Whether so many bytes are Chinese in UTF-8 that they were hardly meant as GBK; two characters if they are all."""
    return len(hit[0]) >= _FEWEST_BYTES or hit[0] == raw


def _misread(text: str) -> tuple[int, int] | None:
    """The first run that was read in a wrong encoding, also where a character of it is lost."""
    for hit in _LATIN_RUN.finditer(text):
        if _latin(hit[0]) is not None:
            return hit.span()
    for hit in _WIDE_RUN.finditer(text):
        raw = hit[0].encode("gb18030", "replace")
        if any(_is_chinese(found_bytes, raw) for found_bytes in _UTF8.finditer(raw)):
            return hit.span()
    return None


def _first(*patterns: re.Pattern[str]) -> Callable[[str], tuple[int, int] | None]:
    def find(text: str) -> tuple[int, int] | None:
        return next((hit.span() for pattern in patterns if (hit := pattern.search(text))), None)

    return find


def _escaped(text: str) -> tuple[int, int] | None:
    hit = _ESCAPED.search(text)
    return hit.span() if hit is not None and parsed(text) is None else None


def _markup(text: str) -> tuple[int, int] | None:
    hit = _TAG.search(text) or next((h for h in _ENTITY.finditer(text) if html.unescape(h[0]) != h[0]), None)
    return None if hit is None else hit.span()


def has_markup(text: str) -> bool:
    """Whether there is a tag or an entity in the text."""
    return _markup(text) is not None


def without_markup(text: str) -> str:
    """The text without tags, entities as the characters that they stand for; their blanks do not stay at the ends."""
    return html.unescape(_TAG.sub("", text)).replace("\xa0", " ").strip() if has_markup(text) else text


KINDS = (
    Kind("characters read in a wrong encoding", "misread", "serious", _misread),
    Kind("damaged characters", "encoding", "serious", _first(_LOST)),
    Kind("invisible characters", "invisible", "warning", _first(INVISIBLE)),
    Kind("escapes instead of characters", "escapes", "warning", _escaped),
    Kind("leftovers of markup", "markup", "warning", _markup),
)
