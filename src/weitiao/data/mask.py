"""Masking of group keys: variants of one question template fall together.

``2019年甲公司的营业收入`` and ``2020年乙公司的营业收入`` both become ``#年*的营业收入``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path

from weitiao.config import MaskConfig
from weitiao.data.encoding import find_encoding
from weitiao.errors import DataError

_DIGITS = re.compile(r"\d+")


class Vocabulary:
    """Terms that are replaced by ``*``, the longest first, from left to right.

    A look-up per character: the lengths of the terms that begin with it are tried from the longest down, so
    the cost does not grow with the number of terms as that of an alternation of 10,000 terms would.
    """

    def __init__(self, terms: Iterable[str]) -> None:
        self._terms = frozenset(terms)
        lengths: dict[str, set[int]] = {}
        for term in self._terms:
            lengths.setdefault(term[0], set()).add(len(term))
        self._lengths = {first: sorted(found, reverse=True) for first, found in lengths.items()}

    def __len__(self) -> int:
        return len(self._terms)

    def mask(self, text: str) -> str:
        """The text with every term replaced by ``*``."""
        out: list[str] = []
        place = 0
        while place < len(text):
            for length in self._lengths.get(text[place], ()):
                if text[place : place + length] in self._terms:
                    out.append("*")
                    place += length
                    break
            else:
                out.append(text[place])
                place += 1
        return "".join(out)


def read_vocabulary(file: str, *, root: Path) -> Vocabulary:
    """Terms of a text file, one a line; blank lines and blanks around a term do not count.

    Raises:
        DataError: No such file, or no term in it.
    """
    path = root / Path(file).expanduser()
    where = f"data.split.mask.vocabulary: {file}"
    if not path.is_file():
        raise DataError(
            f"{where}: no such file", remedy="a text file with one term a line, relative to the recipe"
        )
    text = path.read_text(encoding=find_encoding(path, name=where))
    terms = [line.strip() for line in text.split("\n") if line.strip()]
    if not terms:
        raise DataError(f"{where}: no terms in it", remedy="one term a line")
    return Vocabulary(terms)


def make_mask(config: MaskConfig | None, *, root: Path) -> Callable[[str], str]:
    """The masking that a recipe asks for; the identity for None.

    Terms go first, since they may hold digits.
    """
    if config is None:
        return lambda text: text
    vocabulary = read_vocabulary(config.vocabulary, root=root) if config.vocabulary is not None else None

    def mask(text: str) -> str:
        if vocabulary is not None:
            text = vocabulary.mask(text)
        return _DIGITS.sub("#", text) if config.digits else text

    return mask
