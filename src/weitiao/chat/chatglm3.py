"""ChatGLM3: role tokens, a metadata line, calls as code.

Layout: ``[gMASK] sop``, then for each message its role token, ``metadata + newline`` and the text, each piece
encoded on its own as the original tokenizer's ``build_single_message`` does. The token behind an assistant's
message is learnt with it: the role token of the next message, or eos.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from weitiao.chat.calls import (
    NAME,
    Malformed,
    begins_python,
    check_calls,
    json_text,
    read_object,
    read_python,
    write_python,
)
from weitiao.chat.codec import TextCodec
from weitiao.chat.identity import fingerprint_of, located, pad_id_of
from weitiao.chat.protocols import Piece, Tokenizer
from weitiao.chat.special import ids_of, unwrapped
from weitiao.errors import FormatError
from weitiao.types import Example, Message, Rendered, Reply, ToolCall

TOOLS_SENTENCE = "Answer the following questions as best as you can. You have access to the following tools:"
"""What stands in front of the functions where the conversation has no system message (as in the original)."""

_BEGIN = ("[gMASK]", "sop")
_ROLES = {"system": "<|system|>", "user": "<|user|>", "assistant": "<|assistant|>", "tool": "<|observation|>"}
_NEXT = _ROLES["assistant"]  # between the parts of one reply, in ids and in text
_NAME_LINE = re.compile(rf"({NAME})\n\s*")
_PROBE = "Hello, 你好  123?\n谢谢 😀"


class ChatGLM3Format:
    """Renders as the original ``build_chat_input`` does, and trains as its multi-turn script does.

    Args:
        tokenizer: Tokenizer with ChatGLM3's special tokens.
        calls: How a call's arguments are written behind the name of the function: ``python`` (a code block
            ``tool_call(k='v')``, the original) or ``json``.

    Raises:
        FormatError: The tokenizer lacks a special token.
    """

    kind = "chatglm3"

    def __init__(self, tokenizer: Tokenizer, calls: Literal["python", "json"] = "python") -> None:
        special = ids_of(tokenizer, (*_BEGIN, *_ROLES.values()), self.kind)
        self._codec = TextCodec(tokenizer, {i: name for name, i in special.items()})
        self._role = {role: special[name] for role, name in _ROLES.items()}
        self._start = [special[name] for name in _BEGIN]
        if tokenizer.eos_token_id is None:
            raise FormatError("the tokenizer has no end token (eos)")
        self._eos = int(tokenizer.eos_token_id)
        self._hidden = {*special.values(), self._eos}
        self._line_end = self._codec.encode("\n")[-1]
        self.calls = calls
        self.stop_ids: tuple[int, ...] = (self._eos, self._role["user"], self._role["tool"])
        self.pad_id = pad_id_of(tokenizer)
        probe = self._codec.encode(_PROBE) + self._codec.encode("a\n")
        self.fingerprint = fingerprint_of(self.kind, calls, special, self._eos, probe)

    def describe(self) -> dict[str, Any]:
        """Kind, how calls are written, fingerprint."""
        return {"kind": self.kind, "calls": self.calls, "fingerprint": self.fingerprint}

    def render(self, example: Example) -> Rendered:
        """The whole sample; see `ChatFormat.render`."""
        with located(example):
            ids, trained = self._rows(example.messages, example.tools)
            last = example.messages[-1]
            if last.role == "assistant":
                # a call is always followed by what it found, so its stop is known; a reply may be the end
                ids.append(self._role["tool"] if last.tool_calls else self._eos)
                trained.append(last.train)
            else:
                ids.append(self._role["assistant"])
                trained.append(False)
            return Rendered(tuple(ids), tuple(trained), example.id, example.weight)

    def render_prompt(
        self, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]] = ()
    ) -> tuple[int, ...]:
        """Ids up to and with ``<|assistant|>``."""
        return (*self._rows(messages, tools)[0], self._role["assistant"])

    def reply_text(self, message: Message) -> str:
        """What `decode` makes of the tokens of a message."""
        check_calls(message.tool_calls)
        parts = [message.content] if message.content or not message.tool_calls else []
        return _NEXT.join([*parts, *(f"{c.name}\n{self._body(c)}" for c in message.tool_calls)])

    def parse(self, text: str) -> Reply:
        """Content and calls of a reply."""
        starts = [0, *(m.end() for m in re.finditer(re.escape(_NEXT), text))]
        problem = None
        for start in starts:
            if not self._begins_call(text, start):
                continue
            try:
                return Reply(text[: max(start - len(_NEXT), 0)], self._calls(text, start))
            except Malformed as error:
                problem = problem or str(error)
        return Reply(text, problem=problem)

    def encode_text(self, text: str) -> tuple[int, ...]:
        """Text as text."""
        return self._codec.encode(text)

    def decode(self, ids: Sequence[int]) -> str:
        """Text of a reply: metadata lines that are empty are left out, others stand in front of their text."""
        parts: list[list[int]] = [[]]
        for token in ids:
            if token == self._role["assistant"]:
                parts.append([])
            elif token not in self._hidden:
                parts[-1].append(int(token))
        return _NEXT.join(self._decode_part(part) for part in parts)

    def pieces(self, ids: Sequence[int]) -> tuple[Piece, ...]:
        """What each token looks like."""
        return self._codec.pieces(ids)

    def _decode_part(self, ids: list[int]) -> str:
        if self._line_end not in ids:  # the metadata line is not whole yet
            text = self._codec.decode(ids)
            return text if text.strip() else ""
        at = ids.index(self._line_end)
        metadata, content = self._codec.decode(ids[:at]), self._codec.decode(ids[at + 1 :])
        return f"{metadata}\n{content}" if metadata.strip() else content

    def _rows(
        self, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]]
    ) -> tuple[list[int], list[bool]]:
        """Ids and trained flags without what follows the last message."""
        if not messages:
            raise FormatError("a conversation needs at least one message")
        ids, trained = list(self._start), [False] * len(self._start)
        before = False  # whether what follows belongs to an assistant's message that is trained
        for message in _with_tools(messages, tools):
            for metadata, text in self._parts(message):
                body = self._codec.encode(metadata + "\n") + self._codec.encode(text)
                ids += [self._role[message.role], *body]
                trained += [before] + [message.train] * len(body)
                before = message.train
        return ids, trained

    def _parts(self, message: Message) -> list[tuple[str, str]]:
        """Metadata and text of the single messages that one turn is written as."""
        if not message.tool_calls:
            return [("", message.content)]
        check_calls(message.tool_calls)
        said = [("", message.content)] if message.content else []
        return [*said, *((c.name, self._body(c)) for c in message.tool_calls)]

    def _body(self, call: ToolCall) -> str:
        return write_python(call) if self.calls == "python" else json_text(dict(call.arguments))

    def _begins_call(self, text: str, start: int) -> bool:
        name = _NAME_LINE.match(text, start)
        if name is None:
            return False
        return begins_python(text, name.end()) if self.calls == "python" else text.startswith("{", name.end())

    def _calls(self, text: str, start: int) -> tuple[ToolCall, ...]:
        """All calls from a place to the end of the text."""
        calls: list[ToolCall] = []
        while True:
            name = _NAME_LINE.match(text, start)
            if name is None:
                raise Malformed(f"expected the name of a function, got {text[start : start + 40]!r}")
            read = read_python if self.calls == "python" else read_object
            arguments, end = read(text, name.end())
            calls.append(ToolCall(name[1], arguments))
            if not text[end:].strip():
                return tuple(calls)
            if not text.startswith(_NEXT, end):
                raise Malformed(f"text behind the arguments: {text[end : end + 40]!r}")
            start = end + len(_NEXT)


def _with_tools(messages: Sequence[Message], tools: Sequence[Mapping[str, Any]]) -> list[Message]:
    """The messages with the functions written into the system message."""
    if not tools:
        return list(messages)
    schemas = json.dumps([unwrapped(t) for t in tools], indent=4, ensure_ascii=False)
    has_system = messages[0].role == "system"
    said = messages[0].content if has_system else TOOLS_SENTENCE
    return [Message("system", f"{said}\n{schemas}"), *messages[1 if has_system else 0 :]]
