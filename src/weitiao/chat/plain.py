"""Prompt and answer as bare text, for bases without a chat template."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from weitiao.chat.codec import TextCodec
from weitiao.chat.identity import fingerprint_of, located, pad_id_of
from weitiao.chat.protocols import Piece, Tokenizer
from weitiao.chat.runs import Run, encode_runs
from weitiao.errors import FormatError
from weitiao.types import Example, Message, Rendered, Reply

_PROBE = "Hello, 你好  123?\n谢谢 😀"


class PlainFormat:
    """``[bos] system separator user separator answer eos``, and so on for more rounds.

    Args:
        tokenizer: The tokenizer; what it puts in front of a text by itself (bos) stands in front here too.
        separator: Text behind every message that is not the assistant's.

    Raises:
        FormatError: The tokenizer has no end token.
    """

    kind = "plain"

    def __init__(self, tokenizer: Tokenizer, separator: str = "\n") -> None:
        if tokenizer.eos_token_id is None:
            raise FormatError(
                "the tokenizer has no end token (eos), so a model could not learn where an answer ends",
                remedy='set one that the base knows: `"eos_token": "</s>"` in tokenizer_config.json',
            )
        self._codec = TextCodec(tokenizer)
        self._eos = int(tokenizer.eos_token_id)
        self._start = ids_in_front(tokenizer)
        self.separator = separator
        self.stop_ids: tuple[int, ...] = (self._eos,)
        self.pad_id = pad_id_of(tokenizer)
        probe = self._start + self._codec.encode(_PROBE)
        self.fingerprint = fingerprint_of(self.kind, separator, self._codec.markup, self.stop_ids, probe)

    def describe(self) -> dict[str, Any]:
        """Kind, separator and fingerprint."""
        return {"kind": self.kind, "separator": self.separator, "fingerprint": self.fingerprint}

    def render(self, example: Example) -> Rendered:
        """The whole sample; see `ChatFormat.render`."""
        with located(example):
            ids, trained = encode_runs(self._codec, self._runs(example.messages, example.tools))
            if trained and trained[0]:
                raise FormatError(
                    "the prompt is empty and the tokenizer puts nothing in front of the answer",
                    remedy="give a prompt, or a separator that is not empty",
                )
            return Rendered(ids, trained, example.id, example.weight)

    def render_prompt(
        self, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]] = ()
    ) -> tuple[int, ...]:
        """Ids up to where the assistant's text begins."""
        return encode_runs(self._codec, self._runs(messages, tools))[0]

    def reply_text(self, message: Message) -> str:
        """The content."""
        _refuse_functions([message], ())
        return message.content

    def parse(self, text: str) -> Reply:
        """The text: there are no calls in this format."""
        return Reply(text)

    def encode_text(self, text: str) -> tuple[int, ...]:
        """Text as text."""
        return self._codec.encode(text)

    def decode(self, ids: Sequence[int]) -> str:
        """Text of an answer without special tokens."""
        return self._codec.decode(ids, fresh=False)

    def pieces(self, ids: Sequence[int]) -> tuple[Piece, ...]:
        """What each token looks like."""
        return self._codec.pieces(ids)

    def _runs(self, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]]) -> list[Run]:
        if not messages:
            raise FormatError("a conversation needs at least one message")
        _refuse_functions(messages, tools)
        runs = [Run(token) for token in self._start]
        for message in messages:
            if message.role == "assistant":
                runs += [Run(message.content, message.train, cut=True), Run(self._eos, message.train)]
            else:
                runs.append(Run(message.content + self.separator))
        return runs


def _refuse_functions(messages: Sequence[Message], tools: Sequence[Mapping[str, Any]]) -> None:
    if tools or any(m.tool_calls for m in messages):
        raise FormatError(
            "plain text has no place for functions and calls of them", remedy="use `format: {kind: roles}`"
        )


def ids_in_front(tokenizer: Tokenizer) -> tuple[int, ...]:
    """What the tokenizer puts in front of every text by itself: a bos token, several tokens, or nothing."""
    bare = list(tokenizer("a", add_special_tokens=False)["input_ids"])
    dressed = list(tokenizer("a", add_special_tokens=True)["input_ids"])
    for k in range(len(dressed) - len(bare) + 1):
        if dressed[k : k + len(bare)] == bare:
            return tuple(dressed[:k])
    return ()
