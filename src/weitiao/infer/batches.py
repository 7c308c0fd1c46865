"""Many prompts in batches."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any, NamedTuple

from torch import Tensor

from weitiao.chat import ChatFormat
from weitiao.config import DecodeConfig
from weitiao.infer.decode import Generation, generate_measured


class Answered(NamedTuple):
    """One batch: numbers of its prompts, their answers in the same order, and what it took."""

    numbers: tuple[int, ...]
    generation: Generation


def batches(prompts: Sequence[Sequence[int]], size: int) -> list[tuple[int, ...]]:
    """Numbers of the prompts of each batch.

    Prompts of one batch are of like length (within a factor of two, so that little is padded) and
    neighbours by their ids (so that common beginnings fall together). The longest come first: what does
    not fit into memory shows at once.

    Args:
        prompts: Token ids.
        size: Prompts of a batch.
    """
    order = sorted(range(len(prompts)), key=lambda n: (-len(prompts[n]).bit_length(), tuple(prompts[n]), n))
    return [tuple(order[start : start + size]) for start in range(0, len(order), size)]


def answer(
    model: Any,
    prompts: Sequence[Sequence[int]],
    *,
    prefix: Tensor | None,
    format: ChatFormat,
    config: DecodeConfig,
    seed: int = 0,
    done: Collection[int] = (),
) -> Iterator[Answered]:
    """Answer prompts batch by batch.

    Batches and random numbers are the same whatever is done already, so that a run that goes on gives the
    answers of one that was never interrupted.

    Args:
        model: The base.
        prompts: Token ids.
        prefix: [L, 2, K, P, D] in front of all of them, or None.
        format: Its end tokens, padding and decoder.
        config: Decoding settings.
        seed: Of the sampling.
        done: Numbers of prompts that need no answer any more.

    Yields:
        One batch after the other, in the order of `batches`.
    """
    skip = frozenset(done)
    for members in batches(prompts, config.batch_size):
        numbers = tuple(n for n in members if n not in skip)
        if not numbers:
            continue
        generation = generate_measured(
            model,
            [prompts[n] for n in numbers],
            prefixes=prefix,
            config=config,
            stop_ids=format.stop_ids,
            decode=format.decode,
            pad_id=format.pad_id,
            seed=seed,
            numbers=numbers,
        )
        yield Answered(numbers, generation)
