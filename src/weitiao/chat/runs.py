"""From stretches of text and structure to token ids and trained flags."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from weitiao.chat.codec import TextCodec
from weitiao.errors import FormatError


@dataclass(frozen=True, slots=True)
class Run:
    """A text, or one markup token given by its id.

    Attributes:
        value: Text that stays text, or the id of a token.
        trained: Whether its tokens are targets.
        cut: The text is never tokenized together with text before it: here generation begins.
    """

    value: str | int
    trained: bool = False
    cut: bool = False


def encode_runs(codec: TextCodec, runs: Iterable[Run]) -> tuple[tuple[int, ...], tuple[bool, ...]]:
    """Ids and trained flags of runs. Neighbouring texts are tokenized as one text, as a tokenizer does."""
    ids: list[int] = []
    trained: list[bool] = []
    fresh = True
    for run in _joined(runs):
        if isinstance(run.value, int):
            some: tuple[int, ...] = (run.value,)
            fresh = codec.fresh_after_markup
        else:
            some = codec.encode(run.value, fresh=fresh)
            fresh = fresh and not run.value
        ids.extend(some)
        trained.extend([run.trained] * len(some))
    return tuple(ids), tuple(trained)


def encode_sample(codec: TextCodec, runs: Iterable[Run]) -> tuple[tuple[int, ...], tuple[bool, ...]]:
    """As `encode_runs`, for a whole sample, which must not begin with a target.

    Raises:
        FormatError: Nothing stands in front of the answer.
    """
    ids, trained = encode_runs(codec, runs)
    if trained and trained[0]:
        raise FormatError("the prompt is empty: nothing stands in front of the answer")
    return ids, trained


def _joined(runs: Iterable[Run]) -> Iterator[Run]:
    held: Run | None = None
    for run in runs:
        if held is None:
            held = run
            continue
        text, before = run.value, held.value
        joins = not run.cut and run.trained == held.trained
        if joins and isinstance(text, str) and isinstance(before, str):
            held = Run(before + text, held.trained, held.cut)
        else:
            yield held
            held = run
    if held is not None:
        yield held
