"""The chat template that a tokenizer brings along."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from weitiao.chat.align import Part, align
from weitiao.chat.clock import on_a_fixed_day
from weitiao.chat.codec import TextCodec
from weitiao.chat.identity import fingerprint_of, located, pad_id_of
from weitiao.chat.protocols import Piece, Tokenizer
from weitiao.chat.runs import Run, encode_runs, encode_sample
from weitiao.chat.turns import Turns, conversation_of, mark_generations
from weitiao.errors import FormatError
from weitiao.types import Example, Message, Rendered, Reply

# Templates of thinking models write an empty thinking block in front of an answer; these switches make the
# generation prompt do the same. The first one with which prompt and whole sample agree is taken.
_SWITCHES: tuple[dict[str, Any], ...] = ({}, {"enable_thinking": False}, {"thinking": False})
_PLAIN = "use `format: {kind: plain}`, or a tokenizer with another chat template"
_PROBE = ("Hello, 你好  123?", "Fine.\n谢谢 😀")
# Special tokens that are part of how a call is written: an answer's text keeps them.
_CALL_TOKENS = ("<tool_call>", "</tool_call>", "[TOOL_CALLS]", "<|python_tag|>")


@dataclass(frozen=True, slots=True)
class _Turn:
    """How the template frames an answer.

    Attributes:
        opening: The shortest conversation that the template accepts.
        arguments: Switches given to the template.
        lead: White space the template puts between generation prompt and answer; it is trained with it.
        close: Text between an answer and its end token.
        end_ids: Tokens that end an answer, at the end of a dialogue and in its middle.
    """

    opening: tuple[Message, ...]
    arguments: Mapping[str, Any]
    lead: str
    close: str
    end_ids: tuple[int, ...]


class TemplateFormat:
    """Renders with the tokenizer's chat template.

    Templates that know functions, or mark what the assistant writes with ``{% generation %}``, are cut into turns
    (`weitiao.chat.turns`); in others the contents of the messages are found by alignment.

    Args:
        tokenizer: The tokenizer.
        template: Text of the template; default: the tokenizer's own.

    Raises:
        FormatError: There is no template, or training and generating would not see the same text with it.
    """

    kind = "template"

    def __init__(self, tokenizer: Tokenizer, template: str | None = None) -> None:
        self._tokenizer = tokenizer
        self._codec = TextCodec(tokenizer)
        self.template = template if template is not None else _own_template(tokenizer)
        self._program = on_a_fixed_day(self.template)
        self._turn = self._study()
        eos = [] if tokenizer.eos_token_id is None else [int(tokenizer.eos_token_id)]
        self.stop_ids: tuple[int, ...] = tuple(dict.fromkeys([*self._turn.end_ids, *eos]))
        self._turns = self._study_turns()
        self._call_tokens = {i: name for i, name in self._codec.markup.items() if name in _CALL_TOKENS}
        if not self.stop_ids:
            raise FormatError("neither the chat template nor the tokenizer has a token that ends an answer")
        self.pad_id = pad_id_of(tokenizer)
        asked = [*self._turn.opening[:-1], Message("user", _PROBE[0])]
        probe = self.render_prompt(asked)
        self._fresh_answer = self._codec.fresh_after_markup and probe[-1] in self._codec.markup
        answer = self._codec.encode(_PROBE[1], fresh=self._fresh_answer)
        self.fingerprint = fingerprint_of(
            self.kind,
            self.template,
            dict(self._turn.arguments),
            self._codec.markup,
            self.stop_ids,
            probe + answer,
        )

    def describe(self) -> dict[str, Any]:
        """Kind, template text, switches and fingerprint."""
        return {
            "kind": self.kind,
            "template": self.template,
            "arguments": dict(self._turn.arguments),
            "fingerprint": self.fingerprint,
        }

    def render(self, example: Example) -> Rendered:
        """The whole sample; see `ChatFormat.render`."""
        with located(example):
            messages = example.messages
            if messages[-1].role != "assistant":
                ids = self.render_prompt(messages, example.tools)
                return Rendered(ids, (False,) * len(ids), example.id, example.weight)
            if self._turns is not None:
                runs = self._turns.sample(messages, example.tools)
            else:
                _refuse_functions(messages, example.tools)
                parts = self._parts(messages, generation=False)
                self._check_prompts(messages, parts)
                runs = self._runs(parts, messages, whole=True)
            ids, trained = encode_sample(self._codec, runs)
            return Rendered(ids, trained, example.id, example.weight)

    def render_prompt(
        self, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]] = ()
    ) -> tuple[int, ...]:
        """Ids up to where the assistant's text begins."""
        if not messages:
            raise FormatError("a conversation needs at least one message")
        if self._turns is not None:
            return encode_runs(self._codec, self._turns.prompt(messages, tools))[0]
        _refuse_functions(messages, tools)
        parts = self._parts(messages, generation=True)
        return encode_runs(self._codec, self._runs(parts, messages, whole=False))[0]

    def reply_text(self, message: Message) -> str:
        """The content, or what the template writes for a message with calls."""
        if not message.tool_calls:
            return message.content
        if self._turns is None:
            _refuse_functions([message], ())
            return message.content
        return self._turns.reply_text(self._turn.opening, message, self._turn.lead)

    def parse(self, text: str) -> Reply:
        """Content and calls, in the shape in which the template writes calls."""
        shape = None if self._turns is None else self._turns.shape
        return Reply(text) if shape is None else shape.parse(text)

    def encode_text(self, text: str) -> tuple[int, ...]:
        """Text as text."""
        return self._codec.encode(text)

    def decode(self, ids: Sequence[int]) -> str:
        """Text of an answer without special tokens and without what the template puts around it."""
        text = self._decoded(ids)
        return text.removeprefix(self._turn.lead).removesuffix(self._turn.close)

    def pieces(self, ids: Sequence[int]) -> tuple[Piece, ...]:
        """What each token looks like."""
        return self._codec.pieces(ids)

    def _decoded(self, ids: Sequence[int]) -> str:
        """Text of ids; tokens that are part of a call are written out."""
        texts: list[str] = []
        part: list[int] = []
        for token in (*ids, None):
            if token is not None and token not in self._call_tokens:
                part.append(token)
                continue
            fresh = self._codec.fresh_after_markup if texts else self._fresh_answer
            texts.append(self._codec.decode(part, fresh=fresh) if part else "")
            texts.append("" if token is None else self._call_tokens[token])
            part = []
        return "".join(texts)

    def _text(
        self, messages: Sequence[Message], contents: Sequence[str], *, generation: bool, **switches: Any
    ) -> str:
        return self._written(conversation_of(messages, contents), generation=generation, **switches)

    def _written(
        self,
        conversation: list[dict[str, Any]],
        tools: Sequence[Mapping[str, Any]] = (),
        *,
        generation: bool,
        program: str | None = None,
        **switches: Any,
    ) -> str:
        try:
            return self._tokenizer.apply_chat_template(
                conversation,
                tools=list(tools) or None,
                chat_template=self._program if program is None else program,
                tokenize=False,
                add_generation_prompt=generation,
                **switches,
            )
        except Exception as error:  # the template is a program of somebody else: it may raise anything
            roles = ", ".join(m["role"] for m in conversation)
            raise FormatError(
                f"the chat template refuses a conversation with the roles {roles}: "
                f"{type(error).__name__}: {error}",
                remedy=f"change the roles (a `system` message?), or {_PLAIN}",
            ) from error

    def _parts(self, messages: Sequence[Message], *, generation: bool) -> tuple[Part, ...]:
        if not messages:
            raise FormatError("a conversation needs at least one message")
        parts = self._cut(messages, generation=generation, **self._turn.arguments)
        return _with_lead(parts, messages, self._turn.lead)

    def _cut(self, messages: Sequence[Message], *, generation: bool, **switches: Any) -> tuple[Part, ...]:
        return align(
            lambda contents: self._text(messages, contents, generation=generation, **switches),
            [m.content for m in messages],
            keep=[m.role == "assistant" for m in messages],
            template=self.template,
        )

    def _study(self) -> _Turn:
        """Find out how the template frames an answer, and whether generating and training agree."""
        problem: FormatError | None = None
        for opening in ((Message("user", "q"),), (Message("system", "s"), Message("user", "q"))):
            for switches in _SWITCHES:
                try:
                    return self._study_with(opening, switches)
                except FormatError as error:
                    problem = problem or error
        assert problem is not None
        raise problem

    def _study_with(self, opening: tuple[Message, ...], switches: dict[str, Any]) -> _Turn:
        answer = Message("assistant", "a")
        prompt = self._text(opening, [m.content for m in opening], generation=True, **switches)
        parts = self._cut((*opening, answer), generation=False, **switches)
        begin = _begin_of(parts, len(opening))
        before = "".join(p.text for p in parts)[:begin]
        lead = before.removeprefix(prompt)
        if not before.startswith(prompt) or lead.strip():
            raise FormatError(
                f"the chat template writes {before[-60:]!r} in front of an answer, but its generation prompt "
                f"ends with {prompt[-60:]!r}: a model trained on the one would be asked with the other",
                remedy=_PLAIN,
            )
        close, end = self._closing(parts[-1].text)
        close = close if end is not None else ""
        ends = [] if end is None else [end]
        try:
            rounds = self._cut((*opening, answer, Message("user", "r"), answer), generation=False, **switches)
        except FormatError:
            rounds = ()  # a template for single questions
        for k, part in enumerate(rounds):
            if part.message == len(opening):
                before, middle = self._closing(rounds[k + 1].text)
                ends.extend([middle] if middle is not None and _ends_turn(before, close) else [])
        return _Turn(opening, dict(switches), lead, close, tuple(ends))

    def _study_turns(self) -> Turns | None:
        """How the template is cut into turns; None where it neither knows functions nor marks generations."""
        program = mark_generations(self._program)
        turns = Turns(
            self._codec,
            partial(self._written, program=program, **self._turn.arguments),
            self.stop_ids,
            self._tokenizer.eos_token_id,
            self.template,
        )
        if turns.shape is None and program == self._program:
            return None
        self.stop_ids = turns.stop_ids
        return turns

    def _closing(self, text: str) -> tuple[str, int | None]:
        """Text up to the first markup token, and the token."""
        before = ""
        for item in self._codec.split(text):
            if isinstance(item, int):
                return before, item
            before = item
        return before, None

    def _check_prompts(self, messages: Sequence[Message], parts: Sequence[Part]) -> None:
        """Every trained answer must stand behind exactly what `render_prompt` gives for it."""
        text = "".join(p.text for p in parts)
        for i, message in enumerate(messages):
            last = i == len(messages) - 1
            if message.role != "assistant" or not (message.train or last):
                continue
            if i == 0:
                raise FormatError("the first message is the assistant's: there is no prompt")
            contents = [m.content for m in messages[:i]]
            prompt = self._text(messages[:i], contents, generation=True, **self._turn.arguments)
            before = text[: _begin_of(parts, i)]
            if before != prompt:
                where = "the last answer" if last else f"message {i + 1}, in the middle of the dialogue,"
                raise FormatError(
                    f"in front of {where} the chat template writes {before[-60:]!r}, but when that answer is "
                    f"asked for it writes {prompt[-60:]!r}",
                    remedy="train on the last answer of each example only (one example per round)"
                    if not last
                    else _PLAIN,
                )

    def _runs(self, parts: Sequence[Part], messages: Sequence[Message], *, whole: bool) -> list[Run]:
        """Texts and markup tokens in order; ``whole`` ends the sample behind the last answer's end token."""
        runs: list[Run] = []
        for k, part in enumerate(parts):
            if part.message is not None:
                message = messages[part.message]
                answer = message.role == "assistant"
                runs.append(Run(part.text, whole and answer and message.train, cut=answer))
                continue
            owner = parts[k - 1].message if k else None
            if owner is None or messages[owner].role != "assistant":
                runs.extend(Run(item) for item in self._codec.split(part.text))
                continue
            last = whole and owner == len(messages) - 1
            runs.extend(self._after_answer(part.text, trained=whole and messages[owner].train, last=last))
            if last:
                break
        return runs

    def _after_answer(self, text: str, *, trained: bool, last: bool) -> list[Run]:
        items = self._codec.split(text)
        close, end = self._closing(text)
        if last and end is None:
            return [Run(self._eos(), trained)]
        if trained and not last and (end is None or not _ends_turn(close, self._turn.close)):
            raise FormatError(
                "the chat template has no token that ends an answer in the middle of a dialogue",
                remedy="train on the last answer of each example only (one example per round)",
            )
        if end is None:
            return [Run(item) for item in items]
        behind = items.index(end) + 1
        closing = [Run(item, trained) for item in items[:behind]]
        return closing if last else closing + [Run(item) for item in items[behind:]]

    def _eos(self) -> int:
        if self._tokenizer.eos_token_id is None:
            raise FormatError("the chat template does not end an answer, and the tokenizer has no end token")
        return int(self._tokenizer.eos_token_id)


def _refuse_functions(messages: Sequence[Message], tools: Sequence[Mapping[str, Any]]) -> None:
    if tools or any(m.tool_calls for m in messages):
        raise FormatError(
            "the chat template knows no functions: it writes neither their schemas nor calls of them",
            remedy="use `format: {kind: roles}`, or a tokenizer whose chat template knows functions",
        )


def _own_template(tokenizer: Tokenizer) -> str:
    template = tokenizer.chat_template
    if isinstance(template, Mapping):
        template = template.get("default")
    if not template:
        raise FormatError("the tokenizer has no chat template", remedy="use `format: {kind: plain}`")
    return str(template)


def _with_lead(parts: Sequence[Part], messages: Sequence[Message], lead: str) -> tuple[Part, ...]:
    """Move the white space in front of an answer from the template's text to the answer."""
    moved = list(parts)
    for k, part in enumerate(parts):
        if lead and part.message is not None and messages[part.message].role == "assistant":
            before = moved[k - 1].text
            if before.endswith(lead):
                moved[k - 1] = Part(before.removesuffix(lead))
                moved[k] = Part(lead + part.text, part.message)
    return tuple(moved)


def _begin_of(parts: Sequence[Part], message: int) -> int:
    """Where the content of a message begins in the joined text."""
    position = 0
    for part in parts:
        if part.message == message:
            return position
        position += len(part.text)
    raise FormatError(f"the chat template leaves out message {message + 1}")


def _ends_turn(close: str, usual: str) -> bool:
    """Whether a token behind the text ``close`` still belongs to the answer in front of it."""
    return close == usual or not close.strip()
