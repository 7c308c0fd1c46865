"""``weitiao data split``: a file in, files of its parts out, without a recipe."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from weitiao.cli import app
from weitiao.config import Recipe, Source, SplitConfig
from weitiao.data import prepare
from weitiao.data.split_file import split_file
from weitiao.errors import WeitiaoError

Rows = list[dict[str, Any]]


def table(count: int) -> Rows:
    return [
        {
            "n": n,
            "question": f"question {n // 2}",
            "kind": "AB"[n % 7 == 0],
            "who": f"w{n // 2 % 23}",
            "year": 2000 + n,
        }
        for n in range(count)
    ]


def divided(folder: Path, rows: Rows, *, prompt: str | None = None, **split: Any) -> dict[str, Rows]:
    (folder / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    config = SplitConfig.model_validate(split)
    done = split_file(Source(file="in.jsonl"), folder / "out", config, prompt=prompt, root=folder)
    written = files_of(folder / "out")
    assert {name: len(found) for name, found in written.items()} == dict(done.parts)
    return written


def files_of(folder: Path) -> dict[str, Rows]:
    return {
        path.stem: [json.loads(line) for line in path.read_text("utf-8").splitlines()]
        for path in sorted(folder.glob("*.jsonl"))
    }


def check_whole(parts: dict[str, Rows], rows: Rows, together: Sequence[str]) -> None:
    """Every row stands once, as it was, in the order of the file; equal values are in one part."""
    assert sorted((row for part in parts.values() for row in part), key=lambda row: row["n"]) == rows
    assert all(part == sorted(part, key=lambda row: row["n"]) for part in parts.values())
    for name in together:
        seen = [{row[name] for row in part} for part in parts.values()]
        assert sum(map(len, seen)) == len(set().union(*seen)), name


@pytest.mark.parametrize(
    "split",
    [
        {"group": "who"},
        {"by": "stratified", "stratify": "kind"},
        {"by": "stratified", "stratify": "kind", "exact": True, "ratio": "6/2/2"},
        {"by": "time", "time": "year"},
        {"near": 0.99},
        {"folds": 4},
        {"folds": 3, "exact": True, "group": "who"},
    ],
)
def test_rows_stay_as_they_are_and_together(split: dict[str, Any], tmp_path: Path) -> None:
    rows = table(300)
    parts = divided(tmp_path, rows, **split)
    check_whole(parts, rows, ["question", *([split["group"]] if "group" in split else [])])
    names = (
        [f"fold-{k}" for k in range(1, split["folds"] + 1)] if "folds" in split else ["dev", "test", "train"]
    )
    assert list(parts) == names


def test_the_parts_are_those_of_a_recipe(tmp_path: Path) -> None:
    rows = table(200)
    split = {"by": "stratified", "stratify": "kind", "group": "who", "dev": 0.2, "test": 0.2}
    parts = divided(tmp_path, rows, **split)
    data = {"sources": [{"file": "in.jsonl"}], "prompt": "question", "response": "kind", "split": split}
    dataset = prepare(Recipe.model_validate({"data": data}), root=tmp_path)
    for name, found in parts.items():
        assert [e.origin.row - 1 for e in getattr(dataset, name) if e.origin] == [row["n"] for row in found]


@settings(max_examples=20, deadline=None)
@given(old=st.integers(60, 120), new=st.integers(0, 80), seed=st.integers(0, 9))
def test_rows_of_an_earlier_split_stay(
    old: int, new: int, seed: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("split")
    rows = table(old + new)
    shares = {"dev": 0.2, "test": 0.2, "seed": seed, "exact": True}
    before = divided(folder, rows[:old], **shares)
    (folder / "out").rename(folder / "first")
    after = divided(folder, rows, keep="first", **shares)
    for name, found in before.items():
        assert [row for row in after[name] if row["n"] < old] == found


def test_a_new_split_leaves_nothing_of_the_old_one(tmp_path: Path) -> None:
    divided(tmp_path, table(60), folds=5)
    (tmp_path / "out" / "mine.jsonl").write_text('{"n": 1}\n', "utf-8")
    parts = files_of(tmp_path / "out")
    assert "fold-5" in parts
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in table(60)), "utf-8")
    split_file(Source(file="in.jsonl"), tmp_path / "out", SplitConfig(dev=0, test=0.2), root=tmp_path)
    assert set(files_of(tmp_path / "out")) == {"mine", "test", "train"}


@pytest.mark.parametrize(
    ("split", "said"),
    [
        ({"group": "nobody"}, '--group: "nobody" is no column'),
        ({"by": "stratified", "stratify": "question"}, "--stratify to the column of the class"),
        ({"by": "time", "time": "kind"}, "--time: the time of 40 rows cannot be read"),
        ({"dev": 0.01, "test": 0.01}, "the split leaves dev empty"),
        ({"keep": "nowhere"}, "--keep: .*no earlier split"),
        ({"by": "stratified"}, "--by stratified: which column is the class"),
        ({"folds": 3, "ratio": "8:1:1"}, "--ratio is about train, dev and test"),
        ({"group": "{{ who.a.b }}"}, "row 1: --group"),
    ],
)
def test_what_does_not_fit_is_said_and_nothing_written(
    split: dict[str, Any], said: str, tmp_path: Path
) -> None:
    with pytest.raises(WeitiaoError, match=said) as caught:
        divided(tmp_path, table(40), **split)
    assert "data.split" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_a_folder_with_other_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "train.jsonl").write_text("mine", "utf-8")
    with pytest.raises(WeitiaoError, match="no earlier split"):
        divided(tmp_path, table(40))
    assert (tmp_path / "out" / "train.jsonl").read_text("utf-8") == "mine"


def test_the_command(tmp_path: Path) -> None:
    source, out = tmp_path / "in.jsonl", tmp_path / "out"
    source.write_text("".join(json.dumps(row) + "\n" for row in table(200)), "utf-8")

    def call(*words: object) -> Any:
        arguments = ["data", "split", source, "--out", out, *words]
        return CliRunner().invoke(app, list(map(str, arguments)), prog_name="weitiao")

    done = call("--ratio", "8:1:1", "--stratify", "kind", "--exact")
    assert done.exit_code == 0, done.output
    assert "train 160, dev 20, test 20" in done.output
    assert "rows with the same `question` stay together" in done.output
    assert "  A: train 13" in done.output
    assert Counter(row["kind"] for row in files_of(out)["test"])["B"] in (2, 3, 4)
    for words, said in (
        (("--ratio", "8:1"), "expected three numbers"),
        (("--near", 2), "--near: Input should be less than or equal to 1"),
        (("--folds", 3, "--keep", out), "leave out `folds`"),
    ):
        done = call(*words)
        assert done.exit_code == 2, done.output
        assert said in done.output.replace("\n", " ")


def test_an_empty_class_has_a_name_in_the_warning(tmp_path: Path) -> None:
    rows = [*table(40), {**table(1)[0], "question": "another", "kind": ""}]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    config = SplitConfig.model_validate({"by": "stratified", "stratify": "kind", "dev": 0.1, "test": 0.1})
    done = split_file(tmp_path / "in.jsonl", tmp_path / "out", config)
    assert any(text.endswith("to be in every part: (empty)") for text in done.warnings)


def test_all_sheets_of_a_workbook(tmp_path: Path) -> None:
    import pandas as pd

    rows = table(60)
    with pd.ExcelWriter(tmp_path / "book.xlsx") as book:
        for name, some in (("a", rows[:30]), ("b", rows[30:])):
            pd.DataFrame(some).to_excel(book, sheet_name=name, index=False)
    options = ["--sheet", "*", "--out", str(tmp_path / "out")]
    done = CliRunner().invoke(app, ["data", "split", str(tmp_path / "book.xlsx"), *options])
    assert done.exit_code == 0, done.output
    files = (tmp_path / "out").glob("*.jsonl")
    written = [json.loads(line) for file in files for line in file.read_text("utf-8").splitlines()]
    assert sorted(row["n"] for row in written) == list(range(60))
