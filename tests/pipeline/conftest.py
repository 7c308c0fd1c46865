"""Saved tiny bases, made-up rows, and recipes over them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from typer.testing import CliRunner

from bases import tiny_base
from builders import chat_tokenizer
from weitiao.cli import app

torch.set_num_threads(1)

VOCABULARY = 320
CITIES = ("Beijing", "Shanghai", "Shenzhen")
PROMPT = "Please answer in one word: {{ question }}"

RecipeFile = Callable[..., Path]
Rows = list[dict[str, Any]]


def save_base(folder: Path, family: str, template: str | None, **changes: Any) -> Path:
    """A tiny base with its tokenizer in `folder`."""
    tokenizer = chat_tokenizer(template, VOCABULARY)
    stop = tokenizer.eos_token_id
    sizes = {"vocab_size": VOCABULARY, "eos_token_id": stop, "pad_token_id": stop, "bos_token_id": None}
    tiny_base(family, **{**sizes, **changes}).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def base_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Llama shape with a chat template, float32."""
    return save_base(tmp_path_factory.mktemp("bases") / "llama", "llama", "roles")


@pytest.fixture(scope="session")
def base_folder_gpt2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A GPT-2 shape without a chat template, float32."""
    return save_base(tmp_path_factory.mktemp("bases") / "gpt2", "gpt2", None)


@pytest.fixture(scope="session")
def rows() -> Rows:
    """Thirty made-up questions, each with its own prompt."""
    return [
        {"no": n, "question": f"公司{n}号 is in which city?", "answer": CITIES[n % len(CITIES)]}
        for n in range(30)
    ]


@pytest.fixture
def write_rows() -> Callable[[Path, Rows], Path]:
    """Rows into a file; its suffix is the format."""
    return save_rows


def save_rows(path: Path, rows: Rows) -> Path:
    """Write json, jsonl, csv or xlsx."""
    if path.suffix == ".json":
        path.write_text(json.dumps(rows, ensure_ascii=False), "utf-8")
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    else:
        import pandas

        frame = pandas.DataFrame(rows)
        frame.to_excel(path, index=False) if path.suffix == ".xlsx" else frame.to_csv(path, index=False)
    return path


def recipe_of(base: Path, file: Path, changes: Mapping[str, Any]) -> dict[str, Any]:
    """A recipe of a few steps in float32; `changes` go over it section by section."""
    sections: dict[str, Any] = {
        "name": "tiny",
        "base": {"path": str(base), "device": "cpu", "dtype": "float32"},
        "data": {
            "sources": [{"file": str(file)}],
            "prompt": PROMPT,
            "response": "answer",
            "split": {"dev": 0.2, "test": 0.3, "seed": 7},
        },
        "method": {"length": 4},
        "train": {
            "max_steps": 3,
            "batch_size": 4,
            "learning_rate": 0.05,
            "precision": "float32",
            "save_steps": 2,
        },
        "evaluate": {"bootstrap": 100, "decode": {"max_new_tokens": 6}},
        "seed": 3,
    }
    for name, change in changes.items():
        is_section = isinstance(change, Mapping) and isinstance(sections.get(name), Mapping)
        sections[name] = {**sections[name], **change} if is_section else change
    return sections


def write_recipe(
    folder: Path, default_base: Path, rows: Rows, suffix: str = ".json", /, **changes: Any
) -> Path:
    """Rows and a recipe over them in `folder`; the recipe's path."""
    folder.mkdir(parents=True, exist_ok=True)
    save_rows(folder / f"rows{suffix}", rows)
    path = folder / "recipe.yaml"
    recipe = recipe_of(default_base, Path(f"rows{suffix}"), changes)
    path.write_text(yaml.safe_dump(recipe, allow_unicode=True), "utf-8")
    return path


@pytest.fixture
def recipe_file(tmp_path: Path, base_folder: Path, rows: Rows) -> RecipeFile:
    """``recipe_file(method={...}, base={...})`` writes rows and a recipe; `rows` and `suffix` may be changed."""

    def make(*, rows: Rows = rows, suffix: str = ".json", folder: Path = tmp_path, **changes: Any) -> Path:
        return write_recipe(folder, base_folder, rows, suffix, **changes)

    return make


@pytest.fixture
def command() -> Callable[..., Any]:
    """The command line in this process: ``command("run", path)`` with ``exit_code``, ``stdout``, ``stderr``."""

    def call(*arguments: object) -> Any:
        return CliRunner().invoke(app, [str(a) for a in arguments], prog_name="weitiao")

    return call
