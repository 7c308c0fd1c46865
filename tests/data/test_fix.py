"""Repairs of ``data.fix``: done only when asked for, each with its line in the card."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weitiao.config import FixConfig, Recipe
from weitiao.data import prepare
from weitiao.data.fix import apply_fixes
from weitiao.types import Example, Message, Origin, content_id


def example(row: int, prompt: str, answer: str) -> Example:
    messages = (Message("user", prompt), Message("assistant", answer, train=True))
    return Example(content_id(messages), messages, origin=Origin("f.jsonl", row))


def fixed(
    pairs: list[tuple[str, str]], **asked: str
) -> tuple[list[tuple[str, str | None]], list[dict[str, Any]]]:
    examples = [example(k, *pair) for k, pair in enumerate(pairs, start=1)]
    parts, entries = apply_fixes({"train": examples}, FixConfig.model_validate(asked))
    assert all(e.id == content_id(e.messages) for e in parts["train"])
    return [(e.prompt[0].content, e.reference) for e in parts["train"]], entries


LABELS = [(f"q{k}", "AB"[k % 2]) for k in range(40)]


def test_nothing_unless_asked() -> None:
    pairs = [*LABELS, ("q0", "A"), ("q0", "B"), ("z", "ERR: no"), ("y", "A。")]
    assert fixed(pairs) == (pairs, [])


@pytest.mark.parametrize(
    ("asked", "extra", "left"),
    [
        ({"duplicates": "drop"}, [("q0", "A")], []),
        ({"contradictions": "majority"}, [("q0", "A"), ("q0", "B")], [("q0", "A")]),
        ({"error_targets": "drop"}, [("z", "ERR: no")], []),
        ({"labels": "strip"}, [("z", "A。")], [("z", "A")]),
        ({"endings": "strip"}, [("z", "B.")], [("z", "B")]),
        ({"markup": "strip"}, [("a<br/>b &lt; c", "A")], [("ab < c", "A")]),
        ({"markup": "strip"}, [("<p>a&nbsp;b</p>&nbsp;", "A")], [("a b", "A")]),
        ({"spacing": "collapse"}, [("a  b", "A")], [("a b", "A")]),
    ],
)
def test_each_repair(
    asked: dict[str, str], extra: list[tuple[str, str]], left: list[tuple[str, str]]
) -> None:
    pairs, entries = fixed([*LABELS, *extra], **asked)
    assert pairs == [*LABELS, *left]
    (entry,) = entries
    assert entry["name"] == f"fix.{next(iter(asked))}"
    assert (entry["in"], entry["out"]) == (len(LABELS) + len(extra), len(LABELS) + len(left))
    assert sum(d["count"] for d in entry["dropped"]) == len(extra) - len(left)
    changed = [(old, new) for old, new in zip(extra, left, strict=False) if new not in extra]
    assert entry.get("changed", {}).get("count", 0) == len(changed)
    said = [(example["before"], example["after"]) for example in entry.get("examples", ())]
    assert said == [next((a, b) for a, b in zip(old, new, strict=True) if a != b) for old, new in changed]
    lost = [f"{q} -> {a}" for q, a in extra if (q, a) not in left] if not changed else []
    assert [text for drop in entry["dropped"] for text in drop["texts"]] == lost


def test_contradictions_can_all_be_dropped() -> None:
    pairs, _ = fixed([*LABELS, ("q0", "B")], contradictions="drop")
    assert pairs == LABELS[1:]


def test_a_tie_is_told_from_a_majority() -> None:
    extra = [("q0", "B"), ("q1", "A"), ("q1", "B")]  # q0 has one A and one B, q1 two B and one A
    pairs, (entry,) = fixed([*LABELS, *extra], contradictions="majority")
    assert pairs == [*LABELS, ("q1", "B")]
    assert {drop["reason"]: drop["texts"] for drop in entry["dropped"]} == {
        "another answer than most rows of its prompt": ["q1 -> A"],
        "another answer than the first of its prompt, where none has the most rows": ["q0 -> B"],
    }


rows = st.lists(st.tuples(st.integers(0, 6).map(str), st.sampled_from("AB")), max_size=8)


@given(rows, rows, rows)
def test_no_prompt_leaks_and_later_parts_stay_whole(train, dev, test) -> None:
    """Test keeps everything, dev what is not in test, train what is in neither; what went is counted with its part."""
    sets = {"train": train, "dev": dev, "test": test}
    made = {part: [example(k, *pair) for k, pair in enumerate(pairs)] for part, pairs in sets.items()}
    left, (entry,) = apply_fixes(made, FixConfig(leaks="drop"))
    asked = {part: [e.prompt[0].content for e in examples] for part, examples in left.items()}
    tested, tuned = ({q for q, _ in pairs} for pairs in (test, dev))
    assert asked["test"] == [q for q, _ in test]
    assert asked["dev"] == [q for q, _ in dev if q not in tested]
    assert asked["train"] == [q for q, _ in train if q not in tested | tuned]
    gone = {drop["reason"]: drop["count"] for drop in entry["dropped"]}
    later = " or ".join(part for part in ("dev", "test") if sets[part])
    expected = {
        f"train row whose prompt stands in {later}": len(train) - len(asked["train"]),
        "dev row whose prompt stands in test": len(dev) - len(asked["dev"]),
    }
    assert gone == {reason: count for reason, count in expected.items() if count}


def test_separators_become_the_usual_one() -> None:
    lists = [(f"q{k}", f"词{k},语{k}") for k in range(30)]
    pairs, _ = fixed([*lists, ("z", "甲、乙")], separators="majority")
    assert pairs == [*lists, ("z", "甲,乙")]


def test_repairs_twice_change_nothing_more() -> None:
    asked = {name: field.annotation.__args__[1] for name, field in FixConfig.model_fields.items()}  # type: ignore[union-attr]
    once, _ = fixed(
        [*LABELS, ("q0", "A"), ("q1", "A"), ("z", "A。"), ("y", "ERR: x"), ("a  b<p>", "B")], **asked
    )
    assert fixed([(p, a or "") for p, a in once], **asked)[0] == once


def test_a_recipe_is_repaired_and_its_card_says_so(tmp_path: Path) -> None:
    rows = [{"prompt": f"q{k}", "response": "ab"[k % 2]} for k in range(40)] + [
        {"prompt": "q0", "response": "a"}
    ]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    recipe = Recipe.model_validate(
        {"data": {"sources": [{"file": "a.jsonl"}], "fix": {"duplicates": "drop"}}}
    )
    dataset = prepare(recipe, root=tmp_path)
    assert sum(map(len, (dataset.train, dataset.dev, dataset.test))) == 40
    step = next(s for s in dataset.card["steps"] if s["name"] == "fix.duplicates")
    assert step["dropped"] == [
        {
            "reason": "equal to an earlier row",
            "count": 1,
            "examples": ["a.jsonl, row 41"],
            "texts": ["q0 -> a"],
        }
    ]
