"""The page of a card: all of the card is on it, escaped, and it fetches nothing."""

from __future__ import annotations

import json
import re
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weitiao.config import DataConfig, Recipe
from weitiao.data import prepare, save
from weitiao.data.card_page import card_page, seeds_of

ROWS = [
    *({"q": f"第{k}个问题<b>是什么</b>?", "a": "AB"[k % 3 == 0]} for k in range(40)),
    {"q": "第1个问题<b>是什么</b>?", "a": "矛盾"},
    {"q": "", "a": "A"},
]


def visible(page: str) -> str:
    body = re.sub(r"<style>.*?</style>", "", page, flags=re.S)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", body)).split())


def made(folder: Path, **source: Any):
    (folder / "q.jsonl").write_text("\n".join(json.dumps(r, ensure_ascii=False) for r in ROWS), "utf-8")
    data = {
        "sources": [{"file": "q.jsonl", **source}],
        "prompt": "q",
        "response": "a",
        "on_empty": "drop",
        "split": {"seed": 11, "dev": 0.2, "test": 0.2},
    }
    return prepare(Recipe(base={"path": "none"}, data=DataConfig.model_validate(data)), root=folder)


def test_the_page_says_what_the_card_says(tmp_path: Path) -> None:
    dataset = made(tmp_path, licence="CC BY 4.0, 某公司")
    save(dataset, tmp_path / "set")
    page = (tmp_path / "set" / "card.html").read_text("utf-8")
    text = visible(page)
    card = dataset.card
    assert card["sources"][0]["sha256"] in page
    assert card["sha256"] in text
    for shown in (
        "q.jsonl",
        "CC BY 4.0, 某公司",
        "step split.seed = 11",
        "42 → 41 (−1)",
        "1 left out: empty prompt q.jsonl, row 42",
        "1 prompts have different answers",
        "矛盾",
        "95th percentile",
    ):
        assert shown in text
    assert "none stated" not in text
    assert "none stated" in visible(card_page(made(tmp_path).card))


def test_the_page_fetches_and_runs_nothing(tmp_path: Path) -> None:
    page = card_page(made(tmp_path).card)
    assert "<b>是什么" not in page
    assert not re.search(r"<script|<link|<img|@import|url\(|https?://", page)
    assert "default-src 'none'" in page


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(min_size=1, max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(deadline=None, max_examples=60)
@given(
    extra=st.dictionaries(st.text("abc", min_size=2, max_size=4), json_values, max_size=3), fact=json_values
)
def test_any_further_entry_of_a_card_is_shown(extra: dict[str, Any], fact: Any) -> None:
    drops = [{"reason": "r", "count": 1, "examples": ["x"]}]
    step = {"name": "own", "in": 3, "out": 2, "dropped": drops, "fact": fact}
    page = card_page({"steps": [step], "own_section": {"seed": 5}, "checks": {"own": 6}, **extra})
    assert "own section" in visible(page)
    assert "own 6" in visible(page)
    for name in extra:
        assert name in visible(page)


@pytest.mark.parametrize("card", [{}, {"schema_version": 1}, {"parts": {}, "labels": None, "steps": []}])
def test_a_card_with_little_in_it(card: dict[str, Any]) -> None:
    assert "</html>" in card_page(card)


def test_seeds_are_found_wherever_they_stand() -> None:
    card = {
        "steps": [{"name": "noise", "part": "train", "in": 1, "out": 1, "dropped": [], "seed": 3}],
        "sources": [{"file": None, "patterns": "grid.yaml", "seed": 4}],
        "balance": {"sampling": {"seed": 5}},
    }
    assert seeds_of(card) == [
        ("step noise (train).seed", "3"),
        ("grid.yaml.seed", "4"),
        ("balance.sampling.seed", "5"),
    ]


def test_left_out_rows_are_shown_with_their_texts() -> None:
    drops = [
        {"reason": "r", "count": 9, "examples": ["a, row 1", "a, row 2"], "texts": ["q -> x", "<p> -> y"]}
    ]
    page = card_page({"steps": [{"name": "s", "in": 9, "out": 0, "dropped": drops}]})
    assert "&lt;p&gt;" in page
    assert "a, row 1 q -> x a, row 2 <p> -> y and 7 more" in " ".join(visible(page).split())


def test_changes_and_other_examples_of_a_step_are_shown() -> None:
    step = {
        "name": "noise",
        "in": 2,
        "out": 2,
        "dropped": [],
        "examples": [{"before": "年报", "after": "年抱"}, {"origin": "a.csv, row 2", "characters": 4}],
    }
    text = visible(card_page({"steps": [step]}))
    assert "年报 年抱" in text
    assert "a.csv, row 2" in text
