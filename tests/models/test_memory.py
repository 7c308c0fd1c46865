"""The memory a base needs is told before it is loaded, and refused where it cannot fit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from bases import tiny_base
from builders import chat_tokenizer
from weitiao.config import BaseConfig
from weitiao.errors import ModelError
from weitiao.models import memory
from weitiao.models.checkpoint import read_json
from weitiao.models.load import load_base
from weitiao.models.memory import need_from_config, need_of


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    tokenizer = chat_tokenizer()
    tiny_base("llama", vocab_size=len(tokenizer)).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    return tmp_path


def config(folder: Path, **options: Any) -> BaseConfig:
    return BaseConfig.model_validate(
        {"path": str(folder), "dtype": "float32", **({"device": "cpu"} | options)}
    )


def test_headers_configuration_and_model_agree(folder: Path) -> None:
    weights = sum(p.numel() for p in load_base(config(folder)).model.parameters())
    for need in (need_of(folder, read_json(folder / "config.json")), need_from_config(folder)):
        assert need.parameters == weights
        assert need.nbytes(torch.float32) == 4 * weights
        assert need.nbytes(torch.bfloat16) == 2 * weights


@pytest.mark.parametrize("bits", [4, 8])
def test_quantised_bases_kept_and_expanded(reference: Path, bits: int) -> None:
    root = reference / "chatglm2"
    plain = need_of(root / "model", read_json(root / "model" / "config.json"))
    raw = read_json(root / f"int{bits}" / "config.json")
    kept, expanded = (need_of(root / f"int{bits}", raw, keep=k) for k in (True, False))
    assert kept.parameters == expanded.parameters == plain.parameters
    assert expanded.table() == plain.table()
    matrices = plain.floating - kept.floating
    assert matrices > 0
    assert matrices * bits // 8 < kept.stored < matrices * bits // 8 + 4096  # the rest are scales


def test_it_is_told_before_loading(folder: Path) -> None:
    lines: list[str] = []
    load_base(config(folder), notify=lines.append)
    assert len(lines) == 1
    assert "float32 on cpu" in lines[0]
    assert "free: " in lines[0]


def test_what_cannot_fit_is_refused_with_the_ways_out(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    need = need_of(folder, read_json(folder / "config.json"))
    free = 3 * need.parameters  # between two and four bytes a weight
    monkeypatch.setattr(memory, "available", lambda device: free)
    with pytest.raises(ModelError, match="does not fit") as caught:
        load_base(config(folder))
    assert caught.value.remedy is not None
    assert "base.dtype bfloat16" in caught.value.remedy
    assert "float32" not in caught.value.remedy
    assert load_base(config(folder, dtype="bfloat16")).model.dtype == torch.bfloat16


def test_all_devices_count_for_a_device_map(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "available_everywhere", lambda: 10)
    with pytest.raises(ModelError, match="all devices"):
        load_base(config(folder, device="auto", device_map="auto"))


def test_an_unknown_amount_refuses_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "available", lambda device: None)
    lines: list[str] = []
    load_base(config(folder), notify=lines.append)
    assert "free: unknown" in lines[0]


def test_free_memory_of_this_machine_is_positive() -> None:
    free = memory.available(torch.device("cpu"))
    assert free is not None
    assert free > 2**20


@pytest.mark.parametrize("place", [{"": "cpu"}, "auto"])
def test_device_map(folder: Path, place: Any) -> None:
    got = load_base(config(folder, device="auto", device_map=place)).model
    expected = load_base(config(folder)).model
    ids = torch.arange(3, 20)[None]
    with torch.no_grad():
        torch.testing.assert_close(got(input_ids=ids).logits.cpu(), expected(input_ids=ids).logits)


def test_device_map_of_an_official_folder(official: Any) -> None:
    folder = official("chatglm3")
    ids = torch.arange(3, 20)[None]
    with torch.no_grad():
        expected = load_base(config(folder)).model(input_ids=ids).logits
        for place in ({"": "cpu"}, "auto"):
            got = load_base(config(folder, device="auto", device_map=place)).model(input_ids=ids).logits
            torch.testing.assert_close(got.cpu(), expected, rtol=0, atol=1e-4)


def test_a_device_map_with_gaps(official: Any) -> None:
    with pytest.raises(ModelError, match=r"device_map has no device for"):
        load_base(config(official("chatglm3"), device="auto", device_map={"model.layers": "cpu"}))


def test_device_and_device_map_exclude_each_other(folder: Path) -> None:
    with pytest.raises(ValueError, match="not both"):
        config(folder, device="cpu", device_map="auto")
