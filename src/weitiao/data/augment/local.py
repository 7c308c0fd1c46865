"""A function as generator: the local base, or anything else that turns prompts into texts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from weitiao.data.augment.request import Answer, ChatRequest
from weitiao.types import Message

Prompts = Sequence[Sequence[Message]]
AnswerAll = Callable[[Prompts], Sequence[str]]


class Local:
    """Answers requests with a function, several in one call.

    Requests that come in while the event loop has others to start are answered together, so that a model in this
    process computes full batches.

    Args:
        answer: Takes prompts (messages each) and returns one text for each.
        name: Of the model, for the cache: another name, other answers.
        batch_size: Most prompts in one call.
    """

    def __init__(self, answer: AnswerAll, *, name: str, batch_size: int = 8) -> None:
        self._answer, self._name, self.batch_size = answer, name, batch_size
        self._waiting: list[tuple[ChatRequest, asyncio.Future[str]]] = []

    @property
    def name(self) -> str:
        return f"local {self._name}"

    async def __aenter__(self) -> Local:
        return self

    async def __aexit__(self, *error: object) -> None:
        self._waiting.clear()

    async def complete(self, request: ChatRequest) -> Answer:
        """The function's answer."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[str] = loop.create_future()
        self._waiting.append((request, future))
        if len(self._waiting) == 1:
            loop.call_soon(self._answer_waiting)
        return Answer(await future)

    def _answer_waiting(self) -> None:
        loop = asyncio.get_running_loop()
        now, self._waiting = self._waiting[: self.batch_size], self._waiting[self.batch_size :]
        try:
            texts = list(self._answer([request.messages for request, _ in now])) if now else []
            if len(texts) != len(now):
                raise ValueError(
                    f"the generator was given {len(now)} prompts and returned {len(texts)} texts"
                )
        except Exception as error:
            for _, future in now:
                if not future.done():
                    future.set_exception(error)
        else:
            for (_, future), text in zip(now, texts, strict=True):
                if not future.done():
                    future.set_result(text)
        if self._waiting:
            loop.call_soon(self._answer_waiting)
