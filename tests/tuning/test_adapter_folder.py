"""The adapter folder: written whole, checked when read, refused where it does not belong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from bases import tiny_base
from weitiao.errors import AdapterError
from weitiao.tuning.adapter import (
    CONFIG,
    TENSORS,
    check_base,
    check_format,
    prefix_of,
    read_config,
    read_tensors,
    save_adapter,
)

BASE = {
    "path": "here",
    "fingerprint": "aa",
    "architecture": "LlamaForCausalLM",
    "layers": 2,
    "hidden_size": 32,
}
INFO: dict[str, Any] = {"base": BASE, "format": {"kind": "plain", "separator": "\n", "fingerprint": "ff"}}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save_adapter(tmp_path / "adapter", {"kv": torch.randn(2, 2, 2, 5, 8)}, INFO)
    return tmp_path / "adapter"


def test_save_and_load_are_inverse(folder: Path) -> None:
    tensors = read_tensors(folder, read_config(folder))
    again = folder.with_name("again")
    save_adapter(again, tensors, INFO)
    assert (again / TENSORS).read_bytes() == (folder / TENSORS).read_bytes()
    assert (again / CONFIG).read_bytes() == (folder / CONFIG).read_bytes()


def test_a_new_adapter_replaces_the_old_one_whole(folder: Path) -> None:
    (folder / "stale.txt").write_text("x")
    save_adapter(folder, {"kv": torch.zeros(2, 2, 2, 5, 8)}, INFO)
    assert {p.name for p in folder.iterdir()} == {TENSORS, CONFIG}
    assert [p.name for p in folder.parent.iterdir()] == ["adapter"]


def test_a_failed_write_leaves_the_old_adapter(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    before = (folder / TENSORS).read_bytes()
    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space"):
        save_adapter(folder, {"kv": torch.zeros(1)}, INFO)
    assert (folder / TENSORS).read_bytes() == before


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (lambda f: (f / TENSORS).write_bytes((f / TENSORS).read_bytes()[:-7]), "damaged"),
        (lambda f: (f / TENSORS).unlink(), "holds no adapter_model"),
        (lambda f: (f / CONFIG).write_text("{"), "damaged"),
        (lambda f: (f / CONFIG).write_text("[]"), "damaged"),
        (lambda f: (f / CONFIG).unlink(), "holds no adapter_config"),
        (lambda f: (f / CONFIG).write_text(json.dumps({"schema_version": 99})), "schema version 99"),
    ],
)
def test_a_harmed_folder_is_refused(folder: Path, harm: Any, message: str) -> None:
    harm(folder)
    with pytest.raises(AdapterError, match=message):
        read_tensors(folder, read_config(folder))


def test_another_base_is_refused_with_the_difference(folder: Path) -> None:
    config = read_config(folder)
    check_base(config, BASE, folder)
    with pytest.raises(AdapterError, match=r"layers 2 \(adapter\) against 4 \(base\)"):
        check_base(config, {**BASE, "fingerprint": "bb", "layers": 4}, folder)
    with pytest.raises(AdapterError, match="other weights"):
        check_base(config, {**BASE, "fingerprint": "bb"}, folder)


def test_another_format_is_refused_with_the_difference(folder: Path) -> None:
    config = read_config(folder)
    check_format(config, INFO["format"], folder)
    with pytest.raises(AdapterError, match="separator"):
        check_format(config, {"kind": "plain", "separator": " ", "fingerprint": "gg"}, folder)


def test_a_prefix_of_another_shape_or_not_finite_is_refused(folder: Path) -> None:
    model = tiny_base()
    kv = torch.zeros(2, 2, 2, 5, 8)
    assert prefix_of({"kv": kv}, model, folder) is kv
    for wrong, message in [
        (torch.zeros(3, 2, 2, 5, 8), "needs"),
        (kv + float("nan"), "finite"),
        (kv[0], "no tensor kv"),
    ]:
        with pytest.raises(AdapterError, match=message):
            prefix_of({"kv": wrong}, model, folder)
