"""Two versions of a data set: each change that is made to one is found, once, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from weitiao.data.diff import difference, short_pair
from weitiao.types import Dataset, Example, Message, Origin, content_id

PARTS = ("train", "dev", "test")


def example(prompt: str, answer: str, *, train: bool = True, **meta: Any) -> Example:
    turns = (Message("user", prompt), Message("assistant", answer, train))
    return Example(content_id(turns), turns, origin=Origin("a.csv", 2), meta=meta)


def dataset(rows: list[tuple[str, Example]], card: dict[str, Any] | None = None) -> Dataset:
    return Dataset(*(tuple(e for name, e in rows if name == part) for part in PARTS), card=card or {})


pairs = st.lists(
    st.tuples(st.sampled_from(PARTS), st.integers(0, 5).map(str), st.sampled_from("xyz")), max_size=12
)


@settings(deadline=None)
@given(pairs)
def test_a_data_set_does_not_differ_from_itself(rows) -> None:
    one = dataset([(part, example(prompt, answer)) for part, prompt, answer in rows])
    found = difference(one, one)
    assert found.is_empty
    assert found.same == len(rows)


@settings(deadline=None)
@given(pairs, pairs)
def test_every_row_of_both_sides_is_accounted_for_once(old, new) -> None:
    before, after = (dataset([(p, example(q, a)) for p, q, a in rows]) for rows in (old, new))
    found = difference(before, after)
    matched = found.same + len(found.moved) + len(found.answers) + len(found.prompts)
    assert matched + len(found.removed) == len(old)
    assert matched + len(found.added) == len(new)
    back = difference(after, before)
    assert (len(back.added), len(back.removed)) == (len(found.removed), len(found.added))
    for pair in found.answers:
        assert pair.before.example.prompt == pair.after.example.prompt
        assert pair.before.example.messages != pair.after.example.messages


@settings(deadline=None)
@given(st.data(), st.integers(6, 20))
def test_planted_changes_are_found(data, size: int) -> None:
    """Each row with a prompt of its own gets one kind of change."""
    kinds = ["same", "removed", "added", "moved", "answers", "prompts"]
    before, after, planted = [], [], dict.fromkeys(kinds, 0)
    for number in range(size):
        kind = data.draw(st.sampled_from(kinds))
        planted[kind] += 1
        part = data.draw(st.sampled_from(PARTS))
        row = example(f"q{number}", "a", id=number)
        if kind != "added":
            before.append((part, row))
        if kind == "moved":
            after.append((PARTS[(PARTS.index(part) + 1) % 3], row))
        elif kind == "answers":
            after.append((part, example(f"q{number}", "b", id=number)))
        elif kind == "prompts":
            after.append((part, example(f"other {number}", "a", id=number)))
        elif kind != "removed":
            after.append((part, row))
    after = data.draw(st.permutations(after))
    assert difference(dataset(before), dataset(after)).as_dict()["counts"] == planted


@settings(deadline=None)
@given(st.data(), st.integers(1, 8))
def test_another_wording_of_the_rows_of_an_unchanged_file_is_no_new_row(data, size: int) -> None:
    """Without ids: the same row of the same bytes, wherever the file lies; another file's rows are others."""
    kept = data.draw(st.lists(st.booleans(), min_size=size, max_size=size))

    def version(file: str, sha256: str, wording: str) -> Dataset:
        rows = [
            ("train", replace(example(f"{wording} {n}", "a"), origin=Origin(file, n)))
            for n in range(size)
            if wording == "old" or kept[n]
        ]
        return dataset(rows, {"sources": [{"file": file, "sheet": None, "sha256": sha256}]})

    before = version("a.csv", "1", "old")
    counts = difference(before, version("moved/a.csv", "1", "new")).as_dict()["counts"]
    assert (counts["prompts"], counts["added"], counts["removed"]) == (sum(kept), 0, size - sum(kept))
    counts = difference(before, version("a.csv", "2", "new")).as_dict()["counts"]
    assert (counts["prompts"], counts["added"], counts["removed"]) == (0, sum(kept), size)


def test_templates_and_settings() -> None:
    def card(version: int, on_empty: str) -> dict[str, Any]:
        template = {
            "part": "prompt",
            "template": "a/b",
            "version": version,
            "language": "zh",
            "sha256": "f" * 64,
        }
        return {"templates": [template], "lineage": {"weitiao": "1", "data": {"on_empty": on_empty}}}

    found = difference(dataset([], card(1, "error")), dataset([], card(2, "drop")))
    assert found.card["templates"] == [
        {
            "what": "prompt",
            "before": "a/b, version 1, zh, ffffffffffff",
            "after": "a/b, version 2, zh, ffffffffffff",
        }
    ]
    assert found.card["settings"] == [{"what": "on_empty", "before": "error", "after": "drop"}]


@given(
    st.text("ab", max_size=60),
    st.text("xy", max_size=5),
    st.text("xy", max_size=5),
    st.text("ab", max_size=60),
)
def test_of_two_long_texts_the_difference_is_shown(begin: str, one: str, two: str, end: str) -> None:
    short = short_pair(begin + one + end, begin + two + end)
    assert one in short[0]
    assert two in short[1]
    assert one == two or all(len(text) <= len(one + two) + 2 * 20 + 2 for text in short)
    assert (short[0] == short[1]) == (one == two)


def test_what_is_learnt_counts_as_a_change() -> None:
    before = dataset([("train", example("q", "a"))])
    after = dataset([("train", example("q", "a", train=False))])
    (pair,) = difference(before, after).answers
    assert pair.before.example.messages[-1].train


def test_a_row_that_stands_twice_and_then_once_is_removed_once() -> None:
    row = ("train", example("q", "a"))
    found = difference(dataset([row, row]), dataset([row]))
    assert (found.same, len(found.removed)) == (1, 1)


def test_steps_and_seeds() -> None:
    def card(seed: int, dropped: int, *more: dict[str, Any]) -> dict[str, Any]:
        drops = (
            [{"reason": "empty prompt", "count": dropped, "examples": ["a.csv, row 3"]}] if dropped else []
        )
        return {
            "sources": [{"file": "a.csv", "sheet": None, "sha256": f"{dropped}", "rows": 9}],
            "steps": [
                {"name": "build", "in": 9, "out": 9 - dropped, "dropped": drops},
                *more,
                {"name": "split", "in": 9, "out": 9, "seed": seed, "dropped": []},
            ],
            "labels": {"A": 5},
        }

    noise = {"name": "noise", "in": 8, "out": 8, "seed": 3, "dropped": []}
    before, after = dataset([], card(7, 1)), dataset([], card(8, 0, noise))
    found = difference(before, after)
    assert not found.is_empty
    assert found.card["seeds"] == [
        {"what": "noise.seed", "before": None, "after": 3},
        {"what": "split.seed", "before": 7, "after": 8},
    ]
    assert found.card["steps"] == [
        {"what": "build.out", "before": 8, "after": 9},
        {"what": "build.dropped: empty prompt", "before": 1, "after": None},
        {"what": "noise", "before": None, "after": "8 rows in, 8 out"},
    ]
    assert found.card["sources"] == [{"what": "a.csv: sha256", "before": "1", "after": "0"}]
    assert difference(after, replace(after, card={**after.card, "labels": {"A": 6}})).card["labels"] == [
        {"what": "A", "before": 5, "after": 6}
    ]
