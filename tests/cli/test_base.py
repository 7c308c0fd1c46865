"""``weitiao base``."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bases import tiny_base
from builders import chat_tokenizer
from weitiao.cli.app import app


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    tokenizer = chat_tokenizer()
    tiny_base("qwen2", vocab_size=len(tokenizer)).save_pretrained(tmp_path / "base")
    tokenizer.save_pretrained(tmp_path / "base")
    return tmp_path / "base"


def test_show(folder: Path) -> None:
    result = CliRunner().invoke(app, ["base", "show", str(folder)])
    assert result.exit_code == 0, result.output
    for said in ("qwen2", "MiB in bfloat16", "template"):
        assert said in result.stdout
    as_json = json.loads(CliRunner().invoke(app, ["base", "show", str(folder), "--json"]).stdout)
    assert as_json["layers"] == 2
    assert as_json["memory_bytes"]["float32"] == 2 * as_json["memory_bytes"]["float16"]


def test_show_what_is_not_there() -> None:
    result = CliRunner().invoke(app, ["base", "show", "./nothing"])
    assert result.exit_code == 2
    assert "is no folder" in result.stderr


def test_convert_refuses_what_is_not_official(folder: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["base", "convert", str(folder), str(tmp_path / "out")])
    assert result.exit_code == 2
    assert "qwen2" in result.stderr
    assert not (tmp_path / "out").exists()


def test_convert(shared: Path, tmp_path: Path) -> None:
    reference = shared / "reference"
    if not reference.is_dir():
        pytest.skip("the reference values of the original ChatGLM code are not here")
    official = tmp_path / "official"
    shutil.copytree(reference / "chatglm2" / "model", official)
    for name in ("tokenizer.model", "tokenizer_config.json"):
        shutil.copy(reference / "tokenizers" / "chatglm2-6b" / name, official)
    result = CliRunner().invoke(app, ["base", "convert", str(official), str(tmp_path / "out")])
    assert result.exit_code == 0, result.output
    assert "written bit for bit" in result.stdout
    assert (tmp_path / "out" / "model.safetensors").is_file()
    shown = CliRunner().invoke(app, ["base", "show", str(tmp_path / "out"), "--json"]).stdout
    assert json.loads(shown)["converted_from"] == "ChatGLM2-6B"
