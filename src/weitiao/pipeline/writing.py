"""The base as a writer of new rows (`weitiao.data.augment`), through the one decode loop."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from weitiao.chat import ChatFormat, make_format
from weitiao.config import AugmentConfig, BaseConfig, DecodeConfig, Recipe
from weitiao.config.augment import BaseWriterConfig
from weitiao.data.augment.local import Batched, Reply
from weitiao.data.augment.request import Answer, ChatRequest, Refused, Usage
from weitiao.infer.decode import Decoded, generate_measured
from weitiao.models.load import Base, load_base
from weitiao.tuning.tuned import prepare as prepare_model

_END = "stop"


def batch_size_of(recipe: Recipe) -> int:
    """Requests that are answered together; the smallest wish of the recipe's steps."""
    steps = (s.base for s in recipe.data.steps if isinstance(s, AugmentConfig) and s.base is not None)
    return min((base.batch_size for base in steps), default=BaseWriterConfig().batch_size)


def base_writer(base: Base, format: ChatFormat, *, batch_size: int) -> Batched:
    """The untouched base as generator.

    Each request draws its own random numbers, so that what is written depends on base, chat format and request, and on
    the requests that are answered together only by rounding. Answers are kept on disk, so that a run can be repeated.

    Args:
        base: Loaded.
        format: Of the base, whole.
        batch_size: Requests that are answered together.
    """
    prepare_model(base.model)
    precision = str(base.model.dtype).removeprefix("torch.")
    name = f"base {base.fingerprint} in {precision}, chat format {format.fingerprint}"
    return Batched(_Writer(base, format), name=name, batch_size=batch_size)


def open_writer(path: str, *, batch_size: int) -> Batched:
    """The base of a folder as generator.

    Args:
        path: As ``base.path`` of a recipe.
        batch_size: Requests that are answered together.

    Raises:
        ModelError: It cannot be loaded.
    """
    base = load_base(BaseConfig(path=path))
    return base_writer(base, make_format("auto", base.tokenizer), batch_size=batch_size)


@dataclass(frozen=True)
class _Writer:
    """Answers requests: those with the same settings in one batch."""

    base: Base
    format: ChatFormat

    def __call__(self, requests: Sequence[ChatRequest]) -> list[Reply]:
        prompts = [self.format.render_prompt(request.messages) for request in requests]
        replies: dict[int, Reply] = {}
        batches: dict[tuple[float, int], list[int]] = {}
        for number, request in enumerate(requests):
            long = self._too_long(prompts[number], request)
            if long is None:
                batches.setdefault((request.temperature, request.max_tokens), []).append(number)
            else:
                replies[number] = Refused(long)
        for (temperature, max_tokens), numbers in batches.items():
            config = DecodeConfig(temperature=temperature, max_new_tokens=max_tokens)
            done = self._decoded([prompts[n] for n in numbers], [requests[n] for n in numbers], config)
            replies.update(zip(numbers, map(_answer, done), strict=True))
        return [replies[number] for number in range(len(requests))]

    def _too_long(self, prompt: Sequence[int], request: ChatRequest) -> str | None:
        limit = self.base.max_positions
        if limit is None or len(prompt) + request.max_tokens - 1 <= limit:
            return None
        more = f"the answer may have {request.max_tokens}"
        return f"the request has {len(prompt)} tokens and {more}, the base takes {limit}"

    def _decoded(
        self, prompts: Sequence[Any], requests: Sequence[ChatRequest], config: DecodeConfig
    ) -> list[Decoded]:
        return generate_measured(
            self.base.model,
            prompts,
            prefixes=None,
            config=config,
            stop_ids=self.format.stop_ids,
            decode=self.format.decode,
            pad_id=self.format.pad_id,
            numbers=[_number(request) for request in requests],
        ).answers


def _number(request: ChatRequest) -> int:
    """Of the random numbers of a request, from its content."""
    return int.from_bytes(hashlib.sha256(request.key("").encode()).digest()[:8])


def _answer(decoded: Decoded) -> Answer:
    usage = Usage(decoded.prompt_tokens, len(decoded.ids))
    return Answer(decoded.text, usage, decoded.finish_reason == _END)
