"""``base.rotary original``: the angles of the half-precision release, number by number."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from weitiao.errors import ModelError
from weitiao.models.chatglm import angles, empty_model, load
from weitiao.models.checkpoint import read_json
from weitiao.models.rotary import HalfAngles


@pytest.fixture
def tables(reference: Path) -> dict[str, torch.Tensor]:
    return load_file(reference / "rope_tables.safetensors")


def test_original_angles_of_chatglm2(tables: dict[str, torch.Tensor]) -> None:
    cos, sin = HalfAngles(64)(torch.zeros(1), tables["positions"][None])
    torch.testing.assert_close(cos[0, :, :32], tables["chatglm2.half.cos"].float(), rtol=0, atol=0)
    torch.testing.assert_close(sin[0, :, :32], tables["chatglm2.half.sin"].float(), rtol=0, atol=0)
    torch.testing.assert_close(cos[..., :32], cos[..., 32:], rtol=0, atol=0)


@pytest.mark.parametrize("version", ["chatglm2", "chatglm3"])
def test_exact_angles(reference: Path, tables: dict[str, torch.Tensor], version: str) -> None:
    raw = {**read_json(reference / version / "model" / "config.json"), "kv_channels": 128}
    module = angles(empty_model(raw, version).config, "exact", version, 1.0)  # type: ignore[arg-type]
    cos, sin = module(torch.zeros(1), tables["positions"][None])
    torch.testing.assert_close(cos[0, :, :32], tables[f"{version}.float.cos"], rtol=0, atol=1e-6)
    torch.testing.assert_close(sin[0, :, :32], tables[f"{version}.float.sin"], rtol=0, atol=1e-6)


def test_original_angles_of_chatglm3_are_exact_ones_rounded(
    reference: Path, tables: dict[str, torch.Tensor]
) -> None:
    raw = {**read_json(reference / "chatglm3" / "model" / "config.json"), "kv_channels": 128}
    module = angles(empty_model(raw, "chatglm3").config, "original", "chatglm3", 1.0)
    cos, _ = module(torch.zeros(1, dtype=torch.float16), tables["positions"][None])
    torch.testing.assert_close(cos[0, :, :32], tables["chatglm3.half.cos"], rtol=0, atol=0)


def test_original_angles_change_chatglm2_and_leave_chatglm3(reference: Path) -> None:
    ids = torch.arange(3, 203)[None]
    difference = {}
    for version in ("chatglm2", "chatglm3"):
        with torch.no_grad():
            logits = [
                load(reference / version / "model", rotary=r)(input_ids=ids).logits
                for r in ("exact", "original")
            ]
        difference[version] = (logits[0] - logits[1]).abs().max().item()
    assert difference["chatglm3"] == 0
    assert difference["chatglm2"] > 1e-3


@pytest.mark.parametrize(("version", "ratio"), [("chatglm2", 4.0), ("chatglm3", 50.0)])
def test_long_variants(reference: Path, version: str, ratio: float) -> None:
    """chatglm2-32k divides positions, chatglm3-32k multiplies the base."""
    raw = read_json(reference / version / "model" / "config.json")
    config = empty_model({**raw, "rope_ratio": ratio}, version).config  # type: ignore[arg-type]
    cos, _ = angles(config, "exact", version, ratio)(torch.zeros(1), torch.tensor([[0, 8, 100]]))  # type: ignore[arg-type]
    rotated = raw["kv_channels"] // 2
    exponent = torch.arange(0, rotated, 2) / rotated
    positions = torch.tensor([0.0, 8.0, 100.0])[:, None]
    if version == "chatglm2":
        expected = (positions / ratio * 10000.0**-exponent).cos()
    else:
        expected = (positions * (10000.0 * ratio) ** -exponent).cos()
    torch.testing.assert_close(cos[0, :, : rotated // 2], expected)


def test_original_angles_need_a_release(tmp_path: Path) -> None:
    from bases import tiny_base
    from weitiao.models.load import _use_original_angles

    with pytest.raises(ModelError, match=r"base\.rotary"):
        _use_original_angles(tiny_base("glm"), tmp_path, "x")
