"""Finding out the encoding of a text file: strict decoding, nothing is replaced by question marks, nothing is guessed.

Nearly every file decodes as GB18030, one of Big5 as well as one of UTF-8 that was cut off, and then says rubbish. So a
file counts as GB18030 only where its characters are those of Chinese text, and one that is UTF-8 or GB18030 but for
some bytes is an error that says where.
"""

from __future__ import annotations

import codecs
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from weitiao.errors import DataError

# UTF-32 before UTF-16: the little-endian marks begin alike.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CHUNK = 1 << 20
_ZEROS = 0.02  # share of zero bytes from which a text is rather UTF-16 than UTF-8
_RARE = 1 / 3  # share of two-byte characters that GB2312 has, below which a text is hardly Chinese
_PRIVATE = 0.02  # share of those without a meaning, above which it is not
_FEW = 2  # of those say nothing
_MOSTLY = 4  # as many good characters for each bad byte, and the encoding is right but for these
_OTHERS = ("big5", "shift_jis", "euc_kr", "cp1252")
_TURNED = (0x4E, 0x30)  # 一 and the wide blank have a zero byte too, which stands on the other side


def find_encoding(path: Path, *, name: str, given: str | None = None) -> str:
    """Encoding in which the whole file decodes.

    Order: the given one; a byte order mark; UTF-16 without one; UTF-8; GB18030.

    Args:
        path: An existing file.
        name: How the user wrote it, for errors.
        given: Encoding stated in the recipe.

    Raises:
        DataError: The stated encoding is unknown or does not fit (with byte offset and line), or none fits for sure.
    """
    with path.open("rb") as file:
        head = file.read(4)
    if given is not None:
        _check_known(given, name)
        given = _with_mark(given, head)
        _must_decode(path, given, name)
        return given
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            _must_decode(path, encoding, name)
            return encoding
    wide, zeros = _without_mark(path)
    first, second = (wide, ()) if zeros >= _ZEROS else ((), wide)
    for encoding in (*first, "utf-8", *second):
        if _decodes(path, encoding):
            return encoding
    with path.open("rb") as file:
        head = file.read(_CHUNK)
    if _is_mostly_utf8(head):
        raise _broken(path, "utf-8", name)
    chinese = _chinese(head)
    if _decodes(path, "gb18030") and chinese.is_text:
        return "gb18030"
    if chinese.num_common > _MOSTLY * chinese.num_bad and chinese.is_text:
        raise _broken(path, "gb18030", name)
    raise _unknown(path, name)


def _is_mostly_utf8(head: bytes) -> bool:
    """Whether a text that does not decode as UTF-8 was UTF-8 once: most of it is, or its first line beyond ASCII."""
    text = head.decode("utf-8", "surrogateescape")
    first = next((line for line in text.splitlines() if not line.isascii()), "")
    wide, bad = _wide_and_bad(text)
    wide_first, bad_first = _wide_and_bad(first)
    return 0 < wide >= bad or (wide_first > 1 and not bad_first)


def _wide_and_bad(text: str) -> tuple[int, int]:
    bad = sum("\udc80" <= c <= "\udcff" for c in text)
    return sum(c >= "\u0800" for c in text) - bad, bad


@dataclass(frozen=True)
class _Chinese:
    """What the beginning of a file is as GB18030.

    Attributes:
        num_common: Two-byte characters that GB2312 has.
        num_rare: Those that it does not have.
        num_private: Those without a meaning.
        num_bad: Bytes that do not decode.
    """

    num_common: int
    num_rare: int
    num_private: int
    num_bad: int

    @property
    def is_text(self) -> bool:
        """Whether it reads like Chinese, or like a text that GB2312 has nothing to say about."""
        pairs = self.num_common + self.num_rare + self.num_private
        return self.num_common >= _RARE * pairs and self.num_private <= max(_FEW, _PRIVATE * pairs)


def _chinese(head: bytes) -> _Chinese:
    counts = Counter(head.decode("gb18030", "replace"))
    common = rare = private = 0
    for character, count in counts.items():
        if character.isascii() or character == "\ufffd" or len(character.encode("gb18030")) != 2:
            continue
        if "\ue000" <= character <= "\uf8ff":
            private += count
        elif len(character.encode("gb2312", "ignore")):
            common += count
        else:
            rare += count
    return _Chinese(common, rare, private, counts["\ufffd"])


def _broken(path: Path, encoding: str, name: str) -> DataError:
    offset, line = _first_bad_byte(path, encoding)
    return DataError(
        f"{name}: {encoding.upper()} but for some bytes, the first at offset {offset}, line {line}: cut off there, or "
        "put together from files in different encodings",
        remedy="save the file again as a whole, or state another encoding in the source (`encoding: ...`)",
    )


def _unknown(path: Path, name: str) -> DataError:
    guess = _guess(path)
    known = dict.fromkeys((*_OTHERS, *((guess,) if guess else ()), "gb18030"))
    fitting = [other for other in known if _decodes(path, other)]
    offset, line = _first_bad_byte(path, "utf-8")
    which = f"what fits is {', '.join(fitting)}" if fitting else "no other encoding fits the whole file"
    return DataError(
        f"{name}: the encoding cannot be told: it is no UTF-8 (the byte at offset {offset}, line {line}), and as "
        f"GB18030 no Chinese text; {which}",
        remedy=f"state it in the source (`encoding: {fitting[0] if fitting else 'shift_jis'}`), or save it as UTF-8",
    )


def _with_mark(given: str, head: bytes) -> str:
    """The stated encoding, in the form that takes the byte order mark off where there is one."""
    name = codecs.lookup(given).name
    for mark, encoding in _MARKS:
        if head.startswith(mark) and name.startswith(encoding.removesuffix("-sig")):
            return encoding
    return given


def _without_mark(path: Path) -> tuple[tuple[str, ...], float]:
    """UTF-16 without a byte order mark, if it may be that, and the share of zero bytes.

    One of the two bytes of line ends, blanks and digits is zero, always the same one.
    """
    with path.open("rb") as file:
        head = file.read(_CHUNK)
    low, high = head[::2].count(0), head[1::2].count(0)
    share = (low + high) / max(1, len(head))
    if low + high < 2:
        return (), share
    odd_low, odd_high = (zeros - _turned(head, at) for at, zeros in enumerate((low, high)))
    return ("utf-16-le",) if high > 20 * odd_low else ("utf-16-be",) if low > 20 * odd_high else (), share


def _turned(head: bytes, at: int) -> int:
    """How many zero bytes at even (0) or odd (1) places are those of `_TURNED`."""
    pairs = zip(head[at::2], head[1 - at :: 2], strict=False)
    return sum(other in _TURNED for zero, other in pairs if zero == 0)


def _check_known(encoding: str, name: str) -> None:
    try:
        info = codecs.lookup(encoding)
    except LookupError:
        info = None
    if info is None or not getattr(info, "_is_text_encoding", True):
        raise DataError(
            f"{name}: unknown encoding {encoding!r}",
            remedy="use a Python codec name such as utf-8, utf-16, gb18030, big5, or leave `encoding` out",
        )


def _decodes(path: Path, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeError:
        return False
    return True


def _must_decode(path: Path, encoding: str, name: str) -> None:
    if _decodes(path, encoding):
        return
    offset, line = _first_bad_byte(path, encoding)
    raise DataError(
        f"{name}: not {encoding}: the byte at offset {offset} (line {line}) does not decode",
        remedy="leave `encoding` out to have it found, state the right one, or mend that line",
    )


def _first_bad_byte(path: Path, encoding: str) -> tuple[int, int]:
    data = path.read_bytes()
    try:
        data.decode(encoding)
    except UnicodeDecodeError as error:
        return error.start, data.count(b"\n", 0, error.start) + 1
    except UnicodeError:
        return 0, 1
    return len(data), data.count(b"\n") + 1


def _guess(path: Path) -> str | None:
    from charset_normalizer import from_bytes

    with path.open("rb") as file:
        best = from_bytes(file.read(_CHUNK)).best()
    return None if best is None else best.encoding
