"""Conversations with function calls in a chat template, and templates that mark what the assistant writes.

The template is a program of somebody else: it decides how a call looks. So a turn is what the template writes
for it behind its generation prompt; it is read back with the shape of the template and must be what went in.
Names of special tokens inside messages, arguments and schemas are broken with a sign before the template sees
them, so that whatever special token stands in its text is the template's own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from weitiao.chat.calls import SHAPES, Shape, check_calls
from weitiao.chat.codec import TextCodec
from weitiao.chat.runs import Run
from weitiao.chat.special import unwrapped, wrapped
from weitiao.errors import FormatError
from weitiao.types import Message, Reply, ToolCall

Template = Callable[..., str]
"""``(conversation, tools, generation=...) -> text``; conversation and tools as the template takes them."""

_BEGIN, _END = "\ue0b1", "\ue0b2"
_TAG = re.compile(r"\{%(-?)\s*(end)?generation\s*(-?)%\}")
_PROBE = ToolCall("look_up", {"city": "上海", "days": 3})
PROBE_TOOL: Mapping[str, Any] = {
    "type": "function",
    "function": {
        "name": "look_up",
        "description": "Looks up.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


def mark_generations(template: str) -> str:
    """The template with signs in place of its ``{% generation %}`` tags, white space kept as the tags keep it."""
    return _TAG.sub(
        lambda m: f'{{%{m[1]} if true %}}{{{{ "{_END if m[2] else _BEGIN}" }}}}{{% endif {m[3]}%}}', template
    )


def conversation_of(
    messages: Sequence[Message], contents: Sequence[str] | None = None
) -> list[dict[str, Any]]:
    """Messages as templates take them; calls get ids by which the results refer to them.

    Args:
        messages: The conversation.
        contents: Stand in place of the messages' own contents.
    """
    out: list[dict[str, Any]] = []
    waiting: list[dict[str, Any]] = []
    number = 0
    for k, message in enumerate(messages):
        turn: dict[str, Any] = {
            "role": message.role,
            "content": message.content if contents is None else contents[k],
        }
        if message.tool_calls:
            waiting = []
            for call in message.tool_calls:
                number += 1
                function = {"name": call.name, "arguments": dict(call.arguments)}
                waiting.append({"id": f"call{number:05d}", "type": "function", "function": function})
            turn["tool_calls"] = list(waiting)
        elif message.role == "tool" and waiting:
            call = waiting.pop(0)
            turn |= {"tool_call_id": call["id"], "name": call["function"]["name"]}
        out.append(turn)
    return out


@dataclass(frozen=True, slots=True)
class _Turn:
    """Where an assistant's turn stands in the text: ``[start, behind)``, end token included."""

    start: int
    behind: int
    message: int


class Turns:
    """Cuts what a template writes into turns.

    Args:
        codec: Of the tokenizer.
        template: Renders.
        stop_ids: Tokens that end an answer.
        eos: End token of the tokenizer, or None.
        signs: Texts in which the sign that breaks names must not occur, beside the messages.
    """

    def __init__(
        self, codec: TextCodec, template: Template, stop_ids: Sequence[int], eos: int | None, signs: str
    ) -> None:
        self._codec, self._template, self._eos = codec, template, eos
        self._signs = signs
        self.stop_ids = tuple(stop_ids)
        self.shape = self._study()

    def sample(self, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]]) -> list[Run]:
        """A conversation that ends with the assistant.

        Raises:
            FormatError: The template does not write it as it is, or would ask in another way than it trains.
        """
        check_calls([c for m in messages for c in m.tool_calls])
        text, sign = self._text(messages, tools, generation=False)
        marked, text = text, _unmarked(text)
        self._check_contents(messages, tools, text, sign)
        last = len(messages) - 1
        runs: list[Run] = []
        position = 0
        for i, message in enumerate(messages):
            if message.role != "assistant":
                continue
            turn = self._turn(messages, tools, i, marked, sign, needed=message.train or i == last)
            if turn is None:
                continue
            self._check_turn(message, text[turn.start : turn.behind], sign)
            runs += self._items(text[position : turn.start], sign)
            runs += self._items(text[turn.start : turn.behind], sign, message.train, cut=True)
            position = turn.behind
            if i == last and not self._ends(text[turn.start : turn.behind]):
                runs.append(Run(self._end_of(messages, tools, text, sign), message.train))
        return runs

    def prompt(self, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]]) -> list[Run]:
        """A conversation up to where the assistant's text begins."""
        check_calls([c for m in messages for c in m.tool_calls])
        text, sign = self._text(messages, tools, generation=True)
        text = _unmarked(text)
        self._check_contents(messages, tools, text, sign)
        runs: list[Run] = []
        position = 0
        for i, message in enumerate(messages):
            start = self._start(messages, tools, i, text, sign) if message.role == "assistant" else None
            if start is not None:
                runs += self._items(text[position:start], sign, cut=position > 0)
                position = start
        return runs + self._items(text[position:], sign, cut=position > 0)

    def reply_text(self, opening: Sequence[Message], message: Message, lead: str) -> str:
        """What `decode` makes of a message with calls."""
        check_calls(message.tool_calls)
        messages = (*opening, message)
        text, sign = self._text(messages, (), generation=False)
        turn = self._turn(messages, (), len(opening), text, sign, needed=True)
        assert turn is not None
        body = self._body(_unmarked(text)[turn.start : turn.behind])
        return _without(body, sign).removeprefix(lead)

    def _study(self) -> Shape | None:
        """The shape in which the template writes calls; None when it writes none."""
        asked = [Message("user", "q")]
        call = Message("assistant", "", tool_calls=(_PROBE,))
        try:
            before = self._text(asked, [PROBE_TOOL], generation=True)[0]
            after = _unmarked(self._text([*asked, call], [PROBE_TOOL], generation=False)[0])
        except FormatError:
            return None
        if PROBE_TOOL["function"]["name"] not in before or not after.startswith(before):
            return None
        body = self._body(after[len(before) :])
        shape = next((s for s in SHAPES if _reads(s, body)), None)
        if shape is None:
            return None
        try:
            more = _unmarked(
                self._text([*asked, call, Message("tool", "r")], [PROBE_TOOL], generation=True)[0]
            )
        except FormatError:
            return shape
        end = self._next(more, len(before) + len(body))
        if end is not None and not self._ends(after[len(before) :]):
            self.stop_ids = tuple(dict.fromkeys([*self.stop_ids, end]))  # as `<|observation|>`
        return shape

    def _text(
        self, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]], *, generation: bool
    ) -> tuple[str, str]:
        """What the template writes, names in the contents broken, and the sign that breaks them."""
        conversation, schemas = conversation_of(messages), [wrapped(t) for t in tools]
        whole = json.dumps([conversation, schemas], ensure_ascii=False) + self._signs
        sign = "\ue0a1"
        while sign in whole:
            sign += "\ue0a2"
        if _BEGIN in whole or _END in whole:
            raise FormatError(f"a message contains the reserved character {_BEGIN!r} or {_END!r}")
        guarded = self._codec.guard([conversation, schemas], sign)
        text = self._template(guarded[0], guarded[1], generation=generation)
        if guarded != [conversation, schemas]:
            plain = self._template(conversation, schemas, generation=generation)
            if _without(text, sign) != plain:
                raise FormatError(
                    "the chat template does not write the contents of the messages as they are: it writes "
                    "another text when a message contains the name of a special token"
                )
        return text, sign

    def _start(
        self, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]], i: int, text: str, sign: str
    ) -> int | None:
        """Where message ``i`` begins in a text: behind what the template writes when it is asked for."""
        if i == 0:
            return None
        prompt, own = self._text(messages[:i], tools, generation=True)
        prompt = _unmarked(prompt).replace(own, sign)
        return len(prompt) if text.startswith(prompt) else None

    def _turn(
        self,
        messages: Sequence[Message],
        tools: Sequence[Mapping[str, Any]],
        i: int,
        marked: str,
        sign: str,
        *,
        needed: bool,
    ) -> _Turn | None:
        text = _unmarked(marked)
        start = self._start(messages, tools, i, text, sign)
        if start is None:
            if needed:
                raise _not_as_asked(i, i == len(messages) - 1)
            return None
        spans = _spans(marked)
        if spans:
            assistants = [k for k, m in enumerate(messages) if m.role == "assistant"]
            if len(spans) != len(assistants):
                raise FormatError(
                    f"the chat template marks {len(spans)} generations in a conversation with "
                    f"{len(assistants)} answers"
                )
            stop = spans[assistants.index(i)][1]
        else:
            after, own = self._text(messages[: i + 1], tools, generation=False)
            after = after.replace(own, sign)
            stop = len(_common(after, text))
        ends = [end for token, _, end in self._codec.marks(text[start:stop]) if token in self.stop_ids]
        if ends:
            return _Turn(start, start + ends[-1], i)
        follows = next(((t, a, b) for t, a, b in self._codec.marks(text[stop:])), None)
        if follows is not None and follows[0] in self.stop_ids and not text[stop : stop + follows[1]].strip():
            return _Turn(start, stop + follows[2], i)
        if needed and i < len(messages) - 1:
            raise FormatError(
                "the chat template has no token that ends an answer in the middle of a dialogue",
                remedy="train on the last answer of each example only (one example per round)",
            )
        return _Turn(start, stop, i)

    def _end_of(
        self, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]], text: str, sign: str
    ) -> int:
        """The token behind a last turn that the template does not end."""
        if messages[-1].tool_calls:
            more, own = self._text([*messages, Message("tool", "r")], tools, generation=True)
            token = self._next(_unmarked(more).replace(own, sign), len(text))
            if token is not None and token in self.stop_ids:
                return token
        if self._eos is None:
            raise FormatError("the chat template does not end an answer, and the tokenizer has no end token")
        return self._eos

    def _next(self, text: str, position: int) -> int | None:
        """The first markup token behind a place."""
        return next((token for token, _, _ in self._codec.marks(text[position:])), None)

    def _ends(self, text: str) -> bool:
        return any(token in self.stop_ids for token, _, _ in self._codec.marks(text))

    def _body(self, turn: str) -> str:
        """A turn without its end token."""
        starts = [start for token, start, _ in self._codec.marks(turn) if token in self.stop_ids]
        return turn[: starts[-1]] if starts else turn

    def _items(self, text: str, sign: str, trained: bool = False, *, cut: bool = False) -> list[Run]:
        items = [i if isinstance(i, int) else _without(i, sign) for i in self._codec.split(text)]
        return [Run(item, trained, cut=cut and k == 0) for k, item in enumerate(items)]

    def _check_contents(
        self, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]], text: str, sign: str
    ) -> None:
        text = _without(text, sign)
        for k, message in enumerate(messages):
            forms = (message.content.strip(), *(_escaped(message.content, a) for a in (False, True)))
            if not any(form in text for form in forms):
                raise FormatError(f"the chat template leaves out message {k + 1}, or changes what it says")
        lost = [name for t in tools if (name := str(unwrapped(t).get("name", ""))) not in text]
        if lost or (tools and self.shape is None):
            raise FormatError(
                f"the chat template does not write the functions ({', '.join(lost) or 'calls'})",
                remedy="use `format: {kind: roles}`, or a tokenizer whose chat template knows functions",
            )

    def _check_turn(self, message: Message, turn: str, sign: str) -> None:
        if not message.tool_calls:
            return
        body = _without(self._body(turn), sign)
        reply = Reply(body) if self.shape is None else self.shape.parse(body)
        if reply.tool_calls != message.tool_calls or reply.content.strip() != message.content.strip():
            raise FormatError(
                f"the chat template writes the calls of {', '.join(c.name for c in message.tool_calls)} as "
                f"{body[:120]!r}, from which they cannot be read back",
                remedy="one call a turn and no text beside it is what most templates can write; "
                "or use `format: {kind: roles}`",
            )


def _reads(shape: Shape, body: str) -> bool:
    return shape.parse(body).tool_calls == (_PROBE,)


def _spans(marked: str) -> list[tuple[int, int]]:
    """Where generations stand, in the text without the signs."""
    spans: list[tuple[int, int]] = []
    begin = taken = 0
    for k, character in enumerate(marked):
        if character in (_BEGIN, _END):
            if character == _END:
                spans.append((begin, k - taken))
            else:
                begin = k - taken
            taken += 1
    return spans


def _unmarked(text: str) -> str:
    return text.replace(_BEGIN, "").replace(_END, "")


def _without(text: str, sign: str) -> str:
    """Without the sign, also where JSON wrote it as an escape."""
    return text.replace(sign, "").replace(json.dumps(sign)[1:-1], "")


def _escaped(content: str, ascii: bool) -> str:
    return json.dumps(content, ensure_ascii=ascii)[1:-1].strip()


def _common(a: str, b: str) -> str:
    length = next((k for k, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
    return a[:length]


def _not_as_asked(message: int, last: bool) -> FormatError:
    if message == 0:
        return FormatError("the first message is the assistant's: there is no prompt")
    where = "the last answer" if last else f"message {message + 1}, in the middle of the dialogue,"
    return FormatError(
        f"in front of {where} the chat template writes another text than when that answer is asked for",
        remedy="train on the last answer of each example only (one example per round)"
        if not last
        else "use `format: {kind: plain}`, or a tokenizer with another chat template",
    )
