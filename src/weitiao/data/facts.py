"""What the card and the repairs need to know about every example, in about 40 bytes each.

Prompts, answers and groups are 64-bit hashes here: of a million rows two different prompts are taken for equal once in
some ten million data sets. The examples themselves are fetched only where the card shows them.
"""

from __future__ import annotations

import hashlib
import json
from array import array
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from weitiao.types import Example, content_id

if TYPE_CHECKING:
    import numpy as np

NO_ANSWER = 0
COPY = "copy"
"""Key of `Example.meta` for copies of a row that a step made on purpose."""


def said(example: Example) -> str | None:
    """The reply with its function calls as JSON, None where there is none."""
    calls = example.messages[-1].tool_calls
    if not calls:
        return example.reference
    written = [json.dumps(call.as_dict(), ensure_ascii=False) for call in calls]
    return "\n".join([example.reference, *written] if example.reference else written)


def prompt_key(example: Example) -> int:
    """A number that equal prompts (tools included) share."""
    return int(content_id(example.prompt, example.tools), 16)


def text_key(text: str) -> int:
    """A number that equal texts share, never `NO_ANSWER`."""
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()) or 1


def answer_key(answer: str | None) -> int:
    """A number that equal answers share."""
    return NO_ANSWER if answer is None else text_key(answer)


class Facts:
    """Numbers about the examples of a sequence, in its order.

    Attributes:
        prompts: `prompt_key` of each.
        answers: `answer_key` of each.
        groups: Of the group of each.
        copies: 1 for copies that a step made of a row on purpose.
        prompt_lengths: Characters of each prompt.
        answer_lengths: Characters of each answer.
    """

    def __init__(self, examples: Iterable[Example] = ()) -> None:
        self.prompts, self.answers, self.groups = array("Q"), array("Q"), array("Q")
        self.copies = array("B")
        self.prompt_lengths, self.answer_lengths = array("I"), array("I")
        for example in examples:
            self.add(example)

    def __len__(self) -> int:
        return len(self.prompts)

    def add(self, example: Example, prompt: int | None = None) -> None:
        """The next example, with its `prompt_key` where that is known."""
        answer = said(example)
        self.prompts.append(prompt_key(example) if prompt is None else prompt)
        self.answers.append(answer_key(answer))
        self.groups.append(text_key(example.group))
        self.copies.append(COPY in example.meta)
        self.prompt_lengths.append(sum([len(m.content) for m in example.prompt]))
        self.answer_lengths.append(len(answer or ""))

    def watch(self, examples: Iterable[Example]) -> Iterator[Example]:
        """The examples as they are, each one noted."""
        for example in examples:
            self.add(example)
            yield example


class SamePrompts:
    """Rows by identical prompt; groups are numbered in order of appearance.

    Attributes:
        group: Group of each row.
        first: First row of each group.
        size: Rows of each group.
        answers: Different answers of each group.
        num_pairs: Different pairs of prompt and answer.
        first_pairs: First row of each such pair, in no order.

    Args:
        prompts: `prompt_key` of each row.
        answers: `answer_key` of each row.
    """

    def __init__(self, prompts: Sequence[int], answers: Sequence[int]) -> None:
        import numpy as np

        codes, first, size = _codes(np.asarray(prompts, dtype=np.uint64))
        order = np.argsort(first)
        place = np.empty(len(order), dtype=np.int32)
        place[order] = np.arange(len(order), dtype=np.int32)
        self.group: np.ndarray = place[codes]
        self.first: np.ndarray = first[order]
        self.size: np.ndarray = size[order]
        del codes, first, size, order, place
        answer, _, _ = _codes(np.asarray(answers, dtype=np.uint64))
        pairs = self.group * np.int64(len(answer) + 1)
        pairs += answer
        _, self.first_pairs, _ = _codes(pairs)
        self.num_pairs = len(self.first_pairs)
        self.answers: np.ndarray = np.bincount(self.group[self.first_pairs], minlength=len(self.first))
        self._rows: np.ndarray | None = None

    @property
    def repeated(self) -> Sequence[int]:
        """Groups of more than one row."""
        return (self.size > 1).nonzero()[0]  # type: ignore[return-value]

    @property
    def conflicting(self) -> Sequence[int]:
        """Groups with more than one answer."""
        return (self.answers > 1).nonzero()[0]  # type: ignore[return-value]

    def rows(self, group: int) -> list[int]:
        """The rows of a group, in order."""
        import numpy as np

        if self._rows is None:
            self._rows = np.argsort(self.group, kind="stable")
            self._begin = np.concatenate(([0], np.cumsum(self.size)))
        return self._rows[self._begin[group] : self._begin[group + 1]].tolist()


def num_different(keys: Sequence[int]) -> int:
    """How many different 64-bit numbers there are, in eight bytes for each of them."""
    import numpy as np

    ordered = np.sort(np.asarray(keys, dtype=np.uint64))
    return int((ordered[1:] != ordered[:-1]).sum()) + bool(len(ordered))


def _codes(keys: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Numbers of the different values in sorted order: of each row, the first row of each, and how many rows it has.

    As `numpy.unique` gives them, in half the memory.
    """
    import numpy as np

    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    begins = np.append(True, ordered[1:] != ordered[:-1])[: len(keys)]
    del ordered
    codes = np.empty(len(keys), dtype=np.int32)
    codes[order] = np.cumsum(begins, dtype=np.int32) - 1
    starts = np.flatnonzero(begins)
    return codes, order[begins].astype(np.int32), np.diff(starts, append=len(keys)).astype(np.int32)
