"""Files as people have them, through the whole way on a tiny byte-level base."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

import weitiao
from pipeline.conftest import RecipeFile, save_base
from weitiao.pipeline.running import RunResult

SHORT = {"max_steps": 2, "batch_size": 4, "precision": "float32", "learning_rate": 0.01}
RANDOM = {"length": 4, "init": "random"}
ONCE = {"bootstrap": 100, "limit": 3, "before": False, "decode": {"max_new_tokens": 4}}


@pytest.fixture(scope="session")
def wide_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Real texts are hundreds of bytes long: a base with room for them."""
    return save_base(
        tmp_path_factory.mktemp("bases") / "wide", "llama", "roles", max_position_embeddings=4096
    )


@pytest.fixture
def run_on(recipe_file: RecipeFile, wide_base: Path, tmp_path: Path):
    def run(source: dict[str, Any], **data: Any) -> RunResult:
        section = {"sources": [source], "split": {"dev": 0.1, "test": 0.2, "seed": 7}, **data}
        recipe = recipe_file(
            base={"path": str(wide_base)}, data=section, train=SHORT, evaluate=ONCE, method=RANDOM
        )
        shown, format = weitiao.preview(recipe, n=2)
        for example, rendered in shown:
            targets = [i for i, on in zip(rendered.ids, rendered.trained, strict=True) if on]
            assert format.decode(targets) == example.reference
        return weitiao.run(recipe, out=tmp_path / "run")

    return run


def counted(result: RunResult) -> int:
    data = result.report["data"]
    return data["train"] + data["dev"] + data["test"]


@pytest.mark.parametrize(
    ("file", "prompt", "response"),
    [
        ("finance_keywords/keywords_train.json", "question_prompt", "query"),
        ("finance_classify/classify_train.json", "question_prompt", "query"),
    ],
)
def test_finance_files_as_they_are(file: str, prompt: str, response: str, shared: Path, run_on: Any) -> None:
    result = run_on({"file": str(shared / "data" / file), "limit": 40}, prompt=prompt, response=response)
    assert counted(result) == 40
    assert result.report["train"]["steps"] == 2


def test_a_workbook(shared: Path, run_on: Any) -> None:
    file = shared / "data" / "exam_reading" / "训练集-英语.xlsx"
    split = {"dev": 0.0, "test": 0.2, "seed": 0}
    prompt = "{{ 阅读文本 }}\n{{ 选项 }}"
    result = run_on(
        {"file": str(file), "limit": 12}, prompt=prompt, response="答案", truncate="right", split=split
    )
    assert counted(result) == 12
    assert result.report["train"]["steps"] == 2


def test_a_table_in_gb18030(shared: Path, run_on: Any, tmp_path: Path) -> None:
    rows = json.loads((shared / "data" / "finance_keywords" / "keywords_train.json").read_text("utf-8-sig"))[
        :30
    ]
    file = tmp_path / "表格.csv"
    with file.open("w", encoding="gb18030", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["问题", "关键词"])
        writer.writerows([row["question_prompt"], row["query"]] for row in rows)
    result = run_on({"file": str(file)}, prompt="{{ 问题 }}", response="关键词")
    assert counted(result) == 30
    stored = (result.out / "dataset" / "train.jsonl").read_text("utf-8")
    assert json.dumps(rows[0]["query"], ensure_ascii=False) in "".join(
        (result.out / "dataset" / f"{part}.jsonl").read_text("utf-8") for part in ("train", "dev", "test")
    )
    assert "\ufffd" not in stored
