"""``weitiao data exam``, ``export`` and ``diff`` from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

RECIPE = """
base: {path: none}
data:
  train: [{file: rows.jsonl}]
  prompt: q
  response: a
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    rows = [{"q": f"question {k}", "a": "AB"[k % 2], "id": k} for k in range(6)]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)), "utf-8")
    path = tmp_path / "recipe.yaml"
    path.write_text(RECIPE, "utf-8")
    return path


def test_exam(command, tmp_path: Path) -> None:
    rows = [
        {"阅读文本": "T.", "选项": "1. Why?\nA. x\nB. y", "答案": "1. B"},
        {"阅读文本": "T.", "选项": "1. Why?\nA. x\nB. y", "答案": "1. D"},
    ]
    paper, out = tmp_path / "paper.json", tmp_path / "questions.jsonl"
    paper.write_text(json.dumps(rows, ensure_ascii=False), "utf-8")
    done = command("data", "exam", paper, "--output", out)
    assert done.exit_code == 0, done.stderr
    assert "2 texts, 1 of 2 questions" in done.stdout
    assert "row 2, question 1: the answer D is none of the options A, B" in done.stdout
    assert len(out.read_text("utf-8").splitlines()) == 1
    report = json.loads(command("data", "exam", paper, "--output", out, "--json").stdout)
    assert (report["questions"], report["not_recovered"]) == (1, 1)
    wrong = command("data", "exam", paper, "--output", out, "--answers", "答")
    assert wrong.exit_code == 2
    assert "答案" in wrong.stderr


def test_export_of_a_recipe_and_of_a_folder(command, recipe: Path, tmp_path: Path) -> None:
    done = command("data", "export", recipe, "--to", "alpaca", "--output", tmp_path / "a")
    assert done.exit_code == 0, done.stderr
    assert "train 6, dev 0, test 0 rows as alpaca" in done.stdout
    assert command("data", "prepare", recipe, "--out", tmp_path / "set").exit_code == 0
    done = command("data", "export", tmp_path / "set", "--to", "alpaca", "--output", tmp_path / "b")
    assert done.exit_code == 0, done.stderr
    assert (tmp_path / "a" / "train.json").read_bytes() == (tmp_path / "b" / "train.json").read_bytes()
    for arguments in (
        (recipe, "--to", "alpacca", "--output", tmp_path / "c"),
        (tmp_path / "gone", "--to", "alpaca", "--output", tmp_path / "c"),
        (tmp_path / "a", "--to", "alpaca", "--output", tmp_path / "c"),
        (tmp_path / "set", "--to", "alpaca", "--output", tmp_path / "c", "--set", "seed=1"),
    ):
        assert command("data", "export", *arguments).exit_code == 2
    assert not (tmp_path / "c").exists()


def test_a_system_message_has_no_place_or_goes_into_the_prompt(command, recipe: Path, tmp_path: Path) -> None:
    words = (
        "data",
        "export",
        recipe,
        "--to",
        "iflytek",
        "--output",
        tmp_path / "i",
        "--set",
        "data.system=Be brief.",
    )
    assert "--system-in-prompt" in command(*words).stderr
    assert command(*words, "--system-in-prompt").exit_code == 0
    first = json.loads((tmp_path / "i" / "train.jsonl").read_text("utf-8").splitlines()[0])
    assert first == {"input": "Be brief.\n\nquestion 0", "target": "A"}


def test_diff(command, recipe: Path, tmp_path: Path) -> None:
    assert command("data", "prepare", recipe, "--out", tmp_path / "old").exit_code == 0
    rows = tmp_path / "rows.jsonl"
    text = rows.read_text("utf-8").replace('"question 1", "a": "B"', '"question 1", "a": "A"')
    rows.write_text("\n".join(text.splitlines()[:-1]), "utf-8")
    same = command("data", "diff", tmp_path / "old", tmp_path / "old")
    assert "no difference: 6 rows" in same.stdout
    done = command("data", "diff", tmp_path / "old", recipe)
    assert done.exit_code == 0, done.stderr
    assert "4 rows are the same, 0 added, 1 removed, 0 moved, 1 with another answer" in done.stdout
    assert "'B' -> 'A'" in done.stdout
    found = json.loads(command("data", "diff", tmp_path / "old", recipe, "--json").stdout)
    assert found["counts"]["answers"] == 1
    assert found["answers"][0]["after"]["answer"] == "A"
    assert command("data", "diff", tmp_path / "old", tmp_path / "gone").exit_code == 2
