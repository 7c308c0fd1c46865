"""A function as generator: the local base, or anything else that turns prompts into texts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from weitiao.data.augment.request import Answer, ChatRequest
from weitiao.types import Message

Prompts = Sequence[Sequence[Message]]
AnswerAll = Callable[[Prompts], Sequence[str]]
Reply = Answer | Exception


class Batched:
    """Answers requests with a function, several in one call.

    Requests that come in while the event loop has others to start are answered together, so that a model in this
    process computes full batches.

    Args:
        answer: Takes requests and returns for each its answer, or the exception of this request alone
            (`weitiao.data.augment.request.Refused`).
        name: For the cache: another name, other answers.
        batch_size: Most requests in one call.
    """

    def __init__(
        self, answer: Callable[[Sequence[ChatRequest]], Sequence[Reply]], *, name: str, batch_size: int = 8
    ) -> None:
        self._answer, self._name, self.batch_size = answer, name, batch_size
        self._waiting: list[tuple[ChatRequest, asyncio.Future[Answer]]] = []

    @property
    def name(self) -> str:
        return self._name

    async def __aenter__(self) -> Batched:
        return self

    async def __aexit__(self, *error: object) -> None:
        self._waiting.clear()

    async def complete(self, request: ChatRequest) -> Answer:
        """The function's answer."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Answer] = loop.create_future()
        self._waiting.append((request, future))
        if len(self._waiting) == 1:
            loop.call_soon(self._answer_waiting)
        return await future

    def _answer_waiting(self) -> None:
        now, self._waiting = self._waiting[: self.batch_size], self._waiting[self.batch_size :]
        try:
            replies = list(self._answer([request for request, _ in now])) if now else []
            if len(replies) != len(now):
                raise ValueError(
                    f"the generator was given {len(now)} prompts and returned {len(replies)} texts"
                )
        except Exception as error:
            replies = [error] * len(now)
        for (_, future), reply in zip(now, replies, strict=True):
            if future.done():
                continue
            if isinstance(reply, Exception):
                future.set_exception(reply)
            else:
                future.set_result(reply)
        if self._waiting:
            asyncio.get_running_loop().call_soon(self._answer_waiting)


class Local(Batched):
    """Answers requests with a function from prompts to texts, see `Batched`.

    Args:
        answer: Takes prompts (messages each) and returns one text for each.
        name: Of the model, for the cache: another name, other answers.
        batch_size: Most prompts in one call.
    """

    def __init__(self, answer: AnswerAll, *, name: str, batch_size: int = 8) -> None:
        super().__init__(
            lambda requests: [Answer(text) for text in answer([request.messages for request in requests])],
            name=f"local {name}",
            batch_size=batch_size,
        )
