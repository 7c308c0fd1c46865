"""Over-long samples: named, or cut and counted."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weitiao.data.fit import fit
from weitiao.errors import DataError
from weitiao.types import Example, Message, Origin, content_id


def example(prompt: str, response: str = "answer", row: int = 1) -> Example:
    messages = (
        Message("system", "be brief"),
        Message("user", prompt),
        Message("assistant", response, train=True),
    )
    return Example(content_id(messages), messages, origin=Origin("x.csv", row))


def count(example: Example) -> int:
    """Three characters a token, and two tokens around each turn."""
    return sum(2 + -(-len(m.content) // 3) for m in example.messages)


@given(
    prompts=st.lists(st.text(min_size=1, max_size=60), max_size=5),
    limit=st.integers(12, 40),
    left=st.booleans(),
)
def test_cut_prompts_are_the_longest_that_fit(prompts: list[str], limit: int, left: bool) -> None:
    examples = [example(p) for p in prompts]
    fitted = fit(examples, count, limit, "left" if left else "right")
    for before, after in zip(examples, fitted.examples, strict=True):
        old, new = before.messages[1].content, after.messages[1].content
        assert count(after) <= limit
        assert old.endswith(new) if left else old.startswith(new)
        assert (before.messages[0], before.reference) == (after.messages[0], after.reference)
        assert after.id == content_id(after.messages)
        if new != old:
            longer = old[len(old) - len(new) - 1 :] if left else old[: len(new) + 1]
            assert count(example(longer)) > limit
    changed = sum(a != b for a, b in zip(examples, fitted.examples, strict=True))
    assert len(fitted.cuts) == changed
    assert sum(f.cut for f in fitted.cuts) == sum(
        len(a.messages[1].content) - len(b.messages[1].content)
        for a, b in zip(examples, fitted.examples, strict=True)
    )


def test_error_names_all_long_samples_and_both_ways_out() -> None:
    with pytest.raises(DataError) as caught:
        fit([example("x" * 30, row=2), example("x", row=3), example("x" * 300, row=4)], count, 20)
    message = str(caught.value)
    assert "2 samples are longer than 20 tokens" in message
    assert "x.csv, row 2: 21 tokens" in message
    assert "x.csv, row 4: 111 tokens" in message
    assert "row 3" not in message
    assert "data.max_length to 111" in message
    assert "data.truncate: left or right" in message


def test_answers_are_never_cut() -> None:
    with pytest.raises(DataError, match="1 sample is longer than 20 tokens"):
        fit([example("short", "y" * 100)], count, 20, "right")


def dialogue(*rounds: tuple[str, str], train: bool = False) -> Example:
    messages = [Message("system", "be brief")]
    for number, (asked, answered) in enumerate(rounds, start=1):
        messages += [
            Message("user", asked),
            Message("assistant", answered, train=train or number == len(rounds)),
        ]
    return Example(content_id(messages), tuple(messages), origin=Origin("d.jsonl", 1))


def test_left_takes_the_oldest_rounds_first() -> None:
    whole = dialogue(("a" * 30, "b" * 30), ("c" * 30, "d" * 30), ("e" * 30, "f" * 30))
    fitted = fit([whole], count, 60, "left")
    assert [m.content[0] for m in fitted.examples[0].messages] == ["b", "c", "d", "e", "f"]
    assert fitted.examples[0].messages[1].content == "c" * 30
    assert fitted.cuts[0].cut == 60
    shorter = fit([whole], count, 27, "left").examples[0]
    assert [m.role for m in shorter.messages] == ["system", "user", "assistant"]
    assert 0 < len(shorter.messages[1].content) < 30


def test_rounds_that_are_learnt_from_are_never_taken_away() -> None:
    whole = dialogue(("a" * 30, "b" * 30), ("c" * 30, "d" * 30), train=True)
    with pytest.raises(DataError, match="dialogues"):
        fit([whole], count, 28, "left")
