"""What is augmented, and what comes out of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from weitiao.config.augment import AugmentKind
from weitiao.data.augment.script import script_of


@dataclass(frozen=True, slots=True)
class Item:
    """A text of a row.

    Attributes:
        number: Its place in the list of items.
        text: What is written anew.
        label: Label or answer; it belongs to the new text too. Empty where there is none.
        keep: Names that a new wording holds word by word.
        where: The row, for reports.
    """

    number: int
    text: str
    label: str = ""
    keep: tuple[str, ...] = ()
    where: str = ""


@dataclass(frozen=True, slots=True)
class Unit:
    """What one request asks for.

    Attributes:
        kind: What to do.
        sources: The text to write anew, or with ``expand`` models of the class.
        count: How many texts.
        language: Of the instructions.
        tone: With ``tone``: which.
        terms: With ``terms``: the glossary's entries that occur in the text.
        avoid: Texts that are there already.
        sample: Round in which it is asked.
    """

    kind: AugmentKind
    sources: tuple[Item, ...]
    count: int
    language: str
    tone: str = ""
    terms: tuple[tuple[str, tuple[str, ...]], ...] = ()
    avoid: tuple[str, ...] = ()
    sample: int = 0

    @property
    def label(self) -> str:
        """Of all its sources."""
        return self.sources[0].label


@dataclass(frozen=True, slots=True)
class Variant:
    """A new text that passed all filters.

    Attributes:
        text: The text.
        kind: How it was made.
        source: The item it was made of; with ``expand`` the first of the models.
    """

    text: str
    kind: AugmentKind
    source: Item


@dataclass(frozen=True, slots=True)
class Dropped:
    """A text that did not pass, or a request without a usable answer.

    Attributes:
        reason: Of a fixed list (see `weitiao.data.augment.sieve`), or what the endpoint said.
        where: The row.
        text: What came; empty where nothing did.
    """

    reason: str
    where: str
    text: str = ""


def language_of(texts: Sequence[str]) -> str:
    """``zh`` where a text is written in Chinese, else ``en``."""
    return "zh" if any(script_of(text) == "han" for text in texts) else "en"
