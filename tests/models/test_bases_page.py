"""The table of docs/bases.md: every test it names exists."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_every_test_named_is_there() -> None:
    page = (ROOT / "docs" / "bases.md").read_text("utf-8")
    named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", page)
    assert len(named) > 15
    missing = [
        f"{file}::{test}"
        for file, test in named
        if not (ROOT / file).is_file()
        or (test and not re.search(rf"^(def|class) {test}\b", (ROOT / file).read_text("utf-8"), re.MULTILINE))
    ]
    assert missing == []


def test_every_code_of_the_table_is_explained() -> None:
    page = (ROOT / "docs" / "bases.md").read_text("utf-8")
    used = set(re.findall(r"\[([A-Z]\d)\]", page))
    explained = set(re.findall(r"^\| ([A-Z]\d) \|", page, re.MULTILINE))
    assert used == explained
