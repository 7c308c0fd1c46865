"""Noise at a target character error rate.

The budget of a text of n characters is ``cer * n`` edits, rounded up or down at random so that the mean over many
texts is the target. Edits are drawn by the weights of the mix, at places that no other edit has touched, until the
edit distance to the original is the budget.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rapidfuzz.distance import Levenshtein

from weitiao.config import NoiseStep
from weitiao.data.noise.damage import Damage, Span
from weitiao.data.noise.sites import Sites

__all__ = ["Noised", "Span", "noisy"]

_ROUNDS = 8


@dataclass(frozen=True)
class Noised:
    """A damaged text.

    Attributes:
        text: As it is heard.
        spans: The spans of the original in it.
        distance: Edits between the two.
        length: Characters of the original.
        edits: Number of edits of each kind.
    """

    text: str
    spans: tuple[Span, ...]
    distance: int
    length: int
    edits: dict[str, int]

    @property
    def cer(self) -> float:
        """Character error rate."""
        return self.distance / self.length if self.length else 0.0


def noisy(
    text: str,
    config: NoiseStep,
    rng: random.Random,
    *,
    spans: Sequence[Span] = (),
    fixed: Iterable[int] = (),
) -> Noised:
    """Damage a text as speech recognition does.

    Args:
        text: Any text; line breaks and blanks stay.
        config: Error rate, mix, mask character and fillers.
        rng: All choices come from it.
        spans: Parts with labels, end exclusive; they come back at their new places and never empty.
        fixed: Characters that stay as they are.

    Returns:
        The damaged text; its error rate is the target as nearly as whole edits allow, and below it where
        there are not enough places that can be damaged.

    Raises:
        ValueError: A span is empty or reaches beyond the text.
    """
    for span in spans:
        if not 0 <= span.start < span.end <= len(text):
            raise ValueError(f"span {span.start}:{span.end} is empty or beyond the {len(text)} characters")
    budget = int(config.cer * len(text) + rng.random())
    state = Damage(text, spans, fixed)
    edits: dict[str, int] = {}
    done, sites = 0, Sites(text, config, rng) if budget else None
    for _ in range(_ROUNDS):
        if sites is None or done >= budget or not _spend(state, sites, budget - done, edits):
            break
        done = Levenshtein.distance(text, state.result())
    return Noised(state.result(), state.moved(), done, len(text), edits)


def _spend(state: Damage, sites: Sites, budget: int, edits: dict[str, int]) -> bool:
    """Edits of this cost in all; False where there was no place for any."""
    spent = 0
    while spent < budget:
        edit = sites.draw(budget - spent)
        if edit is None:
            break
        done = (
            state.insert(edit.start, edit.said)
            if edit.start == edit.end
            else state.replace(edit.start, edit.end, edit.said)
        )
        if done:
            spent += edit.cost
            edits[edit.kind] = edits.get(edit.kind, 0) + 1
    return spent > 0
