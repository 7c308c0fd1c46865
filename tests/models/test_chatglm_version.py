"""Which ChatGLM a folder holds is read from its files, never from its name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weitiao.errors import ModelError
from weitiao.models.chatglm import load, version_of
from weitiao.models.glm import Sizes, native_config, targets

V2: dict[str, Any] = {
    "model_type": "chatglm",
    "auto_map": {"AutoModel": "modeling_chatglm.ChatGLMForConditionalGeneration"},
    "add_bias_linear": False,
    "add_qkv_bias": True,
    "ffn_hidden_size": 24,
    "hidden_size": 16,
    "kv_channels": 8,
    "layernorm_epsilon": 1e-5,
    "multi_query_attention": True,
    "multi_query_group_num": 1,
    "num_attention_heads": 2,
    "num_layers": 1,
    "padded_vocab_size": 64,
    "post_layer_norm": True,
    "rmsnorm": True,
    "seq_length": 32,
}


def folder_with(folder: Path, config: dict[str, Any], **files: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config))
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)
    return folder


@pytest.mark.parametrize("key", ["inner_hidden_size", "position_encoding_2d", "gmask_token_id"])
def test_the_first_release_has_keys_of_its_own(tmp_path: Path, key: str) -> None:
    assert version_of(folder_with(tmp_path, {"model_type": "chatglm", key: 1})) == "chatglm"


@pytest.mark.parametrize("version", ["chatglm2", "chatglm3"])
@pytest.mark.parametrize("name", ["THUDM/{}-6b", "/data/{}-6b-32k", "ZhipuAI/{}-6b-base"])
def test_the_name_in_config_json(tmp_path: Path, version: str, name: str) -> None:
    folder = folder_with(tmp_path / "chatglm9", {**V2, "_name_or_path": name.format(version)})
    assert version_of(folder) == version


def test_the_name_of_the_folder_plays_no_part(tmp_path: Path) -> None:
    folder = folder_with(tmp_path / "chatglm2-6b", {**V2, "_name_or_path": "THUDM/chatglm3-6b"})
    assert version_of(folder) == "chatglm3"
    folder = folder_with(tmp_path / "chatglm2-6b", {**V2, "_name_or_path": "output/checkpoint-3000"})
    with pytest.raises(ModelError, match="nothing here says which") as caught:
        version_of(folder)
    assert "_name_or_path" in str(caught.value.remedy)


def test_the_tokenizer_says_it_when_config_json_does_not(tmp_path: Path) -> None:
    named = json.dumps({"name_or_path": "THUDM/chatglm2-6b"})
    assert version_of(folder_with(tmp_path / "a", V2, tokenizer_config__json=named)) == "chatglm2"
    roles = json.dumps({"chat_template": "<|assistant|>"})
    assert version_of(folder_with(tmp_path / "b", V2, tokenizer_config__json=roles)) == "chatglm3"
    source = 'special = ["<|user|>", "<|assistant|>"]; raise SystemExit("was run")'
    assert version_of(folder_with(tmp_path / "c", V2, tokenization_chatglm__py=source)) == "chatglm3"
    assert version_of(folder_with(tmp_path / "d", V2, tokenization_chatglm__py="class X: pass")) == "chatglm2"


def test_glm4_under_the_same_model_type(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, {**V2, "padded_vocab_size": 151552})
    with pytest.raises(ModelError, match="GLM-4") as caught:
        version_of(folder)
    assert "glm-4-9b-chat-hf" in str(caught.value.remedy)


def test_another_model(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="llama"):
        version_of(folder_with(tmp_path, {"model_type": "llama"}))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"multi_query_attention": False}, "multi_query_attention"),
        ({"add_bias_linear": True}, "add_bias_linear"),
        ({"quantization_bit": 2}, "quantization_bit 2"),
    ],
)
def test_what_no_release_has_is_refused(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    folder = folder_with(tmp_path, {**V2, "_name_or_path": "THUDM/chatglm2-6b", **change})
    with pytest.raises(ModelError, match=said):
        load(folder)


def test_a_missing_key_is_named() -> None:
    with pytest.raises(ModelError, match="kv_channels"):
        native_config({k: v for k, v in V2.items() if k != "kv_channels"}, "chatglm2")


def test_a_prefix_is_no_base(reference: Path) -> None:
    with pytest.raises(ModelError, match="prefix_encoder") as caught:
        load(reference / "chatglm2" / "ptuning")
    assert "adapter convert" in str(caught.value.remedy)


@given(heads=st.integers(1, 64), groups=st.integers(1, 8), size=st.integers(1, 256))
def test_the_fused_rows_are_a_partition(heads: int, groups: int, size: int) -> None:
    sizes = Sizes(heads, groups, size)
    name = "transformer.encoder.layers.3.self_attention.query_key_value"
    rows = 0
    for target, part in zip(targets(f"{name}.weight", sizes), "qkv", strict=True):
        assert target.name == f"model.layers.3.self_attn.{part}_proj.weight"
        assert target.start == rows
        assert target.stop is not None
        rows = target.stop
    assert rows == (heads + 2 * groups) * size
    assert [t.name[-5:] for t in targets(f"{name}.weight_scale", sizes)] == ["scale"] * 3
