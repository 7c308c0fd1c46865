"""Large data go the way of small ones: the same folder whatever is held in memory, and no trace of files between."""

from __future__ import annotations

import gc
import json
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest

from weitiao.config import Recipe
from weitiao.data import fit_dataset, load, make_fitter, prepare, save
from weitiao.errors import DataError
from weitiao.recipe import load_recipe
from weitiao.types import Example

RECIPES = Path(__file__).resolve().parents[2] / "recipes"
EVERYTHING = 1_000_000


def write(path: Path, rows: list[dict[str, Any]]) -> str:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path.name


def rows(num: int) -> list[dict[str, Any]]:
    """With repeated and contradictory ones, long ones, and columns that come late."""
    return [
        {
            "prompt": f"第{k % 71}个  <b>问题</b>{'长' * (k % 90)}",
            "response": "甲乙丙"[k % 3] + ("。" if k == 7 else ""),
            **({"id": k} if k > 30 else {}),
            **({"kind": f"k{k % 7}"} if k % 2 else {}),
        }
        for k in range(num)
    ]


def content(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in sorted(folder.iterdir())}


FIXES = {
    "error_targets": "drop",
    "markup": "strip",
    "spacing": "collapse",
    "labels": "strip",
    "separators": "majority",
    "endings": "strip",
    "contradictions": "majority",
    "duplicates": "drop",
}
DATA: dict[str, dict[str, Any]] = {
    "plain": {},
    "masked": {"split": {"mask": {}, "dev": 0.2, "test": 0.2}},
    "fixes": {"fix": FIXES},
    "dropped contradictions": {"fix": {"contradictions": "drop"}},
    "template": {"prompt": '{{ kind | default("none") }}: {{ prompt }}', "system": "说一个字。"},
    "steps": {"steps": [{"kind": "deduplicate"}, {"kind": "noise"}]},
    "stratified": {"split": {"by": "stratified"}},
    "same": {"split": {"same": True}},
}


def length(example: Example) -> int:
    return sum(len(m.content) for m in example.messages)


@pytest.mark.parametrize("name", DATA)
def test_what_is_held_in_memory_makes_no_difference(name: str, tmp_path: Path) -> None:
    files = [write(tmp_path / "one.jsonl", rows(150)), write(tmp_path / "two.jsonl", rows(60))]
    data = {"sources": [{"file": file} for file in files], "truncate": "left", **DATA[name]}
    recipe = Recipe.model_validate({"data": data})
    folders = []
    for in_memory in (EVERYTHING, 40, 1):
        folder = tmp_path / str(in_memory) / "set"
        fitter = make_fitter(length, 60, "left")
        save(prepare(recipe, root=tmp_path, fitter=fitter, in_memory=in_memory), folder)
        folders.append(content(folder))
    assert folders[0] == folders[1] == folders[2]


@pytest.mark.parametrize("name", ["demo_classify", "demo_keywords", "quickstart"])
def test_the_recipes_give_the_same_folder(name: str, tmp_path: Path) -> None:
    resolved = load_recipe(RECIPES / f"{name}.yaml")
    for in_memory in (EVERYTHING, 1):
        dataset = prepare(resolved.value, root=resolved.root, in_memory=in_memory)
        save(dataset, tmp_path / str(in_memory) / "set")
        assert load(tmp_path / str(in_memory) / "set") == dataset
    assert content(tmp_path / "1" / "set") == content(tmp_path / str(EVERYTHING) / "set")


def test_parts_in_files_and_a_later_limit(tmp_path: Path) -> None:
    train, test = write(tmp_path / "train.jsonl", rows(90)), write(tmp_path / "test.jsonl", rows(20))
    recipe = Recipe.model_validate({"data": {"train": [{"file": train}], "test": [{"file": test}]}})
    small, large = (prepare(recipe, root=tmp_path, in_memory=number) for number in (EVERYTHING, 3))
    assert small == large
    assert fit_dataset(small, length, 60, "right") == fit_dataset(large, length, 60, "right")
    assert large.train[:3] == small.train[:3]
    assert large.card["leaks"]["count"] == 20


def test_columns_of_later_rows_count(tmp_path: Path) -> None:
    table = [{"q": "a", "prompt": "p1"}, {"prompt": "p2", "response": "x"}, {"q": "b", "prompt": "p3"}]
    file = write(tmp_path / "x.jsonl", table)
    section = {"train": [{"file": file}], "response": "response", "on_empty": "drop"}
    dataset = prepare(Recipe.model_validate({"data": section}), root=tmp_path)
    assert [e.prompt[0].content for e in dataset.train] == ["p2"]
    (tmp_path / "x.jsonl").write_text((tmp_path / "x.jsonl").read_text() + "[]\n")
    with pytest.raises(DataError, match="row 4: expected an object"):  # the file's own fault comes first
        prepare(Recipe.model_validate({"data": {**section, "response": "nowhere"}}), root=tmp_path)


def held() -> int:
    return sum(type(thing) is Example for thing in gc.get_objects())


def test_examples_are_not_held(tmp_path: Path) -> None:
    file = write(tmp_path / "x.jsonl", rows(5000))
    gc.collect()
    before, seen = held(), list[int]()
    data = {"sources": [{"file": file}], "fix": FIXES, "steps": [{"kind": "noise", "share": 0.1}]}
    dataset = prepare(
        Recipe.model_validate({"data": data | {"fix": {"spacing": "collapse"}}}),
        root=tmp_path,
        in_memory=100,
        progress=lambda stage, number: seen.append(held() - before),
    )
    assert sum(map(len, (dataset.train, dataset.dev, dataset.test))) > 5000
    assert len(seen) > 15
    assert max(seen) < 700  # several stages of 100 and the blocks that are read; all of them would be 5,000
    save(dataset, tmp_path / "set", progress=lambda stage, number: seen.append(held() - before))
    assert max(seen) < 700


def temporaries(folder: Path) -> list[str]:
    """What lies in the folder for temporary files, with a name or without."""
    names = [str(path) for path in folder.iterdir()]
    for fd in Path("/proc/self/fd").iterdir():
        try:
            names.append(os.readlink(fd))
        except OSError:
            continue
    return [name for name in names if name.startswith(str(folder))]


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs /proc")
@pytest.mark.parametrize("end", ["done", "error", "interrupted", "interrupted writing"])
def test_no_files_are_left(end: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, out = tmp_path / "temporary", tmp_path / "set"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    during = list[int]()
    file = write(tmp_path / "x.jsonl", rows(3000))
    if end == "error":
        (tmp_path / "x.jsonl").write_text((tmp_path / "x.jsonl").read_text() + "{\n")

    def progress(stage: str, number: int) -> None:
        during.append(len(temporaries(folder)))
        if (end, stage) in (("interrupted", "card"), ("interrupted writing", "write")):
            raise KeyboardInterrupt

    def run() -> None:
        recipe = Recipe.model_validate({"data": {"sources": [{"file": file}]}})
        save(prepare(recipe, root=tmp_path, in_memory=10, progress=progress), out, progress=progress)

    if end == "done":
        run()
    else:
        with pytest.raises((DataError, KeyboardInterrupt)):
            run()
    gc.collect()
    assert max(during) > 0
    assert temporaries(folder) == []
    assert (out.is_dir() and len(list(out.iterdir())) == 5) == (end == "done")
    assert not list(out.iterdir()) if out.is_dir() and end != "done" else True
