"""Adapters between the three systems: bit by bit there and back, and the same answers."""

from __future__ import annotations

import json
import shutil
from collections.abc import Collection
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from infer.folders import make_adapter, make_base
from pipeline.conftest import RecipeFile
from weitiao.errors import AdapterError, ConfigError
from weitiao.infer.loaded import open_adapter
from weitiao.models import tokenizers
from weitiao.models.tokenizers import load_chatglm
from weitiao.pipeline.converting import CARRIED, UNTURNED, convert, read_adapter
from weitiao.pipeline.opening import attach, open_recipe
from weitiao.pipeline.running import run
from weitiao.recipe import resolve
from weitiao.tuning.adapter import read_config, save_adapter
from weitiao.tuning.exchange import chatglm
from weitiao.tuning.exchange.encoder import Encoder, Projection, encoder_of
from weitiao.tuning.prefix import PrefixShape

torch.set_num_threads(1)
P = 4


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return make_base(tmp_path / "base")


@pytest.fixture
def adapter(tmp_path: Path, base: Path) -> Path:
    return make_adapter(tmp_path / "adapter", base, length=P, metrics={"exact": 1})


def kv_of(folder: Path) -> torch.Tensor:
    return load_file(folder / "adapter_model.safetensors")["kv"]


def facts(folder: Path) -> dict[str, Any]:
    config = read_config(folder)
    config.pop("weitiao_version", None)
    return config


@torch.no_grad()
def greedy(model: Any, prompt: list[int], *, count: int, stop: Collection[int]) -> list[int]:
    """The likeliest answer by whole forward passes of PEFT.

    Not by its `generate`: that of PEFT 0.21 drops the prefix on transformers 5.24, where the cache got another name.
    """
    ids = list(prompt)
    while len(ids) < len(prompt) + count:
        logits = model(input_ids=torch.tensor([ids]), attention_mask=torch.ones(1, len(ids))).logits
        ids.append(int(logits[0, -1].argmax()))
        if ids[-1] in stop:
            break
    return ids[len(prompt) :]


def test_weitiao_to_peft_to_weitiao(adapter: Path, tmp_path: Path) -> None:
    convert(adapter, tmp_path / "peft", to="peft")
    done = convert(tmp_path / "peft", tmp_path / "back", to="weitiao")
    assert torch.equal(kv_of(tmp_path / "back"), kv_of(adapter))
    assert facts(tmp_path / "back") == {**facts(adapter), "length": P}
    assert done.source == "peft"


def test_a_prefix_trained_on_in_peft_is_taken_as_it_is_now(adapter: Path, tmp_path: Path) -> None:
    convert(adapter, tmp_path / "peft", to="peft")
    path = tmp_path / "peft" / "adapter_model.safetensors"
    shape = read_adapter(tmp_path / "peft").encoder.shape
    path.unlink()
    torch.save(
        {"prompt_embeddings": torch.ones(P, shape.layers * 2 * shape.heads * shape.size)},
        path.with_name("adapter_model.bin"),
    )
    convert(tmp_path / "peft", tmp_path / "back", to="weitiao")
    assert bool((kv_of(tmp_path / "back") == 1).all())


def test_what_peft_cannot_say_is_said(base: Path, tmp_path: Path) -> None:
    adapter = make_adapter(tmp_path / "adapter", base, absorbed=(5, 6), length=P)
    done = convert(adapter, tmp_path / "peft", to="peft")
    assert "first 2 tokens of every prompt" in done.notes[0]
    assert json.loads((tmp_path / "peft" / CARRIED).read_text("utf-8"))["absorbed"] == [5, 6]


def test_a_peft_adapter_of_a_stranger(base: Path, tmp_path: Path) -> None:
    library = pytest.importorskip("peft")
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    config = library.PrefixTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=P)
    tuned = library.get_peft_model(model, config).eval()
    tuned.save_pretrained(tmp_path / "peft")
    convert(tmp_path / "peft", tmp_path / "ours", to="weitiao")
    loaded = open_adapter(tmp_path / "ours", device="cpu", dtype="float32")
    ids = list(loaded.format.render_prompt(loaded.messages("你好, hello")))
    expected = greedy(tuned, ids, count=8, stop=loaded.format.stop_ids)
    assert loaded.generate("你好, hello", max_new_tokens=8) == loaded.format.decode(expected)
    assert loaded.generate("你好, hello", max_new_tokens=8) != loaded.generate(
        "你好, hello", max_new_tokens=8, adapter=False
    )


@pytest.mark.parametrize("key", ["base", "format", "position_start"])
def test_a_changed_note_is_refused(adapter: Path, tmp_path: Path, key: str) -> None:
    convert(adapter, tmp_path / "peft", to="peft")
    path = tmp_path / "peft" / CARRIED
    path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), key: "x"}), encoding="utf-8")
    with pytest.raises(AdapterError, match="is damaged"):
        read_adapter(tmp_path / "peft")


def test_a_stranger_with_no_base_is_asked_for_it(adapter: Path, base: Path, tmp_path: Path) -> None:
    convert(adapter, tmp_path / "peft", to="peft")
    (tmp_path / "peft" / CARRIED).unlink()
    path = tmp_path / "peft" / "adapter_config.json"
    config = json.loads(path.read_text("utf-8"))
    path.write_text(json.dumps({**config, "base_model_name_or_path": None}), encoding="utf-8")
    with pytest.raises(AdapterError, match=r"which base it belongs to(.|\n)*--base"):
        convert(tmp_path / "peft", tmp_path / "out", to="weitiao")
    convert(tmp_path / "peft", tmp_path / "out", to="weitiao", base=str(base))
    assert torch.equal(kv_of(tmp_path / "out"), kv_of(adapter))


@pytest.mark.parametrize("to", ["peft", "chatglm"])
def test_refusals_leave_nothing_behind(adapter: Path, tmp_path: Path, to: Any) -> None:
    wide = make_base(tmp_path / "wide", num_key_value_heads=4)
    with pytest.raises(AdapterError, match=r"key/value heads|no official ChatGLM release"):
        convert(adapter, tmp_path / "out", to=to, base=str(wide))
    assert not list(tmp_path.glob("*out*"))


def test_another_base_is_refused(adapter: Path, tmp_path: Path) -> None:
    convert(adapter, tmp_path / "peft", to="peft")
    other = make_base(tmp_path / "other", seed=9)
    with pytest.raises(AdapterError, match="other weights"):
        convert(tmp_path / "peft", tmp_path / "back", to="weitiao", base=str(other))


def test_the_same_system_and_a_full_folder_are_refused(adapter: Path, base: Path, tmp_path: Path) -> None:
    with pytest.raises(AdapterError, match="is an adapter of weitiao already"):
        convert(adapter, tmp_path / "out", to="weitiao")
    with pytest.raises(AdapterError, match="is there already"):
        convert(adapter, base, to="peft")
    whole = make_adapter(tmp_path / "full", base, full_seed=3)
    with pytest.raises(AdapterError, match="no prefix"):
        convert(whole, tmp_path / "out", to="peft")


# -------------------------------------------------------------------------------- official folders


@cache
def tokenizer_of(version: str, files: Path) -> Any:
    return load_chatglm(files, version)  # type: ignore[arg-type]


@pytest.fixture(params=[1, 2, 3])
def release(
    request: pytest.FixtureRequest, shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A tiny official folder with the real tokenizer files, which take seconds to read: once for all tests."""
    version = request.param
    name = f"chatglm{version}-6b" if version > 1 else "chatglm-6b"
    folder = tmp_path / name
    shutil.copytree(shared / "reference" / f"chatglm{version}" / "realvocab", folder)
    folder.chmod(0o755)
    files = shared / "reference" / "tokenizers" / name
    monkeypatch.setattr(tokenizers, "load_chatglm", lambda _, version: tokenizer_of(version, files))
    for file in files.iterdir():
        if (
            file.suffix in (".json", ".model")
            and file.name != "tokens.json"
            and not (folder / file.name).exists()
        ):
            shutil.copy(file, folder / file.name)
    return folder


def official(release: Path, folder: Path, *, projected: bool = False) -> Path:
    """What the scripts would leave behind."""
    config = json.loads((release / "config.json").read_text("utf-8"))
    shape = chatglm.shape_of({**config, "pre_seq_len": P}, release)
    numbers = shape.layers * 2 * shape.heads * shape.size
    torch.manual_seed(0)
    projection = None
    if projected:
        projection = Projection(
            torch.randn(6, numbers), torch.randn(6), torch.randn(numbers, 6), torch.randn(numbers)
        )
    folder.mkdir()
    chatglm.write(folder, Encoder(shape, torch.randn(P, numbers), 0, projection), config)
    return folder


def tensors_of(folder: Path) -> dict[str, torch.Tensor]:
    return torch.load(folder / "pytorch_model.bin", weights_only=True)


def test_official_to_weitiao_to_official(release: Path, tmp_path: Path) -> None:
    theirs = official(release, tmp_path / "theirs")
    convert(theirs, tmp_path / "ours", to="weitiao", base=str(release))
    convert(tmp_path / "ours", tmp_path / "back", to="chatglm")
    own, expected = tensors_of(tmp_path / "back"), tensors_of(theirs)
    assert own.keys() == expected.keys()
    assert all(torch.equal(own[n], expected[n]) for n in own)
    assert (tmp_path / "back" / "config.json").read_bytes() == (theirs / "config.json").read_bytes()
    assert read_config(tmp_path / "ours")["position_start"] == 0


def test_an_imported_adapter_answers(release: Path, tmp_path: Path) -> None:
    theirs = official(release, tmp_path / "theirs", projected=True)
    done = convert(theirs, tmp_path / "ours", to="weitiao", base=str(release))
    assert "the MLP" in done.notes[0]
    loaded = open_adapter(tmp_path / "ours", device="cpu", dtype="float32")
    with_it, without = (loaded.generate("你好", max_new_tokens=6, adapter=a) for a in (True, False))
    assert with_it != without


def test_weitiao_to_official_to_weitiao(release: Path, tmp_path: Path) -> None:
    """An adapter whose text begins at P: its keys are turned, and come back bit by bit all the same."""
    if release.name == "chatglm-6b":
        pytest.skip("text of ChatGLM-6B begins at 0 with any prefix")
    convert(official(release, tmp_path / "theirs"), tmp_path / "zero", to="weitiao", base=str(release))
    config = read_config(tmp_path / "zero")
    kv = torch.randn(PrefixShape(*read_adapter(tmp_path / "zero").encoder.shape).tensor)
    save_adapter(tmp_path / "ours", {"kv": kv}, {**config, "position_start": P, "origin": None})
    convert(tmp_path / "ours", tmp_path / "official", to="chatglm")
    turned = chatglm.read(tmp_path / "official").kv()
    assert not torch.equal(turned[:, 0], kv[:, 0])
    assert torch.equal(turned[:, 1], kv[:, 1])
    convert(tmp_path / "official", tmp_path / "back", to="weitiao")
    assert torch.equal(kv_of(tmp_path / "back"), kv)
    assert read_config(tmp_path / "back")["position_start"] == P
    # a file of another prefix beside it is noticed
    kept = (tmp_path / "official" / UNTURNED).read_bytes()
    save_file({"kv": kv[:, :, :, :1].contiguous()}, tmp_path / "official" / UNTURNED)
    with pytest.raises(AdapterError, match="does not belong to the files beside it"):
        read_adapter(tmp_path / "official")
    (tmp_path / "official" / UNTURNED).write_bytes(kept)
    # without what lies beside the files it is the same prefix up to rounding
    for name in (CARRIED, UNTURNED):
        (tmp_path / "official" / name).unlink()
    convert(tmp_path / "official", tmp_path / "bare", to="weitiao", base=str(release))
    a, b = (open_adapter(tmp_path / n, device="cpu", dtype="float32").prefix for n in ("bare", "ours"))
    torch.testing.assert_close(a, b, rtol=0, atol=1e-5)


def test_official_to_peft(release: Path, tmp_path: Path) -> None:
    """PEFT begins the text at P: the same logits on the native model."""
    library = pytest.importorskip("peft")
    from weitiao.models import chatglm as releases

    theirs = official(release, tmp_path / "theirs")
    if release.name == "chatglm-6b":
        with pytest.raises(AdapterError, match="begins at position 0 with a prefix too"):
            convert(theirs, tmp_path / "peft", to="peft", base=str(release))
        return
    convert(theirs, tmp_path / "peft", to="peft", base=str(release))
    convert(official(release, tmp_path / "again"), tmp_path / "ours", to="weitiao", base=str(release))
    model = library.PeftModel.from_pretrained(releases.load(release), tmp_path / "peft").eval()
    loaded = open_adapter(tmp_path / "ours", device="cpu", dtype="float32")
    ids = list(loaded.format.render_prompt(loaded.messages("你好")))
    expected = greedy(model, ids, count=6, stop=loaded.format.stop_ids)
    assert loaded.generate("你好", max_new_tokens=6) == loaded.format.decode(expected)


# ------------------------------------------------------------------------------------ training on


def test_a_recipe_starts_from_a_peft_adapter(
    adapter: Path, base: Path, tmp_path: Path, recipe_file: RecipeFile
) -> None:
    convert(adapter, tmp_path / "peft", to="peft")
    path = recipe_file(base={"path": str(base)}, method={"init": {"adapter": str(tmp_path / "peft")}})
    opened = open_recipe(resolve(path))
    assert opened.prefix_length == P
    prefix = attach(opened).prefix
    assert prefix is not None
    assert torch.equal(prefix.folded(), kv_of(adapter))


def test_a_run_goes_on_from_a_projected_official_checkpoint(
    release: Path, tmp_path: Path, recipe_file: RecipeFile
) -> None:
    theirs = official(release, tmp_path / "theirs", projected=True)
    path = recipe_file(
        base={"path": str(release), "dtype": "float32"},
        method={"init": {"adapter": str(theirs)}},
        train={"max_steps": 2, "batch_size": 4},
        evaluate={"before": False, "limit": 2, "decode": {"max_new_tokens": 4}, "metrics": ["exact"]},
    )
    opened = open_recipe(resolve(path))
    assert {n for n in attach(opened).trainable() if "mlp" in n}
    result = run(path, out=tmp_path / "out")
    assert result.report["train"]["steps"] == 2
    trained = read_config(result.adapter)
    assert trained["position_start"] == (0 if release.name == "chatglm-6b" else P)
    before = open_adapter_kv(theirs, release, tmp_path)
    moved = (kv_of(result.adapter) - before).abs().max()
    assert 0 < moved < 10
    convert(result.adapter, tmp_path / "official", to="chatglm")
    assert chatglm.read(tmp_path / "official").shape.length == P


def open_adapter_kv(theirs: Path, release: Path, tmp_path: Path) -> torch.Tensor:
    convert(theirs, tmp_path / "imported", to="weitiao", base=str(release))
    prefix = open_adapter(tmp_path / "imported", device="cpu", dtype="float32").prefix
    assert prefix is not None
    return prefix


def test_another_length_is_refused(adapter: Path, base: Path, recipe_file: RecipeFile) -> None:
    path = recipe_file(base={"path": str(base)}, method={"init": {"adapter": str(adapter)}, "length": P + 1})
    with pytest.raises(ConfigError, match=r"method.length: 5, but the adapter .* has 4 virtual tokens"):
        open_recipe(resolve(path))


def test_what_the_adapter_absorbed_is_left_out_again(
    base: Path, tmp_path: Path, recipe_file: RecipeFile
) -> None:
    first = open_recipe(resolve(recipe_file(base={"path": str(base)})))
    assert first.start is not None
    absorbed = first.start.absorbed
    assert absorbed
    adapter = make_adapter(tmp_path / "adapter", base, absorbed=absorbed, length=P)
    method = {"init": {"adapter": str(adapter)}}
    again = open_recipe(resolve(recipe_file(base={"path": str(base)}, method=method)))
    assert again.start is not None
    assert again.start.absorbed == absorbed
    assert again.rendered("train") == first.rendered("train")


def test_an_encoder_comes_back(adapter: Path) -> None:
    source = read_adapter(adapter)
    assert torch.equal(source.encoder.kv(), kv_of(adapter))
    assert torch.equal(encoder_of(kv_of(adapter), P).embedding, source.encoder.embedding)
