"""PEFT's prefixes inside ours and ours inside PEFT 0.21: the same logits, and back bit by bit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from bases import FAMILIES, tiny_base
from weitiao.errors import AdapterError
from weitiao.pack import pack
from weitiao.tuning.exchange import peft
from weitiao.tuning.exchange.encoder import encoder_of
from weitiao.tuning.exchange.placing import check_shape, on_base, trainable
from weitiao.tuning.prefix import PrefixShape, initial
from weitiao.tuning.tuned import Tuned
from weitiao.types import Rendered

library = pytest.importorskip("peft")

IDS = [31, 7, 60, 12, 3, 44]
P = 5


def ours(model: Any, prefix: Any) -> Tensor:
    tuned = Tuned(model, prefix).eval()
    batch = pack([Rendered(tuple(IDS), (False,) * len(IDS))])
    with torch.no_grad():
        return model.get_output_embeddings()(tuned.hidden(batch))[0]


def theirs(folder: Path, family: str) -> Tensor:
    model = library.PeftModel.from_pretrained(tiny_base(family), folder).eval()
    with torch.no_grad():
        return model(torch.tensor([IDS])).logits[0]


@pytest.mark.parametrize("family", FAMILIES)
def test_our_prefix_inside_peft(family: str, tmp_path: Path) -> None:
    kv = initial("random", PrefixShape.of(tiny_base(family).config, P), seed=3) * 0.5
    peft.write(tmp_path, encoder_of(kv, P), "base")
    model = tiny_base(family)
    expected = ours(model, trainable(encoder_of(kv, P), model))
    torch.testing.assert_close(theirs(tmp_path, family), expected, rtol=1e-4, atol=1e-5)
    bare = tiny_base(family)(torch.tensor([IDS])).logits[0]
    assert (bare - expected).abs().max() > 1e-2  # the prefix matters


@pytest.mark.parametrize("projected", [False, True])
@pytest.mark.parametrize("family", FAMILIES)
def test_their_prefix_inside_ours(family: str, projected: bool, tmp_path: Path) -> None:
    made = write_theirs(tmp_path, family, projected)
    encoder = peft.read(tmp_path)
    assert not encoder.is_projected  # PEFT folds it when it saves
    model = tiny_base(family)
    torch.testing.assert_close(ours(model, trainable(encoder, model)), made, rtol=1e-4, atol=1e-5)
    kv = encoder.kv()
    assert on_base(kv, encoder.position_start, model) is kv


def write_theirs(folder: Path, family: str, projected: bool = False) -> Tensor:
    """Save a PEFT adapter; its logits while it still trains."""
    torch.manual_seed(4)
    config = library.PrefixTuningConfig(
        task_type="CAUSAL_LM", num_virtual_tokens=P, prefix_projection=projected, encoder_hidden_size=7
    )
    model = library.get_peft_model(tiny_base(family), config).eval()
    model.save_pretrained(folder)
    with torch.no_grad():
        return model(torch.tensor([IDS])).logits[0]


def test_written_files_are_those_of_peft(tmp_path: Path) -> None:
    """The same configuration keys and values, but for what PEFT adds about itself."""
    write_theirs(tmp_path / "theirs", "qwen2")
    encoder = peft.read(tmp_path / "theirs")
    (tmp_path / "ours").mkdir()
    peft.write(tmp_path / "ours", encoder, None)
    mine, their = (json.loads((tmp_path / n / "adapter_config.json").read_text()) for n in ("ours", "theirs"))
    for of_its_own in ("peft_version", "base_model_name_or_path", "encoder_hidden_size"):
        mine.pop(of_its_own, None)
        their.pop(of_its_own, None)
    assert mine == {k: their[k] for k in mine}
    assert set(their) - set(mine) <= {"modules_to_save"}
    assert torch.equal(peft.read(tmp_path / "ours").embedding, encoder.embedding)


sizes = st.integers(1, 3)


@given(sizes, sizes, sizes, sizes, st.sampled_from([torch.float32, torch.float16, torch.bfloat16]))
def test_write_and_read_are_inverse(
    tmp_path_factory: pytest.TempPathFactory,
    layers: int,
    heads: int,
    length: int,
    size: int,
    dtype: torch.dtype,
) -> None:
    folder = tmp_path_factory.mktemp("peft")
    kv = torch.randn(layers, 2, heads, length, size).to(dtype)
    peft.write(folder, encoder_of(kv, length), "base")
    back = peft.read(folder)
    assert back.kv().dtype == dtype
    assert torch.equal(back.kv(), kv)
    assert back.position_start == length


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    peft.write(tmp_path, encoder_of(torch.randn(2, 2, 2, P, 8), P), "base")
    return tmp_path


def configure(folder: Path, **changes: Any) -> None:
    path = folder / "adapter_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def put(folder: Path, tensors: Any) -> None:
    (folder / "adapter_model.safetensors").unlink()
    torch.save(tensors, folder / "adapter_model.bin")


def test_bin_files_are_read(folder: Path) -> None:
    flat = peft.read(folder).embedding
    put(folder, {"prompt_embeddings": flat})
    assert torch.equal(peft.read(folder).embedding, flat)


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (lambda f: configure(f, peft_type="LORA"), "expected peft_type PREFIX_TUNING, it is LORA"),
        (
            lambda f: configure(f, task_type="SEQ_2_SEQ_LM", num_transformer_submodules=2),
            "causal language model",
        ),
        (lambda f: configure(f, num_layers=None), "no positive num_layers"),
        (lambda f: configure(f, token_dim=15), "no multiple of num_attention_heads"),
        (lambda f: configure(f, num_layers=3), r"\[5, 64\], adapter_config.json asks for \[5, 96\]"),
        (
            lambda f: put(f, {"base_model.model.lora_A": torch.zeros(2)}),
            "expected one tensor prompt_embeddings",
        ),
        (lambda f: put(f, {"prompt_embeddings": torch.full((P, 64), float("inf"))}), "not finite"),
        (lambda f: put(f, {"prompt_embeddings": torch.zeros(P, 64), "x": object}), "Python objects"),
        (lambda f: (f / "adapter_model.safetensors").write_bytes(b"\xff" * 30), "damaged"),
        (lambda f: (f / "adapter_config.json").unlink(), "holds no adapter_config.json"),
    ],
)
def test_harmed_folders_are_refused(folder: Path, harm: Any, message: str) -> None:
    harm(folder)
    with pytest.raises(AdapterError, match=message):
        peft.read(folder)


def test_another_base_is_refused(folder: Path) -> None:
    with pytest.raises(AdapterError, match=r"layers 2 \(adapter\) against 3 \(base\)"):
        check_shape(peft.read(folder).shape, tiny_base(num_hidden_layers=3).config, "it")
    with pytest.raises(AdapterError, match=r"key/value heads 2 \(adapter\) against 4 \(base\)"):
        trainable(peft.read(folder), tiny_base("gpt2"))


def test_a_base_without_rotary_positions_takes_no_prefix_that_must_be_moved() -> None:
    model = tiny_base("gpt2")
    kv = initial("random", PrefixShape.of(model.config, P), seed=1)
    with pytest.raises(AdapterError, match="no rotary positions"):
        on_base(kv, 0, model)
    with pytest.raises(AdapterError, match="expected 0 or 5"):
        on_base(kv, 3, model)
