"""Free prefixes for bases without a chat format.

Every turn is a prefix and a text. The prompt ends before the prefix of the assistant's turn: the model writes
it, and so decides between a function call and a reply::

    [Round 1]
    user: ...
    search: {"name": ...}</s>
    return: ...
    assistant: ...</s>
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from weitiao.chat.calls import Shape, check_calls, json_text, lines_shape
from weitiao.chat.codec import TextCodec
from weitiao.chat.identity import fingerprint_of, located, pad_id_of
from weitiao.chat.plain import ids_in_front
from weitiao.chat.protocols import Piece, Tokenizer
from weitiao.chat.runs import Run, encode_runs, encode_sample
from weitiao.chat.special import unwrapped
from weitiao.errors import FormatError
from weitiao.types import Example, Message, Rendered, Reply

PREFIXES: Mapping[str, str] = {
    "system": "system: ",
    "tools": "tools: ",
    "user": "user: ",
    "assistant": "assistant: ",
    "tool_call": "{name}: ",
    "tool": "return: ",
}
"""What stands in front of each kind of turn; ``{name}`` is the function's name."""

_PROBE = "Hello, 你好  123?\n谢谢 😀"


class RolesFormat:
    """Turns with prefixes; the assistant's own prefix is part of what is learnt.

    Args:
        tokenizer: The tokenizer; what it puts in front of a text by itself (bos) stands in front here too.
        prefixes: Overrides of `PREFIXES`.
        round: Text in front of the user's turn, ``{n}`` is its number from 1; empty: none.
        separator: Text behind every turn.

    Raises:
        FormatError: The tokenizer has no end token, or the prefixes cannot be told apart.
    """

    kind = "roles"

    def __init__(
        self,
        tokenizer: Tokenizer,
        prefixes: Mapping[str, str] | None = None,
        round: str = "[Round {n}]\n",
        separator: str = "\n",
    ) -> None:
        if tokenizer.eos_token_id is None:
            raise FormatError(
                "the tokenizer has no end token (eos), so a model could not learn where an answer ends",
                remedy='set one that the base knows: `"eos_token": "</s>"` in tokenizer_config.json',
            )
        self.prefixes = {**PREFIXES, **(prefixes or {})}
        self.round, self.separator = round, separator
        if not self.prefixes["assistant"] or not self.prefixes["tool_call"]:
            raise FormatError("format.prefixes.assistant and .tool_call must not be empty")
        if self.prefixes["assistant"].startswith(self.prefixes["tool_call"]):
            raise FormatError("format.prefixes.assistant begins like .tool_call: they cannot be told apart")
        self._shape: Shape = lines_shape(self.kind, self.prefixes["tool_call"], separator)
        self._codec = TextCodec(tokenizer)
        self._eos = int(tokenizer.eos_token_id)
        self._start = ids_in_front(tokenizer)
        self.stop_ids: tuple[int, ...] = (self._eos,)
        self.pad_id = pad_id_of(tokenizer)
        probe = self._start + self._codec.encode(_PROBE)
        self.fingerprint = fingerprint_of(
            self.kind, self.prefixes, round, separator, self._codec.markup, self.stop_ids, probe
        )

    def describe(self) -> dict[str, Any]:
        """Kind, prefixes, round, separator and fingerprint."""
        return {
            "kind": self.kind,
            "prefixes": dict(self.prefixes),
            "round": self.round,
            "separator": self.separator,
            "fingerprint": self.fingerprint,
        }

    def render(self, example: Example) -> Rendered:
        """The whole sample; see `ChatFormat.render`."""
        with located(example):
            messages = example.messages
            runs = self._runs(messages, example.tools)
            if messages[-1].role == "assistant":
                runs.pop()  # the separator behind the end token
            ids, trained = encode_sample(self._codec, runs)
            return Rendered(ids, trained, example.id, example.weight)

    def render_prompt(
        self, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]] = ()
    ) -> tuple[int, ...]:
        """Ids up to where the assistant's prefix begins."""
        return encode_runs(self._codec, self._runs(messages, tools))[0]

    def reply_text(self, message: Message) -> str:
        """Content and calls; the prefix of a plain reply is left out."""
        return self._opened(self._written(message))

    def parse(self, text: str) -> Reply:
        """Content and calls of a reply, with or without its prefix."""
        opening = self.prefixes["assistant"]
        return self._shape.parse(text) if not text.startswith(opening) else self._said(text[len(opening) :])

    def encode_text(self, text: str) -> tuple[int, ...]:
        """Text as text."""
        return self._codec.encode(text)

    def decode(self, ids: Sequence[int]) -> str:
        """Text of a reply; a call keeps its prefix, a plain reply does not."""
        return self._opened(self._codec.decode(ids, fresh=False))

    def pieces(self, ids: Sequence[int]) -> tuple[Piece, ...]:
        """What each token looks like."""
        return self._codec.pieces(ids)

    def _opened(self, text: str) -> str:
        opening = self.prefixes["assistant"]
        # a part of the prefix is nothing yet, or a stream would have to take it back
        return "" if opening.startswith(text) else text.removeprefix(opening)

    def _said(self, text: str) -> Reply:
        """A reply whose prefix said that it begins with content."""
        reply = self._shape.parse(text)
        return Reply(text) if reply.problem else reply

    def _written(self, message: Message) -> str:
        """What the model writes for a message, prefix included."""
        check_calls(message.tool_calls)
        opening = self.prefixes["assistant"]
        for call in message.tool_calls:
            head = self.prefixes["tool_call"].replace("{name}", call.name)
            if head.startswith(opening) or opening.startswith(head):
                raise FormatError(
                    f"a call of {call.name!r} would begin with {head!r}, like a reply ({opening!r})",
                    remedy="change format.prefixes.assistant or .tool_call",
                )
        content = [opening + message.content] if message.content or not message.tool_calls else []
        calls = self._shape.write(Reply("", message.tool_calls))
        return self.separator.join([*content, *([calls] if calls else [])])

    def _runs(self, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]]) -> list[Run]:
        if not messages:
            raise FormatError("a conversation needs at least one message")
        runs = [Run(token) for token in self._start]
        if tools:
            schemas = json_text([unwrapped(t) for t in tools])
            runs.append(Run(self.prefixes["tools"] + schemas + self.separator))
        number = 0
        for k, message in enumerate(messages):
            if message.role == "assistant":
                runs.append(Run(self._written(message), message.train, cut=True))
                # the next turn is tokenized by itself, as the answer is
                runs += [Run(self._eos, message.train), Run(self.separator)]
                continue
            head = ""
            if message.role == "user" and (k == 0 or messages[k - 1].role != "user"):
                number += 1
                head = self.round.replace("{n}", str(number))
            runs.append(Run(head + self.prefixes[message.role] + message.content + self.separator))
        return runs
