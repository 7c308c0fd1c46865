"""A converted folder is opened by plain transformers, gives the same numbers, and accounts for every tensor."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from weitiao.config import BaseConfig
from weitiao.errors import ModelError
from weitiao.models import convert as convert_module
from weitiao.models.checkpoint import Checkpoint
from weitiao.models.convert import convert
from weitiao.models.describe import describe
from weitiao.models.load import load_base

Official = Callable[..., Path]

_PLAIN = """
import json, sys, torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer
model = AutoModelForCausalLM.from_pretrained(sys.argv[1], dtype=torch.float32)
cases = load_file(sys.argv[2])
inputs = {k: cases["left_padded." + k] for k in ("input_ids", "attention_mask", "position_ids")}
real = inputs["attention_mask"].bool()
with torch.no_grad():
    difference = (model(**inputs).logits[real] - cases["left_padded.logits"][real]).abs().max().item()
tokenizer = AutoTokenizer.from_pretrained(sys.argv[1])
messages = [{"role": "user", "content": "北京"}]
prompt = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
ids = tokenizer("北京 [gMASK]x", split_special_tokens=True)["input_ids"]
print(json.dumps({
    "class": type(model).__name__, "difference": difference, "ids": ids, "prompt": prompt,
    "ours": [m for m in sys.modules if m.startswith("weitiao")],
}))
"""


@pytest.mark.parametrize("version", ["chatglm2", "chatglm3"])
def test_plain_transformers_opens_it(
    official: Official, reference: Path, tmp_path: Path, version: str
) -> None:
    out = tmp_path / "converted"
    result = convert(official(version), out, shard_bytes=100_000)
    assert not result.needs
    assert len(list(out.glob("*.safetensors"))) > 2
    cases = reference / version / "cases.safetensors"
    done = subprocess.run(
        [sys.executable, "-I", "-c", _PLAIN, str(out), str(cases)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["class"] == "GlmForCausalLM"
    assert told["ours"] == []
    assert told["difference"] < 5e-5
    assert "北京" in told["prompt"]
    assert not set(told["ids"]) & set(range(64789, 64798)) - set(told["ids"][:2])


@pytest.mark.parametrize("version", ["chatglm2", "chatglm3"])
def test_every_tensor_is_accounted_for(official: Official, tmp_path: Path, version: str) -> None:
    folder = official(version)
    result = convert(folder, tmp_path / "out")
    stored = Checkpoint.open(folder).headers
    assert {a.name for a in result.tensors} == set(stored)
    assert result.dropped == ("transformer.rotary_pos_emb.inv_freq",)
    for account in result.tensors:
        if account.became:
            assert not account.changed
            assert account.sha256 == account.sha256_written
    written = [name for a in result.tensors for name in a.became]
    assert sorted(written) == sorted(Checkpoint.open(tmp_path / "out").headers)
    noted = json.loads((tmp_path / "out" / "conversion.json").read_text("utf-8"))
    assert noted["checksum"] == result.checksum
    assert noted["version"] == version
    assert "24 written bit for bit" in result.summary()


@pytest.mark.parametrize("bits", [4, 8])
def test_quantised_releases_are_expanded(
    official: Official, reference: Path, tmp_path: Path, bits: int
) -> None:
    result = convert(official("chatglm2", f"int{bits}"), tmp_path / "out", dtype=torch.float32)
    assert result.quantization_bit == bits
    model = load_base(BaseConfig(path=str(tmp_path / "out"), dtype="float32", device="cpu")).model
    cases = load_file(reference / "chatglm2" / f"cases_int{bits}.safetensors")
    with torch.no_grad():
        logits = model(input_ids=cases["single.input_ids"]).logits
    torch.testing.assert_close(logits, cases["single.logits"], rtol=0, atol=5e-5)


def test_an_adapter_of_the_official_folder_fits_the_converted_one(official: Official, tmp_path: Path) -> None:
    folder = official("chatglm2")
    convert(folder, tmp_path / "out")
    bases = [
        load_base(
            BaseConfig.model_validate({"path": str(p), "dtype": "float32", "device": "cpu", "rotary": r})
        )
        for p in (folder, tmp_path / "out")
        for r in ("exact", "original")
    ]
    assert len({base.fingerprint for base in bases}) == 1
    ids = torch.arange(3, 150)[None]
    with torch.no_grad():
        exact, half, exact_again, half_again = (base.model(input_ids=ids).logits for base in bases)
    torch.testing.assert_close(exact, exact_again, rtol=0, atol=0)
    torch.testing.assert_close(half, half_again, rtol=0, atol=0)
    assert (exact - half).abs().max() > 1e-3
    assert bases[1].describe()["rotary"] == "original"


def test_nothing_is_left_where_it_fails(
    official: Official, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = official("chatglm3")

    def broken(path: Path, headers: dict[str, object], produce: Callable[[str], torch.Tensor]) -> None:
        save_file({name: torch.zeros_like(produce(name)) for name in headers}, path)

    monkeypatch.setattr(convert_module, "write_safetensors", broken)
    place = tmp_path / "here"
    place.mkdir()
    with pytest.raises(ModelError, match="does not read back equal"):
        convert(folder, place / "out")
    assert list(place.iterdir()) == []


def test_a_folder_in_use_is_not_overwritten(official: Official, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "mine").write_text("x")
    with pytest.raises(ModelError, match="exists already"):
        convert(official("chatglm3"), out)
    assert (out / "mine").read_text() == "x"


def test_weights_of_another_configuration(official: Official, tmp_path: Path) -> None:
    folder = official("chatglm3")
    config = json.loads((folder / "config.json").read_text("utf-8"))
    (folder / "config.json").unlink()
    (folder / "config.json").write_text(json.dumps({**config, "num_layers": 4}))
    with pytest.raises(ModelError, match="do not fit"):
        convert(folder, tmp_path / "out")
    with pytest.raises(ModelError, match="missing"):
        load_base(BaseConfig(path=str(folder), dtype="float32", device="cpu"))


_PEAK = """
import resource, sys
from pathlib import Path
from weitiao.models.chatglm import empty_model
from weitiao.models.tokenizers import load_chatglm
from weitiao.models.convert import convert
import transformers.models.glm.modeling_glm
folder, out = map(Path, sys.argv[1:])
load_chatglm(folder, "chatglm3")  # what converting imports is not what it costs
from weitiao.models.checkpoint import read_json
empty_model(read_json(folder / "config.json"), "chatglm3")
Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far
def of(name):
    return next(int(l.split()[1]) for l in Path("/proc/self/status").read_text().splitlines() if l.startswith(name))
before = of("VmRSS")
convert(folder, out, shard_bytes=24 * 2**20)
print((of("VmHWM") - before) * 1024)
"""


def many_shards(folder: Path, source: Path, *, layers: int) -> int:
    """A synthetic release: one layer of about 16 MiB in each file; returns the bytes of all."""
    width, inner, vocabulary = 768, 3072, 2048
    config = json.loads((source / "config.json").read_text("utf-8"))
    config |= {
        "num_layers": layers,
        "hidden_size": width,
        "ffn_hidden_size": inner,
        "kv_channels": 64,
        "num_attention_heads": 12,
        "padded_vocab_size": vocabulary,
    }
    (folder / "config.json").write_text(json.dumps(config))
    half = torch.float16
    ends = {
        "transformer.embedding.word_embeddings.weight": torch.ones(vocabulary, width, dtype=half),
        "transformer.encoder.final_layernorm.weight": torch.ones(width, dtype=half),
        "transformer.output_layer.weight": torch.ones(vocabulary, width, dtype=half),
    }
    shards = [ends]
    for number in range(layers):
        shapes = {
            "input_layernorm.weight": (width,),
            "post_attention_layernorm.weight": (width,),
            "self_attention.query_key_value.weight": (64 * 16, width),
            "self_attention.query_key_value.bias": (64 * 16,),
            "self_attention.dense.weight": (width, width),
            "mlp.dense_h_to_4h.weight": (2 * inner, width),
            "mlp.dense_4h_to_h.weight": (width, inner),
        }
        start = f"transformer.encoder.layers.{number}."
        shards.append({start + n: torch.full(s, number + 1, dtype=half) for n, s in shapes.items()})
    where = {}
    for number, shard in enumerate(shards):
        name = f"pytorch_model-{number + 1:05d}-of-{len(shards):05d}.bin"
        torch.save(shard, folder / name)
        where |= dict.fromkeys(shard, name)
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps({"weight_map": where}))
    return sum(t.nbytes for shard in shards for t in shard.values())


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="peak memory is read from /proc")
def test_the_peak_does_not_grow_with_the_number_of_shards(reference: Path, tmp_path: Path) -> None:
    peaks, totals = [], []
    for layers in (3, 15):
        folder = tmp_path / f"{layers}"
        folder.mkdir()
        for file in (reference / "tokenizers" / "chatglm3-6b" / "tokenizer.model",):
            (folder / file.name).symlink_to(file)
        totals.append(many_shards(folder, reference / "chatglm3" / "model", layers=layers))
        done = subprocess.run(
            [sys.executable, "-c", _PEAK, str(folder), str(tmp_path / f"out{layers}")],
            capture_output=True,
            text=True,
            # freed tensors go back to the system at once, so that the peak is of what is in use
            env={**os.environ, "MALLOC_MMAP_THRESHOLD_": str(2**20), "MALLOC_TRIM_THRESHOLD_": "0"},
        )
        assert done.returncode == 0, done.stderr
        peaks.append(int(done.stdout))
    said = f"peaks {[p >> 20 for p in peaks]} MiB, checkpoints {[t >> 20 for t in totals]} MiB"
    assert totals[1] > 200 * 2**20, said
    # How much of a mapped file counts as resident is the kernel's affair: the peak itself is bounded loosely,
    # by half of what holding the checkpoint would take; that it does not grow with it is the law.
    assert peaks[1] < totals[1] / 2, said
    assert peaks[1] - peaks[0] < (totals[1] - totals[0]) / 8, said


def test_describe(official: Official, tmp_path: Path) -> None:
    folder = official("chatglm3")
    told = describe(str(folder))
    assert told["release"] == "ChatGLM3-6B"
    assert told["format"] == "chatglm3"
    assert told["layers"] == 3
    convert(folder, tmp_path / "out")
    new = describe(str(tmp_path / "out"))
    assert new["converted_from"] == "ChatGLM3-6B"
    for key in ("parameters", "memory_bytes", "layers", "tokenizer", "vocabulary", "positions"):
        assert new[key] == told[key]


def test_describe_a_quantised_release(official: Official) -> None:
    told = describe(str(official("chatglm2", "int4")))
    assert told["stored_as"] == "int4"
    assert told["memory_bytes"]["float16"] < 2 * told["parameters"]


def test_describe_refuses_an_adapter(reference: Path) -> None:
    with pytest.raises(ModelError, match="P-Tuning v2 adapter"):
        describe(str(reference / "chatglm2" / "ptuning"))
