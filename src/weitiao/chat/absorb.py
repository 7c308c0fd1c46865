"""The beginning that all prompts share, taken out because a trained prefix stands for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from weitiao.chat.identity import fingerprint_of, located
from weitiao.chat.protocols import ChatFormat, Piece
from weitiao.errors import FormatError
from weitiao.types import Example, Message, Rendered, Reply


def common_beginning(rendered: Sequence[Rendered]) -> tuple[int, ...]:
    """Longest common beginning of the prompts.

    It ends before the first trained token of every sample, and leaves at least one token of every prompt:
    the one from which the first token of the answer is predicted.

    Args:
        rendered: Samples; the prompt of one without a trained token is all of it.
    """
    if not rendered:
        return ()
    length = max(0, min(_prompt_length(r) for r in rendered) - 1)
    first, last = min(r.ids[:length] for r in rendered), max(r.ids[:length] for r in rendered)
    common = next((k for k in range(length) if first[k] != last[k]), length)
    return first[:common]


def _prompt_length(rendered: Rendered) -> int:
    return rendered.trained.index(True) if True in rendered.trained else len(rendered)


class Absorbed:
    """A chat format whose samples and prompts lack the tokens that all of them begin with.

    Args:
        inner: The format.
        ids: The beginning, as `common_beginning` finds it.
    """

    def __init__(self, inner: ChatFormat, ids: tuple[int, ...]) -> None:
        self.inner = inner
        self.ids = tuple(ids)
        self.kind = inner.kind
        self.stop_ids = inner.stop_ids
        self.pad_id = inner.pad_id
        self.fingerprint = fingerprint_of(inner.fingerprint, list(self.ids))

    @classmethod
    def restore(cls, inner: ChatFormat, description: Mapping[str, Any]) -> Absorbed:
        """Build it again from what `describe` said.

        Raises:
            FormatError: The inner format is not the one it was made with.
        """
        absorbed = cls(inner, tuple(int(i) for i in description["absorbed"]))
        if absorbed.fingerprint != description["fingerprint"]:
            raise FormatError(
                f"expected the chat format {description['inner_fingerprint']}, got {inner.fingerprint}: "
                "the shared beginning was taken out of prompts rendered in another way",
                remedy="use the base and the tokenizer that the adapter was trained with",
            )
        return absorbed

    def describe(self) -> dict[str, Any]:
        """The inner description with the absorbed ids; ``fingerprint`` is the one of the whole."""
        return {
            **self.inner.describe(),
            "inner_fingerprint": self.inner.fingerprint,
            "absorbed": list(self.ids),
            "fingerprint": self.fingerprint,
        }

    def render(self, example: Example) -> Rendered:
        """The sample without the beginning."""
        whole = self.inner.render(example)
        with located(example):
            ids = self._rest(whole.ids)
            trained = whole.trained[len(self.ids) :]
            if trained[0] or True in whole.trained[: len(self.ids)]:
                raise FormatError(
                    "nothing of its prompt is left behind the beginning that was taken out",
                    remedy="give it a longer prompt, or train without absorbing (`method.absorb: false`)",
                )
            context = max(0, whole.context - len(self.ids))
            return Rendered(ids, trained, whole.example_id, whole.weight, context)

    def render_prompt(
        self, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]] = ()
    ) -> tuple[int, ...]:
        """The prompt without the beginning."""
        return self._rest(self.inner.render_prompt(messages, tools))

    def reply_text(self, message: Message) -> str:
        """As the inner format has it."""
        return self.inner.reply_text(message)

    def parse(self, text: str) -> Reply:
        """Content and calls of an answer."""
        return self.inner.parse(text)

    def encode_text(self, text: str) -> tuple[int, ...]:
        """Text as text."""
        return self.inner.encode_text(text)

    def decode(self, ids: Sequence[int]) -> str:
        """Text of an answer without special tokens."""
        return self.inner.decode(ids)

    def pieces(self, ids: Sequence[int]) -> tuple[Piece, ...]:
        """What each token looks like."""
        return self.inner.pieces(ids)

    def _rest(self, ids: tuple[int, ...]) -> tuple[int, ...]:
        n = len(self.ids)
        if ids[:n] == self.ids and len(ids) > n:
            return ids[n:]
        same = next(
            (k for k, (a, b) in enumerate(zip(self.ids, ids, strict=False)) if a != b), min(n, len(ids))
        )
        want, got = self._excerpt(self.ids[same:]), self._excerpt(ids[same:])
        raise FormatError(
            f"the prompt does not go on behind the {n} tokens that were absorbed: after {same} tokens "
            f"expected {want}, got {got}",
            remedy="build the prompt with the template of the training data, or train with "
            "`method.absorb: false`",
        )

    def _excerpt(self, ids: Sequence[int]) -> str:
        text = "".join(piece.text for piece in self.inner.pieces(ids[:12]))
        return repr(text) if ids else "the end"
