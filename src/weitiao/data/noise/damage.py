"""A text that is being damaged: each character has a piece of the result, and each gap between two what is put there.

    text    合   上   3   号   线         the piece of 合 is 盒, that of 3 is 三,
    gaps  ""  嗯   ""   ""  ""   ""       a filler stands in front of 上:  盒嗯上三号线

Spans are of the characters, without the gaps around them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A part of a text that has a label.

    Attributes:
        start: First character.
        end: The character behind the last one.
        label: Of the part.
    """

    start: int
    end: int
    label: str = ""


class Damage:
    """What has been done to a text so far.

    Args:
        text: The text.
        spans: Parts with labels; none of them may vanish, and a number is not changed across their borders.
        fixed: Characters that stay as they are.
    """

    def __init__(self, text: str, spans: Sequence[Span] = (), fixed: Iterable[int] = ()) -> None:
        self.text = text
        self.spans = tuple(spans)
        self.pieces = list(text)
        self.gaps = [""] * (len(text) + 1)
        self.touched = {place for place in fixed if 0 <= place < len(text)}
        self._borders = {border for span in spans for border in (span.start, span.end)}
        self._inside = {place for span in spans for place in range(span.start + 1, span.end)}

    def result(self) -> str:
        """The damaged text."""
        pairs = zip(self.gaps, self.pieces, strict=False)
        return "".join([part for pair in pairs for part in pair] + [self.gaps[-1]])

    def moved(self) -> tuple[Span, ...]:
        """The spans in the damaged text."""
        begins, ends, place = [], [], 0
        for gap, piece in zip(self.gaps, self.pieces, strict=False):
            begins.append(place := place + len(gap))
            ends.append(place := place + len(piece))
        return tuple(Span(begins[s.start], ends[s.end - 1], s.label) for s in self.spans)

    def replace(self, start: int, end: int, said: str) -> bool:
        """Put ``said`` where characters ``start`` to ``end`` stood; False where that may not be done."""
        places = range(start, end)
        if any(place in self.touched for place in places) or self._borders & set(range(start + 1, end)):
            return False
        if not said and not self._can_spare(places):
            return False
        self.pieces[start] = said
        for place in places[1:]:
            self.pieces[place] = ""
        self.touched.update(places)
        return True

    def insert(self, place: int, said: str) -> bool:
        """Put ``said`` in front of a character; not inside a span, and not twice."""
        if self.gaps[place] or place in self._inside:
            return False
        self.gaps[place] = said
        return True

    def _can_spare(self, places: range) -> bool:
        """Whether text and spans keep something without these characters."""
        left = [place for place, piece in enumerate(self.pieces) if piece and place not in places]
        return bool(left) and all(
            any(self.pieces[p] and p not in places for p in range(span.start, span.end))
            for span in self.spans
            if span.start <= places[0] < span.end
        )
