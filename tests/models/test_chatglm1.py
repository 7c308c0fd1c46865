"""ChatGLM-6B: our port computes what the original code computed (values in ../shared/reference/chatglm1)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from weitiao.errors import FormatError
from weitiao.models import chatglm1

PAD = 3
CHECKPOINTS = [(".", "model"), ("layers28", "layers28/model")]
CASES = ["single", "with_answer", "mask_token", "left_padded", "supervised"]
Values = dict[str, Tensor]


@pytest.fixture(params=CHECKPOINTS, ids=["3 layers", "28 layers"])
def checkpoint(request: pytest.FixtureRequest, reference: Path) -> tuple[Any, Values]:
    """A model and what the original computed with it."""
    where, model = request.param
    values = load_file(reference / "chatglm1" / where / "cases.safetensors")
    return chatglm1.load(reference / "chatglm1" / model), values


def real(values: Values, case: str) -> Tensor:
    """[R, T] tokens whose logits are compared: a pad's mean nothing."""
    return values.get(f"{case}.real_tokens", values[f"{case}.input_ids"] != PAD)


def assert_logits(got: Tensor, values: Values, case: str) -> None:
    keep = real(values, case)
    torch.testing.assert_close(got[keep], values[f"{case}.logits"][keep], rtol=0, atol=1e-4)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("implementation", ["sdpa", "eager"])
@torch.no_grad()
def test_mask_and_positions_are_found_from_the_ids(
    checkpoint: tuple[Any, Values], case: str, implementation: str
) -> None:
    model, values = checkpoint
    model.set_attn_implementation(implementation)
    ids = values[f"{case}.input_ids"]
    if case != "left_padded":  # as the original, without any mask
        assert_logits(model(ids).logits, values, case)
    assert_logits(model(ids, attention_mask=(ids != PAD).long()).logits, values, case)


@pytest.mark.parametrize("case", CASES)
@torch.no_grad()
def test_mask_and_positions_of_the_official_tokenizer_are_taken(
    checkpoint: tuple[Any, Values], case: str
) -> None:
    model, values = checkpoint
    ids, mask, positions = (values[f"{case}.{n}"] for n in ("input_ids", "attention_mask", "position_ids"))
    assert_logits(model(ids, attention_mask=~mask, position_ids=positions).logits, values, case)
    assert_logits(model(ids, attention_mask=~mask).logits, values, case) if case != "left_padded" else None


@torch.no_grad()
def test_hidden_states_keys_and_values(checkpoint: tuple[Any, Values]) -> None:
    model, values = checkpoint
    out = model(values["single.input_ids"], output_hidden_states=True, use_cache=True)
    layers = model.config.num_hidden_layers
    assert len(out.hidden_states) == layers + 1
    for k in range(layers):
        torch.testing.assert_close(
            out.hidden_states[k], values[f"single.hidden_states.{k}"], rtol=1e-5, atol=5e-4
        )
    final = values["single.last_hidden_state"]
    torch.testing.assert_close(out.hidden_states[-1], final, rtol=0, atol=1e-4)
    for k, layer in enumerate(out.cache.layers):
        for name, found in (("key", layer.keys), ("value", layer.values)):
            if f"single.{name}.{k}" in values:
                torch.testing.assert_close(
                    found.transpose(1, 2), values[f"single.{name}.{k}"], rtol=0, atol=1e-4
                )


def test_loss_and_gradients_of_a_right_padded_batch(checkpoint: tuple[Any, Values]) -> None:
    model, values = checkpoint
    out = model(values["supervised.input_ids"], labels=values["supervised.labels"])
    torch.testing.assert_close(out.loss[None], values["supervised.loss"], rtol=0, atol=1e-5)
    out.loss.backward()
    names = [n for n in values if n.startswith("supervised.grad.")]
    assert len(names) == 3
    for name in names:
        grad = model.get_parameter(name.removeprefix("supervised.grad.")).grad
        torch.testing.assert_close(grad, values[name], rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_step_by_step_through_a_cache(checkpoint: tuple[Any, Values]) -> None:
    model, values = checkpoint
    ids, positions = values["with_answer.input_ids"], values["with_answer.position_ids"]
    out = model(ids[:, :11], use_cache=True)
    logits = [out.logits]
    for t in range(11, ids.shape[1]):
        out = model(ids[:, t : t + 1], position_ids=positions[..., t : t + 1], cache=out.cache)
        logits.append(out.logits)
    torch.testing.assert_close(torch.cat(logits, 1), values["cached.logits"], rtol=0, atol=1e-4)
    with pytest.raises(ValueError, match="behind a cache"):
        model(ids[:, :1], cache=out.cache)


@torch.no_grad()
def test_a_cache_under_its_old_name_is_not_passed_over(checkpoint: tuple[Any, Values]) -> None:
    model, values = checkpoint
    ids, positions = values["with_answer.input_ids"], values["with_answer.position_ids"]
    past = model(ids[:, :11], use_cache=True).cache
    with pytest.warns(FutureWarning, match="past_key_values"):
        out = model(ids[:, 11:12], position_ids=positions[..., 11:12], past_key_values=past)
    torch.testing.assert_close(out.logits[:, 0], values["cached.logits"][:, 11], rtol=0, atol=1e-4)


@pytest.mark.parametrize("use_cache", [True, False])
def test_generate_is_the_originals(checkpoint: tuple[Any, Values], use_cache: bool) -> None:
    model, values = checkpoint
    options = {"max_new_tokens": 20, "do_sample": False, "use_cache": use_cache, "eos_token_id": []}
    found = model.generate(values["single.input_ids"], **options)
    assert torch.equal(found, values["greedy_single.sequences"])
    if "greedy_left_padded.sequences" in values:
        ids = values["left_padded.input_ids"]
        found = model.generate(ids, attention_mask=(ids != PAD).long(), **options)
        assert torch.equal(found, values["greedy_left_padded.sequences"])


def test_several_answers_to_one_prompt(reference: Path) -> None:
    values = load_file(reference / "chatglm1" / "cases.safetensors")
    model = chatglm1.load(reference / "chatglm1" / "model")
    ids = values["left_padded.input_ids"]
    options: dict[str, Any] = {"max_new_tokens": 8, "do_sample": False, "num_beams": 3, "eos_token_id": []}
    mask = (ids != PAD).long()
    found = model.generate(ids, attention_mask=mask, num_return_sequences=3, **options)
    assert found.shape == (9, ids.shape[1] + 8)
    for row in range(len(ids)):
        pads = int((ids[row] == PAD).sum())
        alone = model.generate(ids[row : row + 1, pads:], num_return_sequences=3, **options)
        assert torch.equal(found[3 * row : 3 * row + 3, pads:], alone)


@pytest.mark.parametrize("case", ["text_0", "text_1", "text_2", "text_3"])
def test_the_real_vocabulary(reference: Path, case: str) -> None:
    import json

    values = load_file(reference / "chatglm1" / "cases_realvocab.safetensors")
    said = json.loads((reference / "chatglm1" / "cases_realvocab.json").read_text("utf-8"))["cases"][case]
    model = chatglm1.load(reference / "chatglm1" / "realvocab")
    ids = values[f"{case}.input_ids"]
    mask = (ids != PAD).long()
    with torch.no_grad():
        last = model(ids, attention_mask=mask, logits_to_keep=1).logits[:, 0]
    torch.testing.assert_close(last[:, ::16], values[f"{case}.last_logits_every_16th"], rtol=0, atol=1e-4)
    top = last.gather(1, values[f"{case}.last_logits_top64_ids"])
    torch.testing.assert_close(top, values[f"{case}.last_logits_top64_values"], rtol=0, atol=1e-4)
    found = model.generate(ids, attention_mask=mask, max_new_tokens=12, do_sample=False)
    assert found[:, ids.shape[1] :].tolist() == said["greedy_new_tokens"]


def test_positions_of_padded_rows_are_the_tokenizers(reference: Path) -> None:
    from weitiao.models.chatglm1.positions import find_places

    values = load_file(reference / "chatglm1" / "cases.safetensors")
    config = chatglm1.load(reference / "chatglm1" / "model").config
    for case in CASES:
        ids = values[f"{case}.input_ids"]
        found = find_places(ids, None if case == "supervised" else (ids != PAD).long(), config)
        assert torch.equal(found.position_ids, values[f"{case}.position_ids"])


def test_the_same_positions_from_places_and_contexts(reference: Path) -> None:
    """What packing uses against what the original built."""
    values = load_file(reference / "chatglm1" / "cases.safetensors")
    scheme = chatglm1.load(reference / "chatglm1" / "model").position_scheme
    for case in ("single", "with_answer"):
        ids = values[f"{case}.input_ids"]
        context = scheme.context_of(ids[0].tolist())
        places = torch.arange(ids.shape[1])[None]
        found = scheme.position_ids(places, torch.full_like(places, context))
        assert torch.equal(found, values[f"{case}.position_ids"])


def test_ids_without_a_context_are_refused(reference: Path) -> None:
    model = chatglm1.load(reference / "chatglm1" / "model")
    with pytest.raises(FormatError, match="row 1 of input_ids has no <sop>"):
        model(torch.tensor([[5, 501, 504], [5, 6, 7]]))
    with pytest.raises(FormatError, match="row 0 of input_ids has no"):
        model.generate(torch.tensor([[5, 6, 504]]), max_new_tokens=2)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_lower_precision_stays_near(reference: Path, dtype: torch.dtype) -> None:
    values = load_file(reference / "chatglm1" / "cases.safetensors")
    model = chatglm1.load(reference / "chatglm1" / "model", dtype=dtype)
    assert model.dtype == dtype
    with torch.no_grad():
        got = model(values["single.input_ids"]).logits.float()
    want = values["single.logits"]
    assert torch.nn.functional.cosine_similarity(got, want, dim=-1).min() > 0.99


def test_saved_and_opened_again_it_is_the_same(reference: Path, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM

    values = load_file(reference / "chatglm1" / "cases.safetensors")
    model = chatglm1.load(reference / "chatglm1" / "model", rotary="original")
    model.save_pretrained(tmp_path)
    again = AutoModelForCausalLM.from_pretrained(tmp_path)
    assert isinstance(again, chatglm1.ChatGLM1ForCausalLM)
    assert again.config.rotary == "original"
    assert again.lm_head.weight is again.transformer.word_embeddings.weight
    with torch.no_grad():
        ids = values["with_answer.input_ids"]
        assert torch.equal(again(ids).logits, model(ids).logits)


def test_checkpointing_changes_no_gradient(reference: Path) -> None:
    values = load_file(reference / "chatglm1" / "cases.safetensors")
    ids, labels = values["supervised.input_ids"], values["supervised.labels"]

    def gradients(prepare: Callable[[Any], None]) -> Values:
        model = chatglm1.load(reference / "chatglm1" / "model").train()
        prepare(model)
        model(ids, labels=labels).loss.backward()
        return {n: p.grad for n, p in model.named_parameters() if p.grad is not None}

    plain = gradients(lambda model: None)
    again = gradients(lambda model: model.activation_checkpointing_enable({"use_reentrant": False}))
    assert plain.keys() == again.keys()
    assert all(torch.equal(plain[n], again[n]) for n in plain)
