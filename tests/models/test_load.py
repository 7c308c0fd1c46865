"""Opening a base: every family of transformers with all of its weights, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from bases import FAMILIES, tiny_base
from builders import chat_tokenizer
from weitiao.config import BaseConfig
from weitiao.errors import ModelError
from weitiao.models.load import Base, fingerprint, load_base


def saved(family: str, folder: Path) -> Any:
    """A tiny base with a tokenizer in a folder."""
    tokenizer = chat_tokenizer()
    model = tiny_base(family, vocab_size=len(tokenizer))
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return model


def opened(folder: Path, **options: Any) -> Base:
    return load_base(
        BaseConfig.model_validate({"path": str(folder), "dtype": "float32", "device": "cpu", **options})
    )


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_opens(family: str, tmp_path: Path) -> None:
    model = saved(family, tmp_path)
    base = opened(tmp_path)
    ids = torch.arange(3, 40)[None]
    with torch.no_grad():
        torch.testing.assert_close(base.model(input_ids=ids).logits, model(input_ids=ids).logits)
    assert base.fingerprint == fingerprint(model)
    assert base.num_parameters == sum(p.numel() for p in model.parameters())
    assert "rotary" not in base.describe()


def test_a_missing_weight_is_not_made_up(tmp_path: Path) -> None:
    saved("llama", tmp_path)
    path = tmp_path / "model.safetensors"
    tensors = load_file(path)
    tensors.pop("model.layers.1.mlp.down_proj.weight")
    save_file(tensors, path, {"format": "pt"})
    with pytest.raises(ModelError, match=r"layers\.1\.mlp\.down_proj"):
        opened(tmp_path)


def test_original_angles_are_for_chatglm(tmp_path: Path) -> None:
    saved("qwen2", tmp_path)
    with pytest.raises(ModelError, match=r"base\.rotary"):
        opened(tmp_path, rotary="original")


def test_an_unknown_architecture_asks_for_no_code(tmp_path: Path) -> None:
    saved("llama", tmp_path)
    config = json.loads((tmp_path / "config.json").read_text("utf-8"))
    config |= {"model_type": "mystery", "auto_map": {"AutoModelForCausalLM": "modeling_mystery.Mystery"}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "modeling_mystery.py").write_text("raise SystemExit('was run')")
    with pytest.raises(ModelError, match="cannot be loaded"):
        opened(tmp_path)
