"""What a tokenizer must offer, and what a chat format is. No torch, no transformers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from weitiao.types import Example, Message, Rendered, Reply


class Tokenizer(Protocol):
    """The part of a transformers tokenizer that is used here."""

    chat_template: Any
    init_kwargs: Mapping[str, Any]
    is_fast: bool
    bos_token_id: Any
    eos_token_id: Any
    pad_token_id: Any
    unk_token_id: Any

    @property
    def added_tokens_decoder(self) -> Mapping[int, Any]:
        """Added tokens by id; each has content, special, lstrip, rstrip."""
        ...

    def __call__(self, text: str, **options: Any) -> Any: ...

    def decode(self, token_ids: list[int], **options: Any) -> Any: ...

    def convert_tokens_to_ids(self, tokens: str) -> Any: ...

    def apply_chat_template(self, conversation: list[dict[str, Any]], **options: Any) -> Any: ...


@dataclass(frozen=True, slots=True)
class Piece:
    """What one token looks like.

    Attributes:
        id: The token id.
        text: Its text. A character made of several tokens stands at the last of them, the others are empty.
        special: True for a token that marks structure; ``text`` is then its name.
    """

    id: int
    text: str
    special: bool = False


@runtime_checkable
class ChatFormat(Protocol):
    """How messages become token ids, for training and for prediction alike.

    Attributes:
        kind: ``template``, ``plain``, ``roles``, ``chatglm``, ``chatglm2`` or ``chatglm3``.
        fingerprint: Sixteen hex digits; equal iff two formats render alike.
        stop_ids: Ids that end an answer.
        pad_id: Id for the unused ends of rows.
    """

    @property
    def kind(self) -> str: ...

    @property
    def fingerprint(self) -> str: ...

    @property
    def stop_ids(self) -> tuple[int, ...]: ...

    @property
    def pad_id(self) -> int: ...

    def describe(self) -> dict[str, Any]:
        """All that is needed to build this format again with the same tokenizer; can be written as JSON."""
        ...

    def render(self, example: Example) -> Rendered:
        """The whole sample; its targets are the contents of messages with ``train`` and their end tokens.

        Raises:
            FormatError: The example cannot be rendered; names its id and origin.
        """
        ...

    def render_prompt(
        self, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]] = ()
    ) -> tuple[int, ...]:
        """Ids up to where the assistant's text begins; ``render(example).ids`` starts with them.

        Args:
            messages: The conversation so far.
            tools: JSON schemas of the functions that the assistant may call.

        Raises:
            FormatError: The conversation cannot be rendered.
        """
        ...

    def reply_text(self, message: Message) -> str:
        """What `decode` makes of the tokens of an assistant's message: its content, and its calls as text.

        Raises:
            FormatError: The format cannot write its calls.
        """
        ...

    def parse(self, text: str) -> Reply:
        """Content and function calls of a decoded answer: the inverse of `reply_text`.

        A call that was begun but cannot be read gives a `Reply` with a `problem`, never an exception. What is
        written exactly as a call is written is a call.
        """
        ...

    def encode_text(self, text: str) -> tuple[int, ...]:
        """Ids of a text in which names of special tokens are ordinary text."""
        ...

    def decode(self, ids: Sequence[int]) -> str:
        """Text of an answer from its first token on, special tokens and empty openings left out.

        The text of the first tokens of an answer is a beginning of its whole text.
        """
        ...

    def pieces(self, ids: Sequence[int]) -> tuple[Piece, ...]:
        """One `Piece` per token, to look at."""
        ...
