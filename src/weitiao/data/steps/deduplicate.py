"""The step that leaves out what stood there before."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from weitiao.config import DeduplicateStep
from weitiao.data.steps.step import Account
from weitiao.types import Example, content_id


@dataclass(frozen=True)
class Deduplicate:
    """Keeps the first of equal examples.

    Attributes:
        config: What counts as equal.
    """

    config: DeduplicateStep
    name: str = "deduplicate"
    parts: tuple[str, ...] = ()

    def apply(self, examples: Iterable[Example], account: Account) -> Iterator[Example]:
        """The first example of each kind."""
        by_prompt = self.config.by == "prompt"
        seen: set[str] = set()
        for example in examples:
            key = content_id(example.prompt, example.tools) if by_prompt else example.id
            if key in seen:
                account.drop("same prompt" if by_prompt else "same prompt and answer", example)
                continue
            seen.add(key)
            yield example
