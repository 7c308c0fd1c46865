"""ChatGLM-6B and ChatGLM2-6B: numbered rounds of question and answer.

What the originals do not have is written like this: a system message and the functions stand in front of the
first round; a function call is an answer (the name on a line of its own, then the JSON of the arguments); what
the function found goes on in the same round, behind ``返回：``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from weitiao.chat.calls import NAMED, check_calls, json_text
from weitiao.chat.codec import TextCodec
from weitiao.chat.identity import fingerprint_of, located, pad_id_of
from weitiao.chat.protocols import Piece, Tokenizer
from weitiao.chat.special import ids_of, unwrapped
from weitiao.errors import FormatError
from weitiao.types import Example, Message, Rendered, Reply

_PROBE = "Hello, 你好  123?\n谢谢 😀"
_ROUNDS_REMEDY = "make every round a sample of its own (`data.dialogues: rounds`)"


@dataclass(frozen=True, slots=True)
class _Layout:
    """How rounds are written.

    Attributes:
        first: Number of the first round.
        gap: Text between the parts.
        bare: Whether a first question without history is written as it is.
    """

    first: int
    gap: str
    bare: bool

    def question(self, number: int, text: str) -> str:
        return f"[Round {number}]{self.gap}问：{text}{self.gap}"

    def found(self, text: str) -> str:
        return f"返回：{text}{self.gap}"


_ANSWER = "答："
_V1, _V2 = _Layout(0, "\n", bare=True), _Layout(1, "\n\n", bare=False)


class _Rounds:
    """What both versions share: the text of a conversation, replies, the view."""

    kind: str

    def __init__(self, tokenizer: Tokenizer, layout: _Layout, special: Mapping[str, int], eos: int) -> None:
        self._layout = layout
        self._codec = TextCodec(tokenizer, {i: name for name, i in special.items()})
        self._eos = eos
        self.stop_ids: tuple[int, ...] = (eos,)
        self.pad_id = pad_id_of(tokenizer)
        self._hidden = {*special.values(), eos}
        self._facts = (dict(special), eos, self._codec.encode(_PROBE))

    def reply_text(self, message: Message) -> str:
        """Content, then the calls."""
        check_calls(message.tool_calls)
        return NAMED.write(Reply(message.content, message.tool_calls))

    def parse(self, text: str) -> Reply:
        """Content and calls of a reply."""
        return NAMED.parse(text)

    def encode_text(self, text: str) -> tuple[int, ...]:
        """Text as text."""
        return self._codec.encode(text)

    def decode(self, ids: Sequence[int]) -> str:
        """Text of an answer without special tokens."""
        return self._codec.decode([int(i) for i in ids if i not in self._hidden])

    def pieces(self, ids: Sequence[int]) -> tuple[Piece, ...]:
        """What each token looks like."""
        return self._codec.pieces(ids)

    def _stretches(
        self, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]]
    ) -> list[str | Message]:
        """Text up to each answer, and the answers; ends with a text unless the last message is an answer."""
        _check_order(messages)
        parts: list[str | Message] = []
        text = self._head(messages, tools)
        if self._layout.bare and all(m.role in ("system", "user") for m in messages[:-1]):
            question = next(m for m in messages if m.role == "user")
            parts.append(text + question.content)
            return [*parts, messages[-1]] if messages[-1].role == "assistant" else parts
        number = self._layout.first - 1
        for k, message in enumerate(messages):
            if message.role == "user":
                number += 1
                text += self._layout.question(number, message.content)
            elif message.role == "tool":
                text += self._layout.found(message.content)
            elif message.role == "assistant":
                parts += [text + _ANSWER, message]
                text = self._layout.gap
            if k == len(messages) - 1 and message.role != "assistant":
                parts.append(text + _ANSWER)
        return parts

    def _head(self, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]]) -> str:
        """System messages and functions, in front of the first round."""
        said = [m.content for m in messages if m.role == "system"]
        if tools:
            said.append("可以调用的函数：\n" + "\n".join(json_text(unwrapped(t)) for t in tools))
        return "".join(f"{text}{self._layout.gap}" for text in said)


class ChatGLM2Format(_Rounds):
    """``[gMASK] sop``, then rounds as the original ``build_prompt`` writes them, the answer and eos.

    Args:
        tokenizer: Tokenizer with ChatGLM2's special tokens.
        history: ``text``: earlier rounds are one text with the question, as ``build_prompt`` has it; only the
            last answer of a sample can be trained. ``pieces``: earlier answers stand there as they were
            generated, token by token and with their end token; all of them can be trained in one sample.

    Raises:
        FormatError: The tokenizer lacks a special token.
    """

    kind = "chatglm2"

    def __init__(self, tokenizer: Tokenizer, history: Literal["text", "pieces"] = "text") -> None:
        special = ids_of(tokenizer, ("[gMASK]", "sop"), self.kind)
        if tokenizer.eos_token_id is None:
            raise FormatError("the tokenizer has no end token (eos)")
        super().__init__(tokenizer, _V2, special, int(tokenizer.eos_token_id))
        self._start = list(special.values())
        self.history = history
        self.fingerprint = fingerprint_of(self.kind, history, *self._facts)

    def describe(self) -> dict[str, Any]:
        """Kind, how history is written, fingerprint."""
        return {"kind": self.kind, "history": self.history, "fingerprint": self.fingerprint}

    def render(self, example: Example) -> Rendered:
        """The whole sample; see `ChatFormat.render`."""
        with located(example):
            ids, trained = self._rows(example.messages, example.tools)
            return Rendered(tuple(ids), tuple(trained), example.id, example.weight)

    def render_prompt(
        self, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]] = ()
    ) -> tuple[int, ...]:
        """Ids up to where the answer begins."""
        return tuple(self._rows(_asked(messages), tools)[0])

    def _rows(
        self, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]]
    ) -> tuple[list[int], list[bool]]:
        parts = self._stretches(messages, tools)
        if self.history == "text":
            parts = _one_text(parts, self.reply_text)
        ids, trained = list(self._start), [False] * len(self._start)
        for k, part in enumerate(parts):
            if isinstance(part, str):
                some, train = self._codec.encode(part, fresh=k == 0), False
            else:
                some, train = (*self._codec.encode(self.reply_text(part)), self._eos), part.train
            ids += some
            trained += [train] * len(some)
        return ids, trained


class ChatGLMFormat(_Rounds):
    """ChatGLM-6B: rounds as its ``chat`` writes them, ``[gMASK] <sop>``, the answer and ``<eop>``.

    All tokens up to and with ``[gMASK]`` see each other (`Rendered.context`); ``<sop>`` is a target.

    Args:
        tokenizer: Tokenizer with ChatGLM-6B's special tokens.

    Raises:
        FormatError: The tokenizer lacks a special token.
    """

    kind = "chatglm"

    def __init__(self, tokenizer: Tokenizer) -> None:
        special = ids_of(tokenizer, ("[gMASK]", "<sop>", "<eop>"), self.kind)
        super().__init__(tokenizer, _V1, special, special["<eop>"])
        self._mask, self._sop = special["[gMASK]"], special["<sop>"]
        self.fingerprint = fingerprint_of(self.kind, *self._facts)

    def describe(self) -> dict[str, Any]:
        """Kind and fingerprint."""
        return {"kind": self.kind, "fingerprint": self.fingerprint}

    def render(self, example: Example) -> Rendered:
        """The whole sample; see `ChatFormat.render`."""
        with located(example):
            messages = example.messages
            context, answer = self._split(messages, example.tools)
            ids = [*context, self._sop]
            train = messages[-1].role == "assistant" and messages[-1].train
            said = [] if answer is None else [*self._codec.encode(answer), self._eos]
            trained = [False] * len(context) + [train] * (1 + len(said))
            return Rendered((*ids, *said), tuple(trained), example.id, example.weight, context=len(context))

    def render_prompt(
        self, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]] = ()
    ) -> tuple[int, ...]:
        """Ids up to and with ``<sop>``."""
        return (*self._split(_asked(messages), tools)[0], self._sop)

    def _split(
        self, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]]
    ) -> tuple[list[int], str | None]:
        """Ids up to and with ``[gMASK]``, and the text of the answer."""
        parts = _one_text(self._stretches(messages, tools), self.reply_text)
        context = [*self._codec.encode(str(parts[0])), self._mask]
        last = parts[1] if len(parts) > 1 else None
        return context, None if not isinstance(last, Message) else self.reply_text(last)


def _asked(messages: Sequence[Message]) -> list[Message]:
    """The messages of a prompt: nothing of them is trained."""
    if messages and messages[-1].role == "assistant":
        raise FormatError("the conversation ends with the assistant: there is nothing to answer")
    return [replace(m, train=False) for m in messages]


def _check_order(messages: Sequence[Message]) -> None:
    """System messages, then user and assistant in turn; what a function found stands behind its call.

    Raises:
        FormatError: Another order.
    """
    roles = [m.role for m in messages]
    while roles and roles[0] == "system":
        roles.pop(0)
    allowed = {
        "": ("user",),
        "user": ("assistant",),
        "assistant": ("user", "tool"),
        "tool": ("tool", "assistant"),
    }
    before = ""
    for role in roles:
        if role not in allowed[before]:
            raise FormatError(
                "rounds need system messages first, then `user` and `assistant` in turn (`tool` behind the "
                f"assistant's call), got {', '.join(m.role for m in messages)}",
                remedy="join neighbouring messages of one role, or use `format: {kind: roles}`",
            )
        before = role
    if not roles:
        raise FormatError("a conversation needs at least one message of the user")


def _one_text(parts: Sequence[str | Message], reply_text: Any) -> list[str | Message]:
    """All but the last answer as one text.

    Raises:
        FormatError: An answer in the middle is to be trained.
    """
    last = parts[-1] if isinstance(parts[-1], Message) else None
    before = parts[:-1] if last is not None else parts
    if any(isinstance(p, Message) and p.train for p in before):
        raise FormatError(
            "an answer in the middle of the dialogue is to be trained, but this format writes earlier rounds as "
            "one text with the question",
            remedy=f"{_ROUNDS_REMEDY}; for ChatGLM2 also `format: {{kind: chatglm2, history: pieces}}`",
        )
    text = "".join(p if isinstance(p, str) else reply_text(p) for p in before)
    return [text, *([last] if last is not None else [])]
