"""What the cells of a sheet do not say: merged ranges, hidden rows and columns, formulas without a stored value.

Read from the sheet's XML in one pass that keeps no cells, because the streaming reader of openpyxl leaves it out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import IO, Any
from xml.parsers import expat

from weitiao.data.header import Merge

_PLACE = re.compile(r"([A-Z]+)(\d+)")
_TRUE = ("1", "true")
_KEPT = 1000  # places that are written down; all are counted


@dataclass
class SheetFacts:
    """Beside the values of one sheet.

    Attributes:
        merges: Merged ranges, from top to bottom.
        hidden_rows: Numbers of hidden rows.
        hidden_columns: How many columns are hidden.
        uncached: Places (``B2``) of the first formulas without a stored value.
        num_uncached: How many there are.
        errors: Places and values (``B2 #N/A``) of the first cells that show an error.
        num_errors: How many there are.
    """

    merges: list[Merge] = field(default_factory=list)
    hidden_rows: list[int] = field(default_factory=list)
    hidden_columns: int = 0
    uncached: list[str] = field(default_factory=list)
    num_uncached: int = 0
    errors: list[str] = field(default_factory=list)
    num_errors: int = 0


class DamagedSheet(ValueError):
    """The XML of a sheet is broken.

    Args:
        message: In which way.
        row: The last row that could be read.
    """

    def __init__(self, message: str, row: int) -> None:
        super().__init__(message)
        self.row = row


def sheet_facts(stream: IO[bytes]) -> SheetFacts:
    """The facts of one sheet.

    Args:
        stream: The XML of the sheet.

    Raises:
        DamagedSheet: It is no XML.
    """
    scan = _Scan()
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = scan.start
    parser.EndElementHandler = scan.end
    parser.CharacterDataHandler = scan.text
    try:
        parser.ParseFile(stream)
    except expat.ExpatError as error:
        raise DamagedSheet(f"no XML: {error}", scan.row) from error
    scan.facts.merges.sort(key=lambda merge: (merge.top, merge.left))
    return scan.facts


class _Scan:
    """Handlers of the parser."""

    def __init__(self) -> None:
        self.facts = SheetFacts()
        self.row = 0
        self._cell: dict[str, str] = {}
        self._has_formula = False
        self._in_value = False
        self._value = ""

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        name = tag.rpartition(":")[2]
        if name == "c":
            self._cell, self._has_formula, self._value = attributes, False, ""
        elif name == "f":
            self._has_formula = True
        elif name in ("v", "is"):
            self._in_value = True
        elif name == "row":
            self.row = int(attributes.get("r", self.row + 1))
            if attributes.get("hidden") in _TRUE:
                self.facts.hidden_rows.append(self.row)
        elif name == "col" and attributes.get("hidden") in _TRUE:
            self.facts.hidden_columns += int(attributes["max"]) - int(attributes["min"]) + 1
        elif name == "mergeCell":
            self._merge(attributes.get("ref", ""))

    def text(self, data: str) -> None:
        if self._in_value:
            self._value += data

    def end(self, tag: str) -> None:
        name = tag.rpartition(":")[2]
        if name in ("v", "is"):
            self._in_value = False
        elif name == "c":
            place, kind = self._cell.get("r", "?"), self._cell.get("t")
            if self._has_formula and not self._value and kind != "str":  # a formula may give an empty text
                self.facts.num_uncached += 1
                _keep(self.facts.uncached, place)
            elif kind == "e":
                self.facts.num_errors += 1
                _keep(self.facts.errors, f"{place} {self._value}")

    def _merge(self, reference: str) -> None:
        ends = _PLACE.findall(reference)
        if len(ends) == 2:
            (left, top), (right, bottom) = ends
            self.facts.merges.append(Merge(int(top), _number(left), int(bottom), _number(right)))


def _keep(places: list[str], place: str) -> None:
    if len(places) < _KEPT:
        places.append(place)


def _number(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - ord("A") + 1
    return number


def listed(places: list[Any], count: int, shown: int = 10) -> str:
    """``B2, B3, ... (40 in all)``."""
    text = ", ".join(map(str, places[:shown]))
    return text if count <= shown else f"{text}, ... ({count:,} in all)"
