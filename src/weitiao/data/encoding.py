"""Finding out the encoding of a text file: strict decoding, nothing is replaced by question marks."""

from __future__ import annotations

import codecs
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
_TURNED = (0x4E, 0x30)  # 一 and the wide blank have a zero byte too, which stands on the other side


def find_encoding(path: Path, *, name: str, given: str | None = None) -> str:
    """Encoding in which the whole file decodes.

    Order: the given one; a byte order mark; UTF-16 without one; UTF-8; GB18030; the best guess of charset-normalizer.

    Args:
        path: An existing file.
        name: How the user wrote it, for errors.
        given: Encoding stated in the recipe.

    Raises:
        DataError: The stated encoding is unknown or does not fit (with byte offset and line), or none fits.
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
    for encoding in (*first, "utf-8", *second, "gb18030"):
        if _decodes(path, encoding):
            return encoding
    guess = _guess(path)
    if guess is None or not _decodes(path, guess):
        offset, line = _first_bad_byte(path, "utf-8")
        raise DataError(
            f"{name}: not text in a known encoding; the first byte that is not UTF-8 is at offset {offset}, "
            f"line {line}, and neither GB18030 nor any other encoding fits the whole file",
            remedy="state it in the source (`encoding: shift_jis`), or save the file as UTF-8",
        )
    return guess


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
