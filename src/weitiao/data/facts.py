"""What the card and the repairs need to know about every example: numbers, most of them in a file where there are many.

Prompts, answers and groups are 64-bit hashes here: of a million rows two different prompts are taken for equal once in
some ten million data sets. The examples themselves are fetched only where the card shows them.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from weitiao.data.column import Column, repeated_rows
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
        prompt_lengths: Prompts by their number of characters.
        answer_lengths: Answers by their number of characters.
    """

    def __init__(self, examples: Iterable[Example] = ()) -> None:
        self.prompts, self.answers, self.groups = Column(), Column(), Column()
        self.copies = Column(kind="B")
        self.prompt_lengths, self.answer_lengths = Counter[int](), Counter[int]()
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
        self.prompt_lengths[sum([len(m.content) for m in example.prompt])] += 1
        self.answer_lengths[len(answer or "")] += 1


class SamePrompts:
    """Rows that share their prompt with another row, by prompt; the groups are numbered in order of appearance.

    A prompt that stands in one row only is in no group, so that memory follows the repeated rows.

    Attributes:
        num_rows: All rows.
        num_prompts: Different prompts of all rows.
        num_pairs: Different pairs of prompt and answer of all rows.
        shared: Rows whose prompt stands in another row too, in order.
        group: Group of each of them.
        first: First row of each group.
        size: Rows of each group, at least two.
        answers: Different answers of each group.
        echoes: Rows that repeat prompt and answer of an earlier one, in no order.

    Args:
        prompts: `prompt_key` of each row.
        answers: `answer_key` of each row.
        without: Rows with 1 there are left out of everything.
    """

    def __init__(self, prompts: Column, answers: Column, without: Column | None = None) -> None:
        import numpy as np

        self.num_rows = len(prompts)
        if without is not None:
            self.num_rows -= sum(int(some.sum()) for some in without.chunks())
        self.shared: np.ndarray = repeated_rows(prompts, without)
        codes, first, size = _codes(prompts.take(self.shared))
        order = np.argsort(first)
        place = np.empty(len(order), dtype=np.int32)
        place[order] = np.arange(len(order), dtype=np.int32)
        self.group: np.ndarray = place[codes]
        self.first: np.ndarray = self.shared[first[order]]
        self.size: np.ndarray = size[order]
        answer, _, _ = _codes(answers.take(self.shared))
        pairs = self.group * np.int64(len(answer) + 1)
        pairs += answer
        _, pair, _ = _codes(pairs)
        self.answers: np.ndarray = np.bincount(self.group[pair], minlength=len(self.first))
        self.echoes: np.ndarray = np.delete(self.shared, pair)
        alone = self.num_rows - len(self.shared)
        self.num_prompts, self.num_pairs = alone + len(self.first), alone + len(pair)
        self._rows: np.ndarray | None = None

    @property
    def conflicting(self) -> Sequence[int]:
        """Groups with more than one answer."""
        return (self.answers > 1).nonzero()[0]  # type: ignore[return-value]

    def rows(self, group: int) -> list[int]:
        """The rows of a group, in order."""
        import numpy as np

        if self._rows is None:
            self._rows = self.shared[np.argsort(self.group, kind="stable")]
            self._begin = np.concatenate(([0], np.cumsum(self.size)))
        return self._rows[self._begin[group] : self._begin[group + 1]].tolist()


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
