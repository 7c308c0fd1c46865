"""Weight files are read without running anything, and what is wrong with them is said."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from weitiao.errors import ModelError
from weitiao.models.checkpoint import Checkpoint, Header
from weitiao.models.safetensors_file import write_safetensors


def weights(folder: Path, kind: str, *, shards: int = 1) -> dict[str, torch.Tensor]:
    """A checkpoint of four tensors in the layout asked for."""
    tensors = {f"t{n}": torch.full((2, n + 1), float(n), dtype=torch.float16) for n in range(4)}
    stem, suffix = ("model", "safetensors") if kind == "safetensors" else ("pytorch_model", "bin")
    where = {}
    for number in range(shards):
        name = f"{stem}.{suffix}" if shards == 1 else f"{stem}-{number + 1:05d}-of-{shards:05d}.{suffix}"
        part = {k: v for i, (k, v) in enumerate(tensors.items()) if i % shards == number}
        where |= dict.fromkeys(part, name)
        if kind == "safetensors":
            save_file(part, folder / name)
        else:
            torch.save(part, folder / name, _use_new_zipfile_serialization=kind == "bin")
    if shards > 1:
        (folder / f"{stem}.{suffix}.index.json").write_text(json.dumps({"weight_map": where}))
    return tensors


@pytest.mark.parametrize("kind", ["safetensors", "bin", "old bin"])
@pytest.mark.parametrize("shards", [1, 3])
def test_every_layout_reads_the_same(tmp_path: Path, kind: str, shards: int) -> None:
    tensors = weights(tmp_path, kind, shards=shards)
    checkpoint = Checkpoint.open(tmp_path)
    assert len(checkpoint.files) == shards
    assert checkpoint.headers == {n: Header(t.dtype, tuple(t.shape)) for n, t in tensors.items()}
    assert checkpoint.nbytes == sum(t.nbytes for t in tensors.values())
    walked = {n: t for _, shard in checkpoint.shards() for n, t in shard.items()}
    for name, tensor in tensors.items():
        torch.testing.assert_close(walked[name], tensor, rtol=0, atol=0)
        torch.testing.assert_close(checkpoint.tensor(name), tensor, rtol=0, atol=0)


class Malice:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("touch pickled",)


def test_a_file_with_code_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"t": torch.zeros(2), "x": Malice()}, tmp_path / "pytorch_model.bin")
    with pytest.raises(ModelError, match="more than tensors"):
        _ = Checkpoint.open(tmp_path).headers
    assert not (tmp_path / "pickled").exists()


@pytest.mark.parametrize("kind", ["safetensors", "bin"])
def test_a_cut_file_is_refused(tmp_path: Path, kind: str) -> None:
    weights(tmp_path, kind)
    file = next(tmp_path.iterdir())
    file.write_bytes(file.read_bytes()[:40])
    with pytest.raises(ModelError, match=file.name):
        _ = Checkpoint.open(tmp_path).headers


def test_a_missing_shard_and_a_missing_tensor(tmp_path: Path) -> None:
    weights(tmp_path, "safetensors", shards=3)
    index = tmp_path / "model.safetensors.index.json"
    told = json.loads(index.read_text())
    index.write_text(
        json.dumps({"weight_map": {**told["weight_map"], "t9": "model-00001-of-00003.safetensors"}})
    )
    with pytest.raises(ModelError, match="t9"):
        _ = Checkpoint.open(tmp_path).where
    (tmp_path / "model-00002-of-00003.safetensors").unlink()
    with pytest.raises(ModelError, match="model-00002-of-00003"):
        Checkpoint.open(tmp_path)


def test_an_index_cannot_point_out_of_the_folder(tmp_path: Path) -> None:
    inside = tmp_path / "in"
    inside.mkdir()
    weights(tmp_path, "safetensors")
    index = inside / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"t0": "../model.safetensors"}}))
    with pytest.raises(ModelError, match="not in the folder"):
        Checkpoint.open(inside)


def test_an_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no weights"):
        Checkpoint.open(tmp_path)


_KINDS = st.sampled_from([torch.float32, torch.float16, torch.bfloat16, torch.int8, torch.int64])


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(_KINDS, st.lists(st.integers(0, 4), max_size=3)), min_size=1, max_size=5))
def test_a_written_file_is_what_safetensors_reads(
    tmp_path_factory: pytest.TempPathFactory, kinds: list[tuple[torch.dtype, list[int]]]
) -> None:
    path = tmp_path_factory.mktemp("file") / "x.safetensors"
    tensors = {f"n{i}": torch.randint(-9, 9, shape).to(kind) for i, (kind, shape) in enumerate(kinds)}
    write_safetensors(
        path, {n: Header(t.dtype, tuple(t.shape)) for n, t in tensors.items()}, tensors.__getitem__
    )
    read = load_file(path)
    assert read.keys() == tensors.keys()
    for name, tensor in tensors.items():
        torch.testing.assert_close(read[name], tensor, rtol=0, atol=0)


def test_a_tensor_other_than_announced(tmp_path: Path) -> None:
    header = {"a": Header(torch.float32, (2,))}
    with pytest.raises(ValueError, match="announced"):
        write_safetensors(tmp_path / "x", header, lambda name: torch.zeros(3))
