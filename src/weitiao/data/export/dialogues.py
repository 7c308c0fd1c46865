"""Which turns become one row: rounds put together to dialogues, or dialogues taken apart into rounds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from weitiao.types import Example, Message, Origin, content_id


@dataclass(frozen=True, slots=True)
class Turns:
    """What one row will hold.

    Attributes:
        messages: All turns; ``train`` says which replies were to be learnt.
        tools: Schemas of functions, in OpenAI's form.
        id: The user's own id, None where there is none.
        origin: Where it comes from, for messages to the user.
        samples: How many examples it stands for.
    """

    messages: tuple[Message, ...]
    tools: tuple[Mapping[str, Any], ...] = ()
    id: Any = None
    origin: Origin | None = None
    samples: int = 1

    @property
    def unlearnt(self) -> int:
        """Replies behind the first question that were not to be learnt."""
        asked = next(
            (k for k, m in enumerate(self.messages) if m.role in ("user", "tool")), len(self.messages)
        )
        return sum(m.role == "assistant" and not m.train for m in self.messages[asked:])


def as_turns(examples: Sequence[Example]) -> Iterator[Turns]:
    """One row for each example."""
    for e in examples:
        yield Turns(e.messages, e.tools, e.meta.get("id"), e.origin)


def dialogues(examples: Sequence[Example]) -> Iterable[Turns]:
    """The rows of `merged`; where no example has an earlier reply, there is nothing to merge and nothing is held."""
    has_rounds = any(m.role == "assistant" for e in examples for m in e.messages[:-1])
    return merged(examples) if has_rounds else as_turns(examples)


def merged(examples: Sequence[Example]) -> list[Turns]:
    """Rounds of one dialogue in one row, for formats in which every reply is learnt.

    An example whose turns are the beginning of another's, and which learns its last reply only, goes into that other
    one: the reply is learnt there. So each reply is learnt as often as before.

    Args:
        examples: Of one part.
    """
    rows: list[Turns | None] = [None] * len(examples)
    waiting: dict[str, list[int]] = defaultdict(list)  # beginnings whose last reply nobody learns yet -> rows
    order = sorted(range(len(examples)), key=lambda k: -len(examples[k].messages))
    for k in order:
        example = examples[k]
        last = len(example.messages) - 1
        key = content_id(example.messages, example.tools)
        learnt = [place for place, message in enumerate(example.messages) if message.train]
        if learnt == [last] and waiting[key]:
            host = waiting[key].pop(0)
            row = rows[host]
            assert row is not None
            messages = (
                *row.messages[:last],
                replace(row.messages[last], train=True),
                *row.messages[last + 1 :],
            )
            rows[host] = replace(row, messages=messages, samples=row.samples + 1)
            continue
        rows[k] = Turns(example.messages, example.tools, example.meta.get("id"), example.origin)
        for place, message in enumerate(example.messages):
            if message.role == "assistant" and not message.train and place < last:
                waiting[content_id(example.messages[: place + 1], example.tools)].append(k)
    return [row for row in rows if row is not None]


def rounds(examples: Sequence[Example]) -> Iterator[Turns]:
    """One row for each reply that is learnt, ending with it, for formats in which only the last reply is.

    An example that learns nothing gives one row all the same, which no format can write: it is then listed.

    Args:
        examples: Of one part.
    """
    for turns in as_turns(examples):
        ends = [k for k, message in enumerate(turns.messages) if message.train] or [len(turns.messages) - 1]
        for end in ends:
            messages = tuple(
                replace(m, train=m.train and k == end) for k, m in enumerate(turns.messages[: end + 1])
            )
            yield replace(turns, messages=messages)


def with_system_in_prompt(turns: Turns) -> Turns:
    """The system message in front of the first question, an empty line between them."""
    first, *rest = turns.messages
    place = next((k for k, message in enumerate(rest) if message.role == "user"), None)
    if first.role != "system" or place is None:
        return turns
    parts = [text for text in (first.content, rest[place].content) if text]
    rest[place] = replace(rest[place], content="\n\n".join(parts))
    return replace(turns, messages=tuple(rest))
