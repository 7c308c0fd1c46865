"""Samples that are too long: an error that names them, or a counted cut.

The tokenizer is not known here; it comes in as ``count_tokens``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from weitiao.data.tally import NUM_EXAMPLES, Tally
from weitiao.errors import DataError, collect
from weitiao.types import Example, content_id

Truncate = Literal["error", "left", "right"]
CountTokens = Callable[[Example], int]


@dataclass(frozen=True)
class Fit:
    """One example against the limit.

    Attributes:
        example: As it goes on, cut where that was allowed and needed.
        tokens: Length of that example, rendered.
        limit: Most tokens a sample may have.
        cut: Characters that were taken out of it: its oldest rounds, then its last user message.
    """

    example: Example
    tokens: int
    limit: int
    cut: int = 0

    @property
    def fits(self) -> bool:
        """Whether it is within the limit."""
        return self.tokens <= self.limit


@dataclass(frozen=True)
class Fitted:
    """All examples within the limit, and what that took.

    Attributes:
        examples: In the order they came.
        cuts: The fits that were cut.
    """

    examples: tuple[Example, ...]
    cuts: tuple[Fit, ...]


def make_fitter(
    count_tokens: CountTokens, limit: int, truncate: Truncate = "error"
) -> Callable[[Example], Fit]:
    """A function that measures one example and cuts it if need be and allowed.

    Args:
        count_tokens: Tokens of the whole rendered example, answer included.
        limit: Most tokens a sample may have.
        truncate: ``left`` takes away the oldest rounds of a dialogue as long as nothing in them is to be learnt, then
            characters from the beginning of the last user message; ``right`` takes characters from its end. At least
            one character stays, and the answer is never cut.
    """

    def fitter(example: Example) -> Fit:
        tokens = count_tokens(example)
        if tokens <= limit or truncate == "error":
            return Fit(example, tokens, limit)
        shorter, gone = example, 0
        while truncate == "left" and tokens > limit and (rest := _without_oldest_round(shorter)) is not None:
            gone += _characters(shorter) - _characters(rest)
            shorter, tokens = rest, count_tokens(rest)
        if tokens <= limit:
            return Fit(shorter, tokens, limit, cut=gone)
        made = _cut(shorter, count_tokens, limit, truncate)
        return Fit(example, tokens, limit) if made is None else dataclasses.replace(made, cut=made.cut + gone)

    return fitter


def _characters(example: Example) -> int:
    return sum(len(message.content) for message in example.messages)


def _without_oldest_round(example: Example) -> Example | None:
    """Without the first user message and all up to the next; None where that round is the last or is learnt from."""
    users = [k for k, message in enumerate(example.messages) if message.role == "user"]
    if len(users) < 2:
        return None
    begin, end = users[:2]
    if any(message.train for message in example.messages[begin:end]):
        return None
    messages = (*example.messages[:begin], *example.messages[end:])
    return dataclasses.replace(example, messages=messages, id=content_id(messages, example.tools))


def _cut(example: Example, count_tokens: CountTokens, limit: int, side: Truncate) -> Fit | None:
    """The longest rest that fits, None where even one character is too much."""
    place = max((k for k, m in enumerate(example.messages) if m.role == "user"), default=None)
    if place is None:
        return None
    text = example.messages[place].content

    def fit(keep: int) -> Fit:
        rest = text[len(text) - keep :] if side == "left" else text[:keep]
        shorter = _with_content(example, place, rest)
        return Fit(shorter, count_tokens(shorter), limit, cut=len(text) - keep)

    low, high = 1, len(text)  # `low` may fit, `high` does not
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fit(middle).fits else (low, middle)
    result = fit(low)
    return result if result.fits else None


def _with_content(example: Example, place: int, content: str) -> Example:
    messages = list(example.messages)
    messages[place] = dataclasses.replace(messages[place], content=content)
    return dataclasses.replace(example, messages=tuple(messages), id=content_id(messages, example.tools))


@dataclass
class Fitting:
    """Examples through a fitter, and what that took; memory does not grow with their number.

    Attributes:
        fitter: Measures and cuts one example.
        num_in: Examples so far.
        num_cut: Those that were cut.
        characters: That were taken out of them.
        first_cuts: The first of them.
    """

    fitter: Callable[[Example], Fit]
    num_in: int = 0
    num_cut: int = 0
    characters: int = 0
    first_cuts: list[Fit] = field(default_factory=list)
    _too_long: Tally = field(default_factory=Tally)
    _longest: int = 0
    _limit: int = 0

    def through(self, examples: Iterable[Example]) -> Iterator[Example]:
        """The examples as they go on; those that stay too long too, `check` raises for them."""
        for example in examples:
            made = self.fitter(example)
            self.num_in += 1
            if not made.fits:
                self._too_long.add(f"{made.example.origin or made.example.id}: {made.tokens} tokens")
                self._longest, self._limit = max(self._longest, made.tokens), made.limit
            elif made.cut:
                self.num_cut += 1
                self.characters += made.cut
                if len(self.first_cuts) < NUM_EXAMPLES:
                    self.first_cuts.append(made)
            yield made.example

    def check(self) -> None:
        """Complain about what does not fit.

        Raises:
            DataError: The samples that remain too long.
        """
        long = self._too_long
        if not long.count:
            return
        count = "1 sample is" if long.count == 1 else f"{long.count} samples are"
        raise DataError(
            collect(
                long.first,
                what=f"{count} longer than {self._limit} tokens (prompt and answer together)",
                more=long.count - len(long.first),
            ),
            remedy=f"raise data.max_length to {self._longest} if the base allows it, or set data.truncate: left "
            "or right to cut the prompt (no answer is ever cut; data.dialogues: rounds can drop the oldest rounds)",
        )


def fit(
    examples: Iterable[Example], count_tokens: CountTokens, limit: int, truncate: Truncate = "error"
) -> Fitted:
    """All examples within ``limit`` tokens.

    Raises:
        DataError: All samples that are too long; with truncate left or right, those no cut can make fit.
    """
    fits: list[Fit] = []
    measure = make_fitter(count_tokens, limit, truncate)

    def noted(example: Example) -> Fit:
        fits.append(measure(example))
        return fits[-1]

    fitting = Fitting(noted)
    made = tuple(fitting.through(examples))
    fitting.check()
    return Fitted(made, tuple(f for f in fits if f.cut))
