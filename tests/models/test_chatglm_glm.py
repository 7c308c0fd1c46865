"""ChatGLM2 and ChatGLM3 as native GLM give the values of the original code, through `load_base` and `Tuned`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional as F

from weitiao.config import BaseConfig, DecodeConfig
from weitiao.errors import ModelError
from weitiao.infer.decode import generate
from weitiao.models.chatglm import load
from weitiao.models.load import Base, fingerprint, load_base
from weitiao.pack import pack
from weitiao.tuning.prefix import DeepPrefix, PrefixShape, initial
from weitiao.tuning.tuned import Tuned
from weitiao.types import Rendered

VERSIONS = ("chatglm2", "chatglm3")
Official = Callable[..., Path]


def opened(folder: Path, **options: Any) -> Base:
    config = BaseConfig.model_validate({"path": str(folder), "dtype": "float32", "device": "cpu", **options})
    return load_base(config)


def case(cases: dict[str, Tensor], name: str, *keys: str) -> dict[str, Tensor]:
    keys = keys or ("input_ids", "attention_mask", "position_ids")
    return {key: cases[f"{name}.{key}"] for key in keys}


@pytest.fixture(params=VERSIONS)
def version(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def cases(reference: Path, version: str) -> dict[str, Tensor]:
    return load_file(reference / version / "cases.safetensors")


@pytest.fixture
def model(official: Official, version: str) -> Any:
    return opened(official(version)).model


@torch.no_grad()
def test_logits_hidden_states_and_cache(model: Any, cases: dict[str, Tensor]) -> None:
    out = model(**case(cases, "single"), output_hidden_states=True, use_cache=True)
    torch.testing.assert_close(out.logits, cases["single.logits"], rtol=0, atol=5e-5)
    layers = model.config.num_hidden_layers
    for number in range(layers):
        expected = cases[f"single.hidden_states.{number}"]
        torch.testing.assert_close(out.hidden_states[number], expected, rtol=0, atol=5e-5)
    torch.testing.assert_close(out.hidden_states[-1], cases["single.last_hidden_state"], rtol=0, atol=5e-5)
    for number, layer in enumerate(out.cache.layers):
        for got, name in ((layer.keys, "key"), (layer.values, "value")):
            torch.testing.assert_close(
                got.transpose(1, 2), cases[f"single.{name}.{number}"], rtol=0, atol=5e-5
            )
    plain = model(input_ids=cases["ids_only.input_ids"]).logits
    torch.testing.assert_close(plain, cases["ids_only.logits"], rtol=0, atol=5e-5)


@torch.no_grad()
def test_left_padded_batch(model: Any, cases: dict[str, Tensor]) -> None:
    inputs = case(cases, "left_padded")
    real = inputs["attention_mask"].bool()
    got = model(**inputs).logits
    torch.testing.assert_close(got[real], cases["left_padded.logits"][real], rtol=0, atol=5e-5)


@torch.no_grad()
def test_through_the_cache(model: Any, cases: dict[str, Tensor]) -> None:
    ids = cases["single.input_ids"]
    out = model(input_ids=ids[:, :10], use_cache=True)
    logits = [out.logits]
    for number in range(10, ids.shape[1]):
        out = model(input_ids=ids[:, number : number + 1], cache=out.cache, use_cache=True)
        logits.append(out.logits)
    torch.testing.assert_close(torch.cat(logits, 1), cases["cached.logits"], rtol=0, atol=5e-5)


def test_loss_and_gradients(model: Any, cases: dict[str, Tensor]) -> None:
    labels = cases["supervised.labels"]
    logits = model(**case(cases, "supervised")).logits
    torch.testing.assert_close(logits, cases["supervised.logits"], rtol=0, atol=5e-5)
    loss = F.cross_entropy(logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten(), ignore_index=-100)
    torch.testing.assert_close(loss, cases["supervised.loss"][0], rtol=0, atol=1e-5)
    loss.backward()
    attention = model.model.layers[0].self_attn
    fused = torch.cat([attention.get_submodule(f"{p}_proj").bias.grad for p in "qkv"])
    start = "supervised.grad.transformer.encoder"
    pairs = [
        (fused, f"{start}.layers.0.self_attention.query_key_value.bias"),
        (model.model.layers[1].mlp.down_proj.weight.grad, f"{start}.layers.1.mlp.dense_4h_to_h.weight"),
        (model.model.norm.weight.grad, f"{start}.final_layernorm.weight"),
    ]
    for got, name in pairs:
        torch.testing.assert_close(got, cases[name], rtol=0, atol=1e-6)


def greedy(model: Any, prompts: list[list[int]], tokens: int) -> list[list[int]]:
    config = DecodeConfig(max_new_tokens=tokens)
    answers = generate(
        model, prompts, prefixes=None, config=config, stop_ids=(), decode=lambda ids: "", pad_id=0
    )
    return [list(answer.ids) for answer in answers]


def test_greedy_ids_one_and_a_batch(
    model: Any, cases: dict[str, Tensor], reference: Path, version: str
) -> None:
    told = json.loads((reference / version / "cases.json").read_text("utf-8"))["cases"]
    single = cases["single.input_ids"].tolist()
    assert greedy(model, single, 20) == [told["greedy_single"]["new_tokens"]]
    inputs = case(cases, "left_padded", "input_ids", "attention_mask")
    prompts = [
        ids[mask.bool()].tolist()
        for ids, mask in zip(inputs["input_ids"], inputs["attention_mask"], strict=True)
    ]
    assert greedy(model, prompts, 20) == told["greedy_left_padded"]["new_tokens"]


@torch.no_grad()
def test_real_vocabulary_text_in_text_out(official: Official, reference: Path, version: str) -> None:
    cases = load_file(reference / version / "cases_realvocab.safetensors")
    told = json.loads((reference / version / "cases_realvocab.json").read_text("utf-8"))["cases"]
    base = opened(official(version, "realvocab"))
    for name in told:
        last = base.model(**case(cases, name)).logits[:, -1]
        torch.testing.assert_close(last[:, ::16], cases[f"{name}.last_logits_every_16th"], rtol=0, atol=5e-5)
    for name, one in told.items():  # after the plain calls: decoding puts our attention into the model
        inputs = case(cases, name)
        prompts = [
            ids[mask.bool()].tolist()
            for ids, mask in zip(inputs["input_ids"], inputs["attention_mask"], strict=True)
        ]
        ids = greedy(base.model, prompts, len(one["greedy_new_tokens"][0]))
        assert ids == one["greedy_new_tokens"]
        decoded = [base.tokenizer.decode(row, skip_special_tokens=True) for row in ids]
        assert decoded == one["greedy_decoded"]


@torch.no_grad()
@pytest.mark.parametrize("bits", [4, 8])
@pytest.mark.parametrize("way", ["keep", "expand"])
def test_quantised_release(official: Official, reference: Path, bits: int, way: str) -> None:
    cases = load_file(reference / "chatglm2" / f"cases_int{bits}.safetensors")
    base = opened(official("chatglm2", f"int{bits}"), quantised=way)
    got = base.model(**case(cases, "single")).logits
    torch.testing.assert_close(got, cases["single.logits"], rtol=0, atol=5e-5)
    kept = [m for m in base.model.modules() if getattr(m, "bits", None) == bits]
    assert len(kept) == (6 * base.model.config.num_hidden_layers if way == "keep" else 0)
    full = load(reference / "chatglm2" / "model")
    assert base.num_parameters == sum(p.numel() for p in full.parameters())


def test_keeping_integers_changes_no_fingerprint(reference: Path) -> None:
    prints = {q: fingerprint(load(reference / "chatglm2" / "int4", quantised=q)) for q in ("keep", "expand")}
    assert prints["keep"] == prints["expand"]
    assert prints["keep"] != fingerprint(load(reference / "chatglm2" / "model"))


def samples() -> list[Rendered]:
    """Eight samples that share beginnings, with answers of their own."""
    generator = torch.Generator().manual_seed(0)
    trunk = torch.randint(3, 500, (12,), generator=generator).tolist()
    out = []
    for number in range(8):
        tail = torch.randint(3, 500, (3 + number % 3,), generator=generator).tolist()
        ids = (*trunk[: 6 + number % 7], *tail)
        out.append(Rendered(ids, tuple(k >= len(ids) - 2 for k in range(len(ids))), str(number)))
    return out


@pytest.mark.parametrize(
    ("version", "checkpoint", "options"),
    [
        ("chatglm2", "model", {}),
        ("chatglm2", "model", {"rotary": "original"}),
        ("chatglm3", "model", {}),
        ("chatglm2", "int8", {"quantised": "keep"}),
        ("chatglm2", "int4", {"quantised": "keep"}),
    ],
)
def test_a_prefix_trains_packed_as_separate(
    official: Official, version: str, checkpoint: str, options: dict[str, Any]
) -> None:
    model = opened(official(version, checkpoint), **options).model
    prefix = DeepPrefix(initial("random", PrefixShape.of(model.config, 5), seed=1))
    tuned = Tuned(model, prefix)
    assert list(tuned.trainable()) == ["prefix.kv"]
    data = samples()
    tuned(pack(data, mode="tree")).total.backward()
    assert prefix.kv.grad is not None
    packed = prefix.kv.grad.clone()
    prefix.kv.grad = None
    total = torch.zeros(())
    for sample in data:
        total = total + tuned(pack([sample], mode="pad")).total
    total.backward()
    scale = packed.abs().max().item()
    assert scale > 1e-3
    torch.testing.assert_close(packed, prefix.kv.grad, rtol=1e-4, atol=2e-5 * scale)


def test_checkpointing_changes_no_gradient(model: Any) -> None:
    prefix = DeepPrefix(initial("random", PrefixShape.of(model.config, 4), seed=2))
    tuned = Tuned(model, prefix)
    batch = pack(samples(), mode="tree")
    grads = []
    for checkpointed in (False, True):
        prefix.kv.grad = None
        if checkpointed:
            tuned.checkpoint_activations()
            tuned.train()
        tuned(batch).total.backward()
        assert prefix.kv.grad is not None
        grads.append(prefix.kv.grad.clone())
    torch.testing.assert_close(*grads, rtol=0, atol=0)


def test_checkpointing_and_a_step_on_a_quantised_base(official: Official) -> None:
    model = opened(official("chatglm2", "int4")).model
    prefix = DeepPrefix(initial("random", PrefixShape.of(model.config, 4), seed=2))
    tuned = Tuned(model, prefix)
    batch = pack(samples(), mode="tree")
    optimizer = torch.optim.SGD(tuned.trainable().values(), lr=1e-2)
    before = tuned(batch).total
    before.backward()
    assert prefix.kv.grad is not None
    plain = prefix.kv.grad.clone()
    optimizer.zero_grad()
    tuned.checkpoint_activations()
    tuned.train()
    tuned(batch).total.backward()
    torch.testing.assert_close(prefix.kv.grad, plain, rtol=0, atol=0)
    for _ in range(3):
        optimizer.step()
        optimizer.zero_grad()
        loss = tuned(batch).total
        loss.backward()
    assert loss < before


def test_full_tuning_of_kept_integers_is_refused(official: Official) -> None:
    folder = official("chatglm2", "int8")
    with pytest.raises(ModelError, match="kept quantised") as caught:
        Tuned(opened(folder).model, None, trains_base=True)
    assert "expand" in str(caught.value.remedy)
    assert Tuned(opened(folder, quantised="expand").model, None, trains_base=True).trainable()


def test_weights_changed_in_place_leave_the_file_alone(official: Official, reference: Path) -> None:
    folder = official("chatglm3")
    model = load(folder, dtype=torch.float16)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    again = load(folder, dtype=torch.float16)
    assert fingerprint(again) != fingerprint(model)
    assert any(p.abs().max() > 0 for p in again.parameters())


def test_a_batch_of_the_wrong_positions_is_noticed(model: Any, cases: dict[str, Tensor]) -> None:
    """Control: the comparison fails where rotary positions are off."""
    inputs = case(cases, "left_padded")
    wrong = inputs["position_ids"] * 2
    with torch.no_grad():
        got = model(**{**inputs, "position_ids": wrong}).logits
    real = inputs["attention_mask"].bool()
    assert (got[real] - cases["left_padded.logits"][real]).abs().max() > 1e-2


def test_packed_batch_equals_padded_logits(model: Any, cases: dict[str, Tensor]) -> None:
    """Our own attention gives the original's loss on the supervised batch."""
    ids, labels = cases["supervised.input_ids"], cases["supervised.labels"]
    rows = []
    for number, (row, label) in enumerate(zip(ids, labels, strict=True)):
        end = int(torch.nonzero(label != -100).max()) + 1
        trained = tuple((label[:end] != -100).tolist())
        rows.append(Rendered(tuple(row[:end].tolist()), trained, str(number)))
    tuned = Tuned(model, None, trains_base=True)
    batch = pack(rows, mode="tree")
    out = tuned(batch)
    loss = out.total / batch.weight.sum()
    torch.testing.assert_close(loss, cases["supervised.loss"][0], rtol=0, atol=1e-5)
    loss.backward()
    got = model.model.norm.weight.grad
    expected = cases["supervised.grad.transformer.encoder.final_layernorm.weight"]
    torch.testing.assert_close(got, expected, rtol=0, atol=1e-6)
