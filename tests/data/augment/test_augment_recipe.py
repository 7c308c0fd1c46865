"""Augmentation as a step of a recipe: an endpoint fills classes up to a count, then rows are repeated."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from chat_server import Chat, asked_count, questions, user_of, write_rows
from pydantic import ValidationError

from weitiao.config import Recipe
from weitiao.data import prepare
from weitiao.errors import ConfigError, DataError
from weitiao.types import Dataset


def new_questions(body: dict[str, Any]) -> str:
    """Each time others."""
    salt = sum(map(ord, user_of(body))) % 9973
    texts = [
        f"{chr(0x4E00 + salt * 3 % 9000 + k)}{chr(0x5000 + salt + 7 * k)}门店的库存还够吗？" for k in range(5)
    ]
    return json.dumps(texts[: asked_count(body)], ensure_ascii=False)


def make(root: Path, *steps: dict[str, Any], generator: Any = None) -> Dataset:
    rows = [{**row, "label": "A" if k % 8 else "B"} for k, row in enumerate(questions(48))]
    write_rows(root / "in.jsonl", rows)
    data = {
        "sources": [{"file": "in.jsonl"}],
        "prompt": "这个问题属于哪一类？{{ prompt }}",
        "response": "label",
        "split": {"dev": 0.1, "test": 0.1},
        "steps": steps,
    }
    return prepare(Recipe.model_validate({"data": data}), root=root, generator=generator)


def step(chat: Chat, **more: Any) -> dict[str, Any]:
    endpoint = {"url": chat.url, "model": "writer"}
    return {"kind": "augment", "endpoint": endpoint, "column": "prompt", "cache": "answers", **more}


def test_classes_are_filled_then_repeated(chat: Chat, tmp_path: Path) -> None:
    chat.write = new_questions
    plain = make(tmp_path)
    expand = step(chat, kinds=["expand"], target_per_class=12)
    dataset = make(tmp_path, expand, {"kind": "balance", "method": "up"})
    assert (dataset.dev, dataset.test) == (plain.dev, plain.test)
    counts = Counter(e.reference for e in plain.train)
    lines = {line["name"]: line for line in dataset.card["steps"]}
    assert counts["B"] < 12 < counts["A"]
    assert lines["augment"]["classes"] == {"A": [counts["A"]] * 2, "B": [counts["B"], 12]}
    assert lines["balance"]["classes"] == {"A": [counts["A"]] * 2, "B": [12, counts["A"]]}
    assert (tmp_path / "answers").is_dir(), "relative to the recipe"
    new = [e for e in dataset.train if "augment" in e.meta]
    assert all(e.messages[0].content.startswith("这个问题属于哪一类？") for e in new)
    assert {e.group for e in new} <= {e.group for e in plain.train}
    asked = len(chat.bodies)
    assert make(tmp_path, expand, {"kind": "balance", "method": "up"}) == dataset
    assert len(chat.bodies) == asked, "a second run asks nothing"


def test_progress_is_told(chat: Chat, tmp_path: Path) -> None:
    told: list[tuple[str, int]] = []
    write_rows(tmp_path / "in.jsonl", questions(4))
    data = {"train": [{"file": "in.jsonl"}], "response": "label", "steps": [step(chat, rounds=1)]}
    recipe = Recipe.model_validate({"data": data})
    prepare(recipe, root=tmp_path, progress=lambda what, count: told.append((what, count)))
    assert [count for what, count in told if what == "requests"] == [1, 2, 3, 4]


def test_columns_that_must_stay(chat: Chat, tmp_path: Path) -> None:
    dataset = make(tmp_path, step(chat, keep=["company"]))
    new = [e for e in dataset.train if "augment" in e.meta]
    assert new
    assert all("股份" in e.messages[0].content for e in new)
    with pytest.raises(DataError, match='"firm" is no column'):
        make(tmp_path, step(chat, keep=["firm"]))


def test_who_writes(chat: Chat, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"neither `endpoint` nor `base` is set"):
        make(tmp_path, {"kind": "augment"})
    with pytest.raises(ConfigError, match="none is loaded here"):
        make(tmp_path, {"kind": "augment", "base": {}})
    with pytest.raises(ValidationError, match="not both"):
        make(tmp_path, step(chat, base={}))
