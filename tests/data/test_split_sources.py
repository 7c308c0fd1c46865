"""Splits from files: time and class are columns or templates, and travel no further than the split."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

import pandas
import pytest
from pydantic import ValidationError

from weitiao.config import DataConfig, Recipe
from weitiao.data import load, prepare, save
from weitiao.errors import DataError
from weitiao.types import Dataset


def frame(n: int = 40) -> pandas.DataFrame:
    days = [datetime.datetime(2021, 1, 1) + datetime.timedelta(days=10 * k) for k in range(n)]
    return pandas.DataFrame(
        {
            "q": [f"question {k}" for k in range(n)],
            "a": [f"a whole sentence {k}" for k in range(n)],
            "day": days,
            "year": [day.year for day in days],
            "month": [f"{day.month}月" for day in days],
            "kind": ["ABC"[k % 3] for k in range(n)],
        }
    )


def made(folder: Path, suffix: str = ".xlsx", **split: Any) -> Dataset:
    file = folder / f"rows{suffix}"
    if suffix == ".xlsx":
        frame().to_excel(file, index=False)
    else:
        frame().to_csv(file, index=False)
    data = {"sources": [{"file": file.name}], "prompt": "q", "response": "a", "split": split}
    return prepare(Recipe.model_validate({"data": data}), root=folder)


def split_step(dataset: Dataset) -> dict[str, Any]:
    return next(step for step in dataset.card["steps"] if step["name"] == "split")


@pytest.mark.parametrize("suffix", [".xlsx", ".csv"])
@pytest.mark.parametrize("time", ["day", "{{ year }}年{{ month }}"])
def test_by_time_from_files(suffix: str, time: str, tmp_path: Path) -> None:
    dataset = made(tmp_path, suffix, by="time", time=time, dev_from="2021-10", test_from=2022)
    asked = [
        [int(e.prompt[0].content.split()[1]) for e in part]
        for part in (dataset.train, dataset.dev, dataset.test)
    ]
    assert asked == [list(range(28)), list(range(28, 37)), list(range(37, 40))]
    assert split_step(dataset)["test_from"] == "2022-01-01"


def test_the_class_is_a_column(tmp_path: Path) -> None:
    dataset = made(tmp_path, by="stratified", stratify="kind", ratio="6/2/2")
    classes = split_step(dataset)["classes"]
    assert set(classes) == {"A", "B", "C"}
    assert all(all(found.values()) for found in classes.values())
    with pytest.raises(DataError, match="needs classes"):
        made(tmp_path, by="stratified")


def test_what_the_split_needed_is_not_stored(tmp_path: Path) -> None:
    dataset = made(tmp_path, by="time", time="day")
    assert all(not e.meta for part in (dataset.train, dataset.dev, dataset.test) for e in part)
    save(dataset, tmp_path / "set")
    assert load(tmp_path / "set") == dataset


def test_cuts_of_the_card_give_the_same_parts(tmp_path: Path) -> None:
    first = made(tmp_path, by="time", time="day", ratio="8/1/1")
    cuts = {name: split_step(first)[name] for name in ("dev_from", "test_from")}
    again = made(tmp_path, by="time", time="day", **cuts)
    assert (again.train, again.dev, again.test) == (first.train, first.dev, first.test)
    assert [len(part) for part in (first.train, first.dev, first.test)] == [32, 4, 4]


def test_an_unknown_column_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r'split\.time: "date" is no column') as caught:
        made(tmp_path, by="time", time="date")
    assert "day" in str(caught.value)


def test_without_a_fold_the_first_is_shown_and_said(tmp_path: Path) -> None:
    shown, first = made(tmp_path, folds=4), made(tmp_path, folds=4, fold=1)
    assert shown.test == first.test
    assert "fold 1 of 4" in shown.card["warnings"][0]
    assert first.card["warnings"] == []
    assert sum(split_step(first)["fold_rows"]) == 40


def test_folds_of_equal_rows_have_their_content_in_common(tmp_path: Path) -> None:
    contents = {split_step(made(tmp_path, folds=3, fold=fold))["content"] for fold in (1, 2, 3)}
    assert len(contents) == 1


def written(folder: Path, files: dict[str, list[dict[str, Any]]], data: dict[str, Any]) -> Dataset:
    for name, rows in files.items():
        (folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return prepare(Recipe.model_validate({"data": data}), root=folder)


def parts_of_origins(dataset: Dataset) -> dict[tuple[str, int], str]:
    return {
        (e.origin.file, e.origin.row): name
        for name in ("train", "dev", "test")
        for e in getattr(dataset, name)
        if e.origin is not None
    }


def test_sources_with_other_columns_have_a_group_class_and_time_of_their_own(tmp_path: Path) -> None:
    """Two files with different columns are split as one file in which the columns have one name."""
    rows = [(f"question {k}", f"c{k % 17}", "AB"[k % 2], str(2000 + k)) for k in range(120)]
    columns = {"a.jsonl": ("q", "company", "kind", "year"), "b.jsonl": ("text", "author", "label", "when")}
    files = {
        name: [dict(zip(names, row, strict=True)) for row in rows[n::2]]
        for n, (name, names) in enumerate(columns.items())
    }
    one = {
        name: [dict(zip(columns["a.jsonl"], row, strict=True)) for row in rows[n::2]]
        for n, name in enumerate(columns)
    }
    for by, shared, own in (
        ("hash", {"group": "company"}, {"group": "author"}),
        ("stratified", {"group": "company", "stratify": "kind"}, {"group": "author", "stratify": "label"}),
        ("time", {"time": "year"}, {"time": "when"}),
    ):
        first = {"file": "a.jsonl", "prompt": "q", "response": "kind"}
        second = {"file": "b.jsonl", "prompt": "text", "response": "label", **own}
        split = {"by": by, "dev": 0.2, "test": 0.2, **shared}
        apart = written(tmp_path, files, {"sources": [first, second], "split": split})
        alike = written(tmp_path, one, {"sources": [first, {**first, "file": "b.jsonl"}], "split": split})
        assert parts_of_origins(apart) == parts_of_origins(alike), by


def test_a_column_of_a_source_that_is_not_there_is_named(tmp_path: Path) -> None:
    rows = {"a.jsonl": [{"q": "x", "a": "y"}], "b.jsonl": [{"q": "z", "a": "y", "author": "n"}]}
    sources = [{"file": "a.jsonl", "group": "autor"}, {"file": "b.jsonl", "group": "author"}]
    with pytest.raises(DataError, match=r'a\.jsonl: group: "autor" is no column'):
        written(tmp_path, rows, {"sources": sources, "prompt": "q", "response": "a"})
    shared = {"sources": [{"file": name} for name in rows], "prompt": "q", "response": "a"}
    with pytest.raises(DataError, match="give sources with other columns a `group` of their own"):
        written(tmp_path, rows, {**shared, "split": {"group": "author"}})


@pytest.mark.parametrize("name", ["group", "stratify", "time"])
def test_a_column_of_a_source_that_nobody_asks_for_is_refused(name: str) -> None:
    with pytest.raises(ValidationError, match=f"`{name}` of a source goes with"):
        DataConfig.model_validate({"train": [{"file": "a.jsonl", name: "x"}]})


def test_rows_without_group_or_class_are_counted(tmp_path: Path) -> None:
    rows = [
        {
            "q": f"q{k}",
            "a": "answer",
            "who": f"w{k}" if k % 4 else " ",
            "kind": "AB"[k % 2] if k % 5 else None,
        }
        for k in range(40)
    ]
    data = {"sources": [{"file": "a.jsonl"}], "prompt": "q", "response": "a"}
    split = {"by": "stratified", "stratify": "kind", "group": "who", "dev": 0.2, "test": 0.2}
    dataset = written(tmp_path, {"a.jsonl": rows}, {**data, "split": split})
    found = split_step(dataset)
    assert (found["rows_without_group"], found["rows_without_class"]) == (10, 8)
    said = "\n".join(dataset.card["warnings"])
    assert "10 rows with no group (`who` is empty there)" in said
    assert "8 rows with no class (`kind` is empty there)" in said
    assert len(set(parts_of_origins(dataset).values())) == 3  # rows without a group are not one group


def test_rounds_of_a_dialogue_without_a_group_stay_together(tmp_path: Path) -> None:
    def turns(n: int) -> list[dict[str, str]]:
        return [
            {"role": role, "content": f"{role} {n} {k}"} for k in range(6) for role in ("user", "assistant")
        ]

    rows = [{"who": "" if n % 2 else f"w{n}", "messages": turns(n)} for n in range(30)]
    data = {"sources": [{"file": "a.jsonl"}], "split": {"group": "who", "dev": 0.2, "test": 0.2}}
    dataset = written(tmp_path, {"a.jsonl": rows}, data)
    parts: dict[int, set[str]] = {}
    for name in ("train", "dev", "test"):
        for e in getattr(dataset, name):
            parts.setdefault(e.origin.row, set()).add(name)
    assert len(parts) == 30
    assert all(len(found) == 1 for found in parts.values())
