"""``weitiao data check``: a recipe or bare files, a summary, two files, an exit code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    path = tmp_path / "rows.jsonl"
    lines = [{"q": f"第{k}问是{k * k}", "a": "甲乙"[k * 7 % 11 % 2]} for k in range(40)] + [
        {"q": "第3问是9", "a": "乙"}
    ]
    path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")
    return path


def test_bare_file(command, rows: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = command("data", "check", rows, "--prompt", "q", "--response", "a", "--out", out)
    assert done.exit_code == 0, done.stderr
    assert "41 rows, 41 samples" in done.stdout
    assert "contradiction: 1 prompt has different answers" in done.stdout
    assert "-> data.fix.contradictions: majority" in done.stdout
    assert json.loads((out / "check.json").read_text("utf-8"))["severities"]["serious"] == 1
    assert (out / "check.html").is_file()


def test_strict(command, rows: Path) -> None:
    assert command("data", "check", rows, "--prompt", "q", "--response", "a", "--strict").exit_code == 1
    assert command("data", "check", rows, "--strict").exit_code == 0


def test_recipe(command, rows: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "r.yaml"
    recipe.write_text(
        f"data:\n  sources: [{{file: {rows.name}}}]\n  prompt: q\n  response: a\n", encoding="utf-8"
    )
    done = command("data", "check", recipe, "--set", "data.sources.0.limit=40", "--strict")
    assert done.exit_code == 0, done.stdout
    assert "40 rows, 40 samples" in done.stdout


def test_after_the_repairs(command, rows: Path, tmp_path: Path) -> None:
    """The rows have a contradiction, what the repairs leave of them has none: by ``--after``, and as a data set."""
    recipe = tmp_path / "r.yaml"
    recipe.write_text(
        f"data:\n  sources: [{{file: {rows.name}}}]\n  prompt: q\n  response: a\n"
        "  fix: {contradictions: majority}\n",
        encoding="utf-8",
    )
    assert "contradiction: 1 prompt" in command("data", "check", recipe).stdout
    after = command("data", "check", recipe, "--after", "--strict")
    assert after.exit_code == 0, after.stdout
    assert "40 rows, 40 samples" in after.stdout
    assert command("data", "prepare", recipe, "--out", tmp_path / "set").exit_code == 0
    folder = command("data", "check", tmp_path / "set", "--strict")
    assert folder.exit_code == 0, folder.stdout
    assert "40 rows, 40 samples" in folder.stdout
    assert "checked alone" in command("data", "check", tmp_path / "set", "--prompt", "q").stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--set", "seed=1"), "need a recipe"),
        (("--tokens",), "need a recipe"),
        (("--after",), "need a recipe"),
        (("--vocabulary", "x"), "SLOT=FILE"),
        (("--vocabulary", "x=none.txt"), "cannot be read"),
        (("--entities", "none.txt"), "cannot be read"),
        (("--database", "none.sqlite", "--prompt", "q", "--response", "q"), "no such file"),
        (("--prompt", "nope"), "is no column"),
    ],
)
def test_mistakes(command, rows: Path, words: tuple[str, ...], said: str) -> None:
    done = command("data", "check", rows, *words)
    assert done.exit_code == 2
    assert said in done.stderr.replace("\n", " ")


def test_a_recipe_stands_alone(command, recipe: Path, rows: Path) -> None:
    done = command("data", "check", recipe, rows)
    assert done.exit_code == 2
    assert "checked alone" in done.stderr


def test_sheets_of_a_workbook(command, tmp_path: Path) -> None:
    import pandas as pd

    with pd.ExcelWriter(tmp_path / "book.xlsx") as book:
        for name in ("一", "二"):
            rows = [{"q": f"第{name}{k}问", "a": "甲乙"[k % 2]} for k in range(20)]
            pd.DataFrame(rows).to_excel(book, sheet_name=name, index=False)
    asked = ("data", "check", tmp_path / "book.xlsx", "--prompt", "q", "--response", "a")
    assert "20 rows, 20 samples" in command(*asked).stdout
    assert "20 rows, 20 samples" in command(*asked, "--sheet", "二").stdout
    assert "40 rows, 40 samples" in command(*asked, "--sheet", "*").stdout
    beside = command(*asked, "--sheet", "三")
    assert beside.exit_code == 2
    assert "no sheet" in beside.stderr


def test_a_sheet_needs_a_workbook(command, rows: Path, tmp_path: Path) -> None:
    done = command("data", "check", rows, "--sheet", "*")
    assert done.exit_code == 2
    assert "--sheet" in done.stderr
    recipe = tmp_path / "r.yaml"
    recipe.write_text(
        f"data: {{sources: [{{file: {rows.name}}}], prompt: q, response: a}}\n", encoding="utf-8"
    )
    done = command("data", "check", recipe, "--sheet", "*")
    assert done.exit_code == 2
    assert "sheet" in done.stderr
