"""ChatGLM-6B through the front door: opened from the official folder, converted, described."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from weitiao.config import BaseConfig
from weitiao.models.convert import convert
from weitiao.models.describe import describe
from weitiao.models.load import Base, load_base

Official = Callable[..., Path]


def opened(folder: Path, **options: Any) -> Base:
    return load_base(
        BaseConfig.model_validate({"path": str(folder), "dtype": "float32", "device": "cpu", **options})
    )


def check(model: Any, cases: Path) -> None:
    values = load_file(cases)
    with torch.no_grad():
        logits = model(input_ids=values["single.input_ids"]).logits
    torch.testing.assert_close(logits, values["single.logits"], rtol=0, atol=1e-4)


@pytest.mark.parametrize(
    ("checkpoint", "way"), [("model", "keep"), ("int8", "keep"), ("int4", "keep"), ("int4", "expand")]
)
def test_load_base(official: Official, reference: Path, checkpoint: str, way: str) -> None:
    base = opened(official("chatglm1", checkpoint), quantised=way)
    name = "cases" if checkpoint == "model" else f"cases_{checkpoint}"
    check(base.model, reference / "chatglm1" / f"{name}.safetensors")
    assert base.describe()["architecture"] == "ChatGLM1ForCausalLM"


_AGAIN = """
import json, sys, torch
import weitiao.models.chatglm1
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer
model = AutoModelForCausalLM.from_pretrained(sys.argv[1], dtype=torch.float32)
cases = load_file(sys.argv[2])
with torch.no_grad():
    difference = (model(input_ids=cases["single.input_ids"]).logits - cases["single.logits"]).abs().max().item()
tokenizer = AutoTokenizer.from_pretrained(sys.argv[1])
print(json.dumps({"difference": difference, "ids": tokenizer("你好")["input_ids"][-2:]}))
"""


def test_convert(official: Official, reference: Path, tmp_path: Path) -> None:
    folder = official("chatglm1")
    result = convert(folder, tmp_path / "out", shard_bytes=100_000)
    assert result.needs == "weitiao"
    by_name = {a.name: a for a in result.tensors}
    assert by_name["lm_head.weight"].became == ("transformer.word_embeddings.weight",)
    assert all(name.endswith("inv_freq") for name in result.dropped)
    kept = [a for a in result.tensors if a.became]
    assert all(a.sha256 == a.sha256_written for a in kept)
    cases = reference / "chatglm1" / "cases.safetensors"
    done = subprocess.run(
        [sys.executable, "-c", _AGAIN, str(tmp_path / "out"), str(cases)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["difference"] < 1e-4
    assert told["ids"] == [130001, 130004]
    again = opened(tmp_path / "out")
    assert again.fingerprint == opened(folder).fingerprint
    check(again.model, cases)
    half = [opened(p, rotary="original").model for p in (folder, tmp_path / "out")]
    ids = torch.arange(5, 90)[None]
    with torch.no_grad():
        first, second = (m(input_ids=torch.cat([ids, torch.tensor([[501, 504]])], 1)).logits for m in half)
    torch.testing.assert_close(first, second, rtol=0, atol=0)


@pytest.mark.parametrize("bits", [4, 8])
def test_convert_a_quantised_release(official: Official, reference: Path, tmp_path: Path, bits: int) -> None:
    convert(official("chatglm1", f"int{bits}"), tmp_path / "out", dtype=torch.float32)
    check(opened(tmp_path / "out").model, reference / "chatglm1" / f"cases_int{bits}.safetensors")


def test_describe(official: Official) -> None:
    folder = official("chatglm1")
    told = describe(str(folder))
    assert told["release"] == "ChatGLM-6B"
    assert told["format"] == "chatglm"
    assert told["parameters"] == opened(folder).num_parameters
