"""What a step of the recipe is, and how it accounts for what it does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, runtime_checkable

from weitiao.config.steps import FIELDS
from weitiao.data.card import step as card_step
from weitiao.data.tally import NUM_EXAMPLES, Tally
from weitiao.types import Example


@dataclass
class Account:
    """What one step did in one part.

    Attributes:
        num_in: Examples that came.
        num_out: Examples that went on.
        dropped: The dropped rows by reason: how many, and where the first are.
        changes: A few of the changes, before and after.
        facts: More entries of its line in the card.
    """

    num_in: int = 0
    num_out: int = 0
    dropped: dict[str, Tally] = field(default_factory=dict)
    changes: list[dict[str, Any]] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)

    def drop(self, reason: str, example: Example) -> None:
        """Note an example that is left out."""
        self.dropped.setdefault(reason, Tally()).add(str(example.origin or example.id))

    def change(self, before: str, after: str) -> None:
        """Note a change; the first few are shown in the card."""
        if len(self.changes) < NUM_EXAMPLES:
            self.changes.append({"before": before, "after": after})

    def entry(self, name: str, part: str | None) -> dict[str, Any]:
        """Its line in the card."""
        more = {**({"part": part} if part else {}), **self.facts}
        if self.changes:
            more["examples"] = self.changes
        drops = [tally.drop(reason) for reason, tally in self.dropped.items()]
        return card_step(name, self.num_in, self.num_out, drops, **more)


class Step(Protocol):
    """A pure, seeded stage that examples stream through.

    What becomes of an example depends on the example, on those before it, and on the seed of the step: a step
    draws from `random.Random` of its seed and the example's id, so that new rows change nothing for old ones.
    """

    @property
    def name(self) -> str:
        """As in the recipe."""
        ...

    @property
    def parts(self) -> tuple[str, ...]:
        """Parts of the split that it works on; empty for a step before the split, which may not add examples."""
        ...

    def apply(self, examples: Iterable[Example], account: Account) -> Iterator[Example]:
        """The examples that go on; drops and facts go into the account, the two counts are kept by the caller."""
        ...


@runtime_checkable
class Inventing(Protocol):
    """A step that makes new texts, which could be those of another part; asked to avoid them in the training part."""

    def avoiding(self, held_out: Iterable[Example]) -> Step:
        """The step that keeps away from these examples."""
        ...


def fields_of(example: Example) -> Mapping[str, str]:
    """Values of the columns that the steps asked for (`weitiao.config.steps.step_columns`)."""
    found: Mapping[str, str] = example.meta.get(FIELDS, {})
    return found


def asked_at(example: Example) -> int | None:
    """Place of the user's last message before the reply; None where there is none.

    The message before the reply is another one where a function was called: its result.
    """
    places = (k for k in reversed(range(len(example.prompt))) if example.messages[k].role == "user")
    return next(places, None)


def without_fields(example: Example) -> Example:
    """The example as it is stored: the values for the steps are taken out."""
    if FIELDS not in example.meta:
        return example
    return replace(example, meta={key: value for key, value in example.meta.items() if key != FIELDS})
