"""Text to ids and back, so that text stays text.

A tokenizer turns the name of a special token into the token wherever it stands, also in a user's data. Here
only structure that the chat template wrote becomes special; contents never do.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from weitiao.chat.protocols import Piece, Tokenizer
from weitiao.errors import FormatError

Encoded = tuple[list[int], list[tuple[int, int]]]  # ids and the span of characters each comes from

_PROBE = "hello 你好"
_ANCHORS = ("\n", ".", "a", "一")
_BRACKETS = "<>[]{}|｜"
_WIDEST_CHARACTER = 8  # tokens; bytes of one character plus what a tokenizer may put in front


class TextCodec:
    """Encodes and decodes pieces of a conversation.

    Some tokenizers (SentencePiece style) put a space in front of a text. ``fresh=True`` encodes a text as the
    tokenizer encodes one that stands alone, ``fresh=False`` as one that continues other text, without it.

    Args:
        tokenizer: The tokenizer.
        markup: More tokens that mark structure, which the tokenizer does not list among its added tokens.

    Attributes:
        markup: Id to name of the tokens that mark structure: all special tokens, and bracketed added tokens
            such as ``<think>`` that the tokenizer does not call special. Other added tokens (words, white
            space) are vocabulary.
        fresh_after_markup: Whether text after a markup token gets that space.
    """

    def __init__(self, tokenizer: Tokenizer, markup: Mapping[int, str] | None = None) -> None:
        self.tokenizer = tokenizer
        added = tokenizer.added_tokens_decoder
        marks = {i: t.content for i, t in sorted(added.items()) if _is_markup(t)}
        self.markup: dict[int, str] = {**marks, **(markup or {})}
        self._by_name = {t.content: (i, t) for i, t in added.items() if i in self.markup}
        names = sorted(self._by_name, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, names))) if names else None
        self._anchors = [(a, self._fresh(a)[0]) for a in _ANCHORS]
        self._prefixes = False
        self._prefixes = self._puts_prefix()
        self.fresh_after_markup = self._prefixes and self._puts_prefix_after_markup()

    def encode(self, text: str, *, fresh: bool = True) -> tuple[int, ...]:
        """Ids of a text; none of them is a markup token, whatever the text says.

        Raises:
            FormatError: The tokenizer has a one-character markup token and the text contains it.
        """
        if not text:
            return ()
        ids, spans = self._fresh(text) if fresh else self._continued(text)
        cuts = self._cuts(text, ids, spans)
        if not cuts:
            return tuple(ids)
        pieces = [text[a:b] for a, b in pairwise([0, *cuts, len(text)])]
        return tuple(i for k, piece in enumerate(pieces) for i in self.encode(piece, fresh=fresh and not k))

    def decode(self, ids: Sequence[int], *, fresh: bool = True) -> str:
        """Text of ids made by ``encode`` with the same ``fresh``; special tokens are left out."""
        if fresh or not self._prefixes:
            return self._decode(ids)
        # Tokenizers that put a space in front take one away here, so decode the ids behind other text.
        anchor = self._anchors[2][1]
        before, whole = self._decode(anchor), self._decode([*anchor, *ids])
        return whole.removeprefix(before) if whole.startswith(before) else self._decode(ids)

    def marks(self, text: str) -> list[tuple[int, int, int]]:
        """Markup tokens in a text that a chat template wrote: id, where its name begins, and where it ends.

        White space that the tokenizer takes away behind a token belongs to it.
        """
        found: list[tuple[int, int, int]] = []
        for match in self._pattern.finditer(text) if self._pattern is not None else ():
            token_id, token = self._by_name[match.group()]
            end = match.end()
            while token.rstrip and end < len(text) and text[end].isspace():
                end += 1
            found.append((token_id, match.start(), end))
        return found

    def guard(self, value: Any, sign: str) -> Any:
        """A JSON-like value in which ``sign`` breaks every name of a markup token that its texts contain.

        Raises:
            FormatError: A name of one character: it cannot be broken.
        """
        if isinstance(value, str):
            return value if self._pattern is None else self._pattern.sub(lambda m: _broken(m[0], sign), value)
        if isinstance(value, Mapping):
            return {self.guard(k, sign): self.guard(v, sign) for k, v in value.items()}
        if isinstance(value, list | tuple):
            return [self.guard(v, sign) for v in value]
        return value

    def split(self, text: str) -> list[str | int]:
        """Cut a text that a chat template wrote at its markup tokens: texts (not empty) and ids, in order."""
        parts: list[str | int] = []
        position, strip_next = 0, False
        for match in self._pattern.finditer(text) if self._pattern is not None else ():
            token_id, token = self._by_name[match.group()]
            between = text[position : match.start()]
            between = between.lstrip() if strip_next else between
            parts.extend([between.rstrip() if token.lstrip else between, token_id])
            position, strip_next = match.end(), bool(token.rstrip)
        rest = text[position:]
        parts.append(rest.lstrip() if strip_next else rest)
        return [p for p in parts if p != ""]

    def pieces(self, ids: Sequence[int]) -> tuple[Piece, ...]:
        """What each token looks like."""
        out: list[Piece] = []
        pending: list[int] = []
        after_markup = True
        for k, token in enumerate(ids):
            if token in self.markup:
                out.append(Piece(token, self.markup[token], special=True))
                pending, after_markup = [], True
                continue
            pending.append(token)
            text = self.decode(pending, fresh=after_markup and self.fresh_after_markup)
            last = k + 1 == len(ids) or ids[k + 1] in self.markup
            if text.endswith("\ufffd") and not last and len(pending) < _WIDEST_CHARACTER:
                out.append(Piece(token, ""))
                continue
            out.append(Piece(token, text))
            pending, after_markup = [], False
        return tuple(out)

    def _fresh(self, text: str) -> Encoded:
        options: dict[str, Any] = {"add_special_tokens": False, "split_special_tokens": True}
        if not self.tokenizer.is_fast:
            return list(self.tokenizer(text, **options)["input_ids"]), []
        encoding = self.tokenizer(text, return_offsets_mapping=True, **options)
        return list(encoding["input_ids"]), [(a, b) for a, b in encoding["offset_mapping"]]

    def _continued(self, text: str) -> Encoded:
        if not self._prefixes:
            return self._fresh(text)
        for anchor, before in self._anchors:
            ids, spans = self._fresh(anchor + text)
            if ids[: len(before)] == before:
                n = len(anchor)
                return ids[len(before) :], [(a - n, b - n) for a, b in spans[len(before) :]]
        return self._fresh(text)

    def _decode(self, ids: Sequence[int]) -> str:
        return self.tokenizer.decode(list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False)

    def _cuts(self, text: str, ids: list[int], spans: list[tuple[int, int]]) -> list[int]:
        """Where to cut a text so that what became a markup token becomes none: behind its first character."""
        cuts: set[int] = set()
        for k, token in enumerate(ids):
            if token not in self.markup:
                continue
            name = self.markup[token]
            if spans:
                places = [(max(spans[k][0], 0), spans[k][1])]
            else:  # tokenizers without offsets do not normalise, so the name stands in the text as it is
                places = [m.span() for m in re.finditer(re.escape(name), text)]
            for start, end in places:
                if token == self.tokenizer.unk_token_id and text[start:end] != name:
                    continue  # a character that the tokenizer does not know
                if end - start < 2:
                    raise _one_character(text[start:end])
                cuts.add(start + 1)
        return sorted(cuts)

    def _puts_prefix(self) -> bool:
        alone = self._fresh(_PROBE)[0]
        for anchor, before in self._anchors:
            ids = self._fresh(anchor + _PROBE)[0]
            if ids[: len(before)] == before:
                return ids[len(before) :] != alone
        return False

    def _puts_prefix_after_markup(self) -> bool:
        for name, (token_id, token) in self._by_name.items():
            ids = list(self.tokenizer(name + _PROBE, add_special_tokens=False)["input_ids"])
            if token.special and not token.rstrip and ids[:1] == [token_id]:
                return ids[1:] == self._fresh(_PROBE)[0]
        return True


def _is_markup(token: Any) -> bool:
    return bool(token.special) or any(c in _BRACKETS for c in token.content)


def _broken(name: str, sign: str) -> str:
    if len(name) < 2:
        raise _one_character(name)
    return name[0] + sign + name[1:]


def _one_character(name: str) -> FormatError:
    return FormatError(
        f"the tokenizer turns the character {name!r} into a special token",
        remedy="replace this character in the data; it cannot be told from the special token",
    )
