"""Official folders of ChatGLM-6B: quantised ones, and what is refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from weitiao.errors import ModelError
from weitiao.models import chatglm1
from weitiao.models.chatglm1 import config_of
from weitiao.models.quantised import QuantisedLinear

MATRIX = "transformer.layers.0.attention.query_key_value"


@pytest.mark.parametrize("bits", [8, 4])
@pytest.mark.parametrize("quantised", ["expand", "keep"])
def test_quantised_checkpoints(reference: Path, bits: int, quantised: Any) -> None:
    values = load_file(reference / "chatglm1" / f"cases_int{bits}.safetensors")
    model = chatglm1.load(reference / "chatglm1" / f"int{bits}", quantised=quantised)
    kept = [m for m in model.modules() if isinstance(m, QuantisedLinear)]
    assert len(kept) == (4 * 3 if quantised == "keep" else 0)
    matrix: Any = model.get_submodule(MATRIX)
    found = matrix.expanded() if quantised == "keep" else matrix.weight
    torch.testing.assert_close(found, values[f"single.expanded.{MATRIX}.weight"], rtol=0, atol=1e-6)
    out = model(values["single.input_ids"])
    torch.testing.assert_close(out.logits, values["single.logits"], rtol=0, atol=1e-4)
    out.logits.square().mean().backward()
    assert model.transformer.layers[0].input_layernorm.weight.grad is not None  # gradients pass through


def test_safetensors_open_as_well(edited: Callable[..., Path], reference: Path) -> None:
    folder = edited()
    tensors: dict[str, torch.Tensor] = {}
    for file in sorted(folder.glob("pytorch_model*.bin")):
        tensors |= torch.load(file, weights_only=True)
        file.unlink()
    (folder / "pytorch_model.bin.index.json").unlink()
    del tensors["lm_head.weight"]  # tied: one of the two is enough
    save_file({n: t.clone() for n, t in tensors.items()}, folder / "model.safetensors")
    a, b = chatglm1.load(folder), chatglm1.load(reference / "chatglm1" / "model")
    assert a.state_dict().keys() == b.state_dict().keys()
    assert all(torch.equal(t, b.state_dict()[n]) for n, t in a.state_dict().items())


@pytest.fixture
def edited(reference: Path, tmp_path: Path) -> Callable[..., Path]:
    """A copy of the official folder with changes to its configuration."""

    def make(**changes: Any) -> Path:
        folder = tmp_path / "official"
        shutil.copytree(reference / "chatglm1" / "model", folder)
        for path in [folder, *folder.iterdir()]:
            path.chmod(0o755)
        path = folder / "config.json"
        path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | changes), encoding="utf-8")
        return folder

    return make


def test_the_configuration_of_the_release_is_the_default() -> None:
    assert config_of({}).to_dict() == chatglm1.ChatGLM1Config().to_dict()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"vocab_size": 150528, "bos_token_id": 150004, "gmask_token_id": 150001}, "early release"),
        ({"gmask_token_id": 150001}, "early release"),
        ({"bos_token_id": 512}, "bos_token_id 512 is outside the vocabulary of 512"),
        ({"position_encoding_2d": False}, "position_encoding_2d"),
        ({"quantization_bit": 8, "quantization_embeddings": True}, "quantization_embeddings"),
        ({"quantization_bit": 2}, "neither 4 nor 8"),
        ({"hidden_size": 66}, "multiple of 4 times"),
        ({"num_layers": 4}, "transformer.layers.3.attention.dense.bias is missing"),
        ({"num_layers": 2}, "transformer.layers.2.* is no tensor of ChatGLM-6B"),
        (
            {"inner_hidden_size": 128},
            r"dense_h_to_4h.weight is float16 \[256, 64\], expected floating \[128, 64\]",
        ),
        ({"quantization_bit": 8}, "expected int8"),
    ],
)
def test_what_does_not_fit_is_refused(
    edited: Callable[..., Path], changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(ModelError, match=said) as error:
        chatglm1.load(edited(**changes))
    assert error.value.remedy


def test_an_official_ptuning_folder_is_no_base(reference: Path) -> None:
    with pytest.raises(ModelError, match=r"prefix_encoder.*is no tensor") as error:
        chatglm1.load(reference / "chatglm1" / "ptuning")
    assert "adapter" in str(error.value.remedy)


def test_a_head_of_its_own_is_not_lost_in_silence(edited: Callable[..., Path]) -> None:
    folder = edited()
    listed = json.loads((folder / "pytorch_model.bin.index.json").read_text("utf-8"))["weight_map"]
    file = folder / listed["lm_head.weight"]
    tensors = torch.load(file, weights_only=True)
    tensors["lm_head.weight"] = tensors["lm_head.weight"] + 1
    torch.save(tensors, file)
    with pytest.warns(UserWarning, match="the original ties them"):
        model = chatglm1.load(folder)
    assert model.lm_head.weight is model.transformer.word_embeddings.weight
