"""Splits from files: time and class are columns or templates, and travel no further than the split."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import pandas
import pytest

from weitiao.config import Recipe
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
