"""Angles of ChatGLM-6B in float32 and as the release formed them in float16."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file

from weitiao.config import BaseConfig
from weitiao.models import chatglm1
from weitiao.models.chatglm1.rotary import angles, rotate
from weitiao.models.load import load_base
from weitiao.models.tokenizers import load_chatglm


@pytest.mark.parametrize(
    ("rotary", "table", "dtype"), [("exact", "float", torch.float32), ("original", "half", torch.float16)]
)
def test_the_tables_of_the_original(reference: Path, rotary: Any, table: str, dtype: torch.dtype) -> None:
    tables = load_file(reference / "rope_tables.safetensors")
    place = tables["positions"]
    cos, sin = angles(torch.stack([place, place * 0])[None], 64, rotary, dtype)
    assert torch.equal(cos[0, 0], tables[f"chatglm1.{table}.cos"])
    assert torch.equal(sin[0, 0], tables[f"chatglm1.{table}.sin"])
    assert bool((cos[0, 1] == 1).all())
    assert bool((sin[0, 1] == 0).all())


@given(
    st.lists(st.integers(0, 300), min_size=2, max_size=2),
    st.lists(st.integers(-200, 300), min_size=2, max_size=2),
)
def test_scores_depend_on_distances_only(at: list[int], moved: list[int]) -> None:
    """In both positions; a prefix from a text rests on it (places before 0)."""
    torch.manual_seed(0)
    q, k = torch.randn(1, 3, 1, 16, dtype=torch.float64), torch.randn(1, 3, 1, 16, dtype=torch.float64)

    def score(query: list[int], key: list[int]) -> torch.Tensor:
        a, b = (angles(torch.tensor(p).view(1, 2, 1), 8, "exact", torch.float64) for p in (query, key))
        return rotate(q, *a) @ rotate(k, *b).mT

    torch.testing.assert_close(
        score([at[0] + moved[0], at[1] + moved[1]], moved), score(at, [0, 0]), rtol=0, atol=2e-3
    )


def test_original_angles_on_a_converted_folder(official: Callable[..., Path], tmp_path: Path) -> None:
    """The same model as the official folder opened with ``rotary: original``."""
    chatglm1.load(official("chatglm1")).save_pretrained(tmp_path / "converted")
    load_chatglm(tmp_path / "chatglm1-model", "chatglm").save_pretrained(tmp_path / "converted")
    ids = (torch.arange(250) % 400 + 5)[None]
    ids[0, -2:] = torch.tensor([501, 504])  # [gMASK] <sop>
    logits = {}
    for path in ("official", "converted"):
        folder = tmp_path / "chatglm1-model" if path == "official" else tmp_path / path
        for rotary in ("exact", "original"):
            section = {"path": str(folder), "dtype": "float32", "device": "cpu", "rotary": rotary}
            with torch.no_grad():
                logits[path, rotary] = load_base(BaseConfig.model_validate(section)).model(ids).logits
    assert torch.equal(logits["official", "exact"], logits["converted", "exact"])
    assert torch.equal(logits["official", "original"], logits["converted", "original"])
    assert (logits["official", "exact"] - logits["official", "original"]).abs().max() > 1e-2
