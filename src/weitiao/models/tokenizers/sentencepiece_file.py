"""The pieces of a SentencePiece model file, read without the library, and the same file with other piece types.

The file is a protocol buffer: field 1, repeated, is a piece (1 text, 2 score as float32, 3 type); field 2 is the
trainer's settings, in which field 3 is the algorithm.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

from weitiao.errors import ModelError

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5  # how a field of a protocol buffer is stored
_PIECE, _TRAINER = 1, 2
_TEXT, _SCORE, _TYPE = 1, 2, 3
_ALGORITHM = 3


class PieceType(IntEnum):
    """What a piece is."""

    NORMAL = 1
    UNKNOWN = 2
    CONTROL = 3
    USER_DEFINED = 4
    UNUSED = 5
    BYTE = 6


class Algorithm(IntEnum):
    """How text is cut into pieces."""

    UNIGRAM = 1
    BPE = 2
    WORD = 3
    CHAR = 4


@dataclass(frozen=True, slots=True)
class SentencePiece:
    """One entry of the vocabulary; its id is its place."""

    text: str
    score: float
    type: PieceType


@dataclass(frozen=True, slots=True)
class SentencePieceFile:
    """A model file.

    Attributes:
        data: The bytes of the file.
        algorithm: How it cuts text.
        pieces: The vocabulary by id.
    """

    data: bytes
    algorithm: Algorithm
    pieces: tuple[SentencePiece, ...]

    def with_types(self, changes: Mapping[PieceType, PieceType]) -> bytes:
        """The file's bytes with every piece of one type made another."""
        out: list[bytes] = []
        for number, kind, raw, value in _fields(self.data):
            if number != _PIECE or kind != _BYTES:
                out.append(raw)
                continue
            new = changes.get(_piece(value).type)
            if new is None:
                out.append(raw)
                continue
            rest = b"".join(r for n, _, r, _ in _fields(value) if n != _TYPE)
            body = rest + bytes([_TYPE << 3 | _VARINT, new])
            out.append(bytes([_PIECE << 3 | _BYTES]) + _varint(len(body)) + body)
        return b"".join(out)


def read_sentencepiece(path: Path) -> SentencePieceFile:
    """Read a SentencePiece model file.

    Raises:
        ModelError: There is no such file, or it is none.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelError(
            f"{path}: cannot be read: {error.strerror}", remedy="download the base's tokenizer files"
        ) from error
    try:
        return _parse(data)
    except (IndexError, ValueError, struct.error) as error:
        pointer = data[:64].startswith(b"version https://git-lfs")
        raise ModelError(
            f"{path}: expected a SentencePiece model file, got {'a Git LFS pointer' if pointer else 'other bytes'}",
            remedy="fetch the file itself (git lfs pull)" if pointer else "download the file again",
        ) from error


def _parse(data: bytes) -> SentencePieceFile:
    pieces: list[SentencePiece] = []
    algorithm = Algorithm.UNIGRAM
    for number, kind, _, value in _fields(data):
        if kind != _BYTES:
            continue
        if number == _PIECE:
            pieces.append(_piece(value))
        elif number == _TRAINER:
            inner = {n: int.from_bytes(v, "little") for n, k, _, v in _fields(value) if k == _VARINT}
            algorithm = Algorithm(inner.get(_ALGORITHM, Algorithm.UNIGRAM))
    if not pieces:
        raise ValueError("no pieces")
    return SentencePieceFile(data, algorithm, tuple(pieces))


def _piece(data: bytes) -> SentencePiece:
    fields = {number: value for number, _, _, value in _fields(data)}
    (score,) = struct.unpack("<f", fields.get(_SCORE, bytes(4)))
    kind = int.from_bytes(fields.get(_TYPE, bytes([PieceType.NORMAL])), "little")
    return SentencePiece(fields[_TEXT].decode() if _TEXT in fields else "", score, PieceType(kind))


def _fields(data: bytes) -> Iterator[tuple[int, int, bytes, bytes]]:
    """Fields of a message: number, how it is stored, all of its bytes, its value (numbers in little endian)."""
    position = 0
    while position < len(data):
        begin = position
        tag, position = _read_varint(data, position)
        number, kind = tag >> 3, tag & 7
        if kind == _VARINT:
            value, position = _read_varint(data, position)
            content = value.to_bytes(10, "little")
        elif kind == _BYTES:
            size, position = _read_varint(data, position)
            content, position = data[position : position + size], position + size
        elif kind in (_FIXED32, _FIXED64):
            size = 4 if kind == _FIXED32 else 8
            content, position = data[position : position + size], position + size
        else:
            raise ValueError(f"storage kind {kind}")
        if position > len(data):
            raise ValueError("the file ends in the middle of a field")
        yield number, kind, data[begin:position], content


def _read_varint(data: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, position
        shift += 7
        if shift > 63:
            raise ValueError("a number of more than 64 bits")


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])
