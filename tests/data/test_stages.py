"""The whole data room: files and a recipe in, a data set and its card out."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from weitiao.config import Recipe
from weitiao.data import dataset_hash, fit_dataset, load, make_fitter, prepare, save
from weitiao.errors import DataError
from weitiao.types import Dataset, Example


def write(path: Path, rows: list[dict[str, Any]]) -> str:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path.name


def rows(num: int, name: str = "q") -> list[dict[str, Any]]:
    return [{"id": k, "prompt": f"{name}{k}", "response": "ab"[k % 2]} for k in range(num)]


def make(root: Path, fitter: Any = None, **data: Any) -> Dataset:
    return prepare(Recipe.model_validate({"data": data}), root=root, fitter=fitter)


def count(example: Example) -> int:
    return sum(len(m.content) for m in example.messages)


def test_the_card_accounts_for_every_row(tmp_path: Path) -> None:
    table = [
        *rows(60),
        {"prompt": "", "response": "x"},
        {"prompt": "q1", "response": "b"},
        {"prompt": "q1", "response": "c"},
    ]
    dataset = make(tmp_path, sources=[{"file": write(tmp_path / "x.jsonl", table)}], on_empty="drop")
    card = dataset.card
    read, build, split = card["steps"]
    assert (read["in"], read["out"], build["in"], build["out"], split["in"]) == (63, 63, 63, 62, 62)
    (drop,) = build["dropped"]
    assert (drop["reason"], drop["count"], drop["examples"]) == ("empty prompt", 1, ["x.jsonl, row 61"])
    assert len(drop["texts"]) == 1
    assert sum(part["examples"] for part in card["parts"].values()) == 62
    assert (card["duplicates"]["count"], card["duplicates"]["identical"]) == (2, 1)
    assert (card["conflicts"]["count"], card["conflicts"]["rows"]) == (1, 3)
    assert card["leaks"]["count"] == 0
    assert card["labels"] == {"b": 31, "a": 30, "c": 1}
    assert card["lengths"]["prompt"] == {"median": 3, "p95": 3, "max": 3}
    assert card["columns"] == {"x.jsonl": ["id", "prompt", "response"]}
    assert card["sha256"] == dataset_hash(dataset)
    assert card["sources"][0]["encoding"] == "utf-8"
    assert str(tmp_path) not in json.dumps(card)


def test_saved_and_loaded_is_equal_and_runs_are_equal(tmp_path: Path) -> None:
    source = {"file": write(tmp_path / "x.jsonl", rows(60))}
    dataset = make(tmp_path, sources=[source])
    save(dataset, tmp_path / "out")
    assert load(tmp_path / "out") == dataset == make(tmp_path, sources=[source])


def test_parts_from_files_and_their_leaks(tmp_path: Path) -> None:
    train = {"file": write(tmp_path / "train.jsonl", rows(5))}
    test = {"file": write(tmp_path / "test.jsonl", rows(2) + rows(3, "other"))}
    dataset = make(tmp_path, train=[train], test=[test])
    assert (len(dataset.train), len(dataset.dev), len(dataset.test)) == (5, 0, 5)
    leaks = dataset.card["leaks"]
    assert (leaks["count"], leaks["rows"]) == (2, {"train": 2, "dev": 0, "test": 2})
    assert leaks["examples"][0]["origins"] == {"train": ["train.jsonl, row 1"], "test": ["test.jsonl, row 1"]}
    assert any("2 prompts stand in more than one part" in warning for warning in dataset.card["warnings"])


def test_sources_with_different_columns(tmp_path: Path) -> None:
    one = {"file": write(tmp_path / "one.jsonl", rows(30))}
    two = {"file": write(tmp_path / "two.jsonl", [{"q": f"two {k}", "a": "x"} for k in range(30)])}
    with pytest.raises(DataError) as caught:
        make(tmp_path, sources=[one, two])
    message = str(caught.value)
    assert "two.jsonl has 2 problems" in message
    assert '"prompt" is no column and no template; columns: q, a; one.jsonl has it' in message
    with pytest.raises(DataError, match=r'unknown field "prompt"; columns: q, a; one\.jsonl has it'):
        make(tmp_path, sources=[one, two | {"response": "a"}], prompt="{{ prompt }}")
    dataset = make(tmp_path, sources=[one, two | {"prompt": "q", "response": "a"}])
    assert sum(part["examples"] for part in dataset.card["parts"].values()) == 60


def test_problems_of_all_files_in_one_error(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text("{\n")
    with pytest.raises(DataError) as caught:
        make(tmp_path, sources=[{"file": "a.jsonl"}, {"file": "b.jsonl"}])
    assert "a.jsonl: row 1: not JSON" in str(caught.value)
    assert "b.jsonl: no such file" in str(caught.value)


def test_conflicts_as_an_error(tmp_path: Path) -> None:
    table = [*rows(30), {"prompt": "q1", "response": "other"}]
    source = {"file": write(tmp_path / "x.jsonl", table)}
    with pytest.raises(DataError, match=r"'b' \(x.jsonl, row 2\) / 'other' \(x.jsonl, row 31\)"):
        make(tmp_path, sources=[source], on_conflict="error")


def test_cuts_come_before_the_split_and_are_counted(tmp_path: Path) -> None:
    long = [{"prompt": f"{'x' * 30}{k}", "response": "a"} for k in range(100)]
    source = {"file": write(tmp_path / "x.jsonl", rows(60) + long)}
    cut = make(tmp_path, make_fitter(count, 20, "right"), sources=[source], truncate="right")
    step = next(s for s in cut.card["steps"] if s["name"] == "fit")
    assert step["truncated"]["count"] == 100
    assert step["truncated"]["characters"] == sum(len(row["prompt"]) - 19 for row in long)
    assert step["truncated"]["examples"][0] == {"origin": "x.jsonl, row 61", "characters": 12, "tokens": 20}
    assert cut.card["leaks"]["count"] == 0  # the cut prompts are all alike, and in one part
    with pytest.raises(DataError, match="100 samples are longer than 20 tokens"):
        make(tmp_path, make_fitter(count, 20), sources=[source])


def test_fitting_a_prepared_data_set(tmp_path: Path) -> None:
    dataset = make(tmp_path, sources=[{"file": write(tmp_path / "x.jsonl", rows(60))}])
    same = fit_dataset(dataset, count, 20)
    assert (same.train, same.dev, same.test) == (dataset.train, dataset.dev, dataset.test)
    cut = fit_dataset(dataset, count, 2, "right")
    assert {e.messages[0].content for e in cut.train} == {"q"}
    assert cut.card["leaks"]["count"] == 1
    assert cut.card["sha256"] == dataset_hash(cut)
    assert [s["name"] for s in cut.card["steps"]] == ["read", "build", "split", "fit"]


def test_masked_groups_stay_together(tmp_path: Path) -> None:
    table = [
        {"prompt": f"{name}{year}?", "response": "a"}
        for name in "abcdefghijklmnopqrstuvwxyz"
        for year in range(5)
    ]
    source = {"file": write(tmp_path / "x.jsonl", table)}
    dataset = make(tmp_path, sources=[source], split={"mask": {}, "dev": 0.2, "test": 0.2})
    assert sum(part["groups"] for part in dataset.card["parts"].values()) == 26


def test_data_room_loads_nothing_heavy() -> None:
    heavy = ("torch", "transformers", "pandas", "pyarrow", "openpyxl")
    code = f"import sys, weitiao.data; print([m for m in {heavy} if m in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("file", "prompt", "duplicates", "conflicts"),
    [
        ("finance_keywords/keywords_train.json", "question", 171, 32),
        ("finance_classify/classify_train.json", "question", 7, 0),
    ],
)
def test_real_duplicates_and_conflicts(
    shared: Path, file: str, prompt: str, duplicates: int, conflicts: int
) -> None:
    dataset = make(shared / "data", sources=[{"file": file}], prompt=prompt, response="query")
    assert dataset.card["duplicates"]["count"] == duplicates
    assert dataset.card["conflicts"]["count"] == conflicts
    assert dataset.card["leaks"]["count"] == 0


def test_real_leak_of_a_published_validation_set(shared: Path) -> None:
    files = {
        part: [{"file": f"finance_nl2sql/nl2sql_{name}.json"}]
        for part, name in (("train", "train"), ("test", "valid"))
    }
    dataset = make(shared / "data", **files, prompt="prompt", response="sql")
    assert dataset.card["leaks"]["rows"]["test"] == len(dataset.test) == 86


def test_real_workbook(shared: Path) -> None:
    dataset = make(
        shared / "data",
        sources=[{"file": "exam_reading/训练集-英语.xlsx"}],
        prompt="{{ 阅读文本 }}",
        response="{{ 选项 }}{{ 答案 }}",
    )
    assert sum(part["examples"] for part in dataset.card["parts"].values()) == 114
    assert dataset.card["sources"][0]["sheet"] == "Sheet1"
