"""Whether prompts and their answers fit into the positions of a base.

A prompt of n tokens behind a prefix of P needs ``P + n + max_new_tokens - 1`` positions (``n + max_new_tokens - 1``
where a prefix takes none): the last token of an answer is never read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor

from weitiao.errors import DataError, ModelError, collect
from weitiao.tuning.positions import scheme_of


def position_limit(model: Any) -> int | None:
    """How many positions the model has, prefix included; None when it has no limit of its own."""
    return getattr(model.config, "max_position_embeddings", None)


def _taken(model: Any, prefix: Tensor | None) -> int:
    """Positions that a prefix takes."""
    return scheme_of(model).start(0 if prefix is None else prefix.shape[3])


def check_positions(
    model: Any, lengths: Sequence[int], prefixes: Sequence[Tensor | None], max_new_tokens: int
) -> None:
    """Refuse prompts whose answer could run past the last position of the model.

    Args:
        model: The base.
        lengths: [N] tokens of each prompt.
        prefixes: [N] prefix of each prompt or None.
        max_new_tokens: Longest answer.

    Raises:
        ModelError: Names the longest such prompt, the longest answer and the limit.
    """
    limit = position_limit(model)
    if limit is None:
        return
    needs = [
        (length + _taken(model, p) + max_new_tokens - 1, n)
        for n, (length, p) in enumerate(zip(lengths, prefixes, strict=True))
    ]
    need, row = max(needs, default=(0, 0))
    if need <= limit:
        return
    prefix = prefixes[row]
    parts = f"{lengths[row]} tokens" + ("" if prefix is None else f" behind a prefix of {prefix.shape[3]}")
    raise ModelError(
        f"prompt {row} has {parts}; with up to {max_new_tokens} new tokens it needs {need} positions, "
        f"and the base has {limit}",
        remedy=f"shorten the prompt, or set max_new_tokens to {limit - need + max_new_tokens} or less"
        if limit - need + max_new_tokens > 0
        else "shorten the prompt",
    )


def check_lengths(
    model: Any,
    prompts: Sequence[Sequence[int]],
    *,
    prefix: Tensor | None,
    max_new_tokens: int,
    name: Callable[[int], str],
) -> None:
    """Refuse prompts that leave no room for the longest answer.

    Args:
        model: The base.
        prompts: Token ids.
        prefix: [L, 2, K, P, D] in front of all of them, or None.
        max_new_tokens: Longest answer.
        name: How a user knows prompt n.

    Raises:
        DataError: All prompts that are too long.
    """
    limit = position_limit(model)
    if limit is None:
        return
    virtual = _taken(model, prefix)
    room = limit - virtual - max_new_tokens + 1
    long = [n for n, prompt in enumerate(prompts) if len(prompt) > room]
    if not long:
        return
    longest = max(len(prompts[n]) for n in long)
    fitting = limit - virtual - longest + 1
    raise DataError(
        collect(
            [f"{name(n)}: {len(prompts[n])} tokens" for n in long],
            what=f"{len(long)} of {len(prompts)} prompts are too long: the base has {limit} positions, "
            f"{virtual} go to the prefix and up to {max_new_tokens} to the answer, so a prompt may have "
            f"{max(room, 0)} tokens",
        ),
        remedy=f"shorten these prompts, or set max_new_tokens to {fitting} or less"
        if fitting > 0
        else "shorten these prompts",
    )
