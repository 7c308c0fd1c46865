"""The text of one answer while it grows: whole characters only, and nothing of a stop string."""

from __future__ import annotations

from collections.abc import Callable, Sequence

_BROKEN = "\ufffd"  # what a decoder writes for bytes that are no character (yet)


class Answer:
    """Text of the tokens that were generated so far.

    Only the tokens since the last whole character are decoded again for each new one, together with the
    stretch before them: some decoders treat the beginning of a text in their own way. The first tokens of the
    answer stand in front of that stretch, for decoders that leave out how an answer opens.

    Args:
        decode: Ids to text.
        stop: Stop strings; the text ends before the first of them.

    Attributes:
        stopped: Whether a stop string has come.
    """

    def __init__(self, decode: Callable[[Sequence[int]], str], stop: Sequence[str] = ()) -> None:
        self._decode = decode
        self._stop = tuple(s for s in stop if s)
        self._longest = max(map(len, self._stop), default=0)
        self._ids: list[int] = []
        self._before, self._done = (
            0,
            0,
        )  # ids[before:done] were decoded, ids[done:] wait for a whole character
        self._head = 0  # so many tokens gave the first text
        self._text = ""
        self._given = 0
        self.stopped = False

    def push(self, token: int) -> str:
        """Take one more token; the text that is certain now and was not given before."""
        self._ids.append(token)
        head = self._ids[: min(self._head, self._before)]
        known = self._decode([*head, *self._ids[self._before : self._done]])
        text = self._decode([*head, *self._ids[self._before :]])
        if len(text) > len(known) and not text.endswith(_BROKEN):
            self._before, self._done = self._done, len(self._ids)
            self._head = self._head or self._done
            self._add(text[len(known) :])
        return self._give(self._certain())

    def finish(self) -> str:
        """The rest of the text, broken characters included; nothing may be pushed after it."""
        if not self.stopped:
            whole = self._decode(self._ids)
            self._add(whole[len(self._text) :])
        return self._give(len(self._text))

    @property
    def text(self) -> str:
        """All text so far; the answer after `finish`."""
        return self._text

    def _add(self, piece: str) -> None:
        start = max(0, len(self._text) - self._longest + 1)
        self._text += piece
        found = [at for s in self._stop if (at := self._text.find(s, start)) >= 0]
        if found:
            self._text = self._text[: min(found)]
            self.stopped = True

    def _certain(self) -> int:
        """How many characters cannot become part of a stop string any more."""
        if self.stopped:
            return len(self._text)
        for length in range(min(self._longest - 1, len(self._text)), 0, -1):
            tail = self._text[-length:]
            if any(s.startswith(tail) for s in self._stop):
                return len(self._text) - length
        return len(self._text)

    def _give(self, upto: int) -> str:
        piece = self._text[self._given : upto]
        self._given = max(self._given, upto)
        return piece
