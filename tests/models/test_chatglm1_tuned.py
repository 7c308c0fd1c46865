"""Our data path over ChatGLM-6B (packing, prefix, decode loop) against values of the original code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from weitiao.config import DecodeConfig
from weitiao.infer.decode import generate
from weitiao.models import chatglm1
from weitiao.pack import pack
from weitiao.tuning.prefix import DeepPrefix
from weitiao.tuning.tuned import Tuned, prepare
from weitiao.types import Rendered

PAD, SOP, EOP = 3, 504, 505
PREFIX = "transformer.prefix_encoder."
Values = dict[str, Tensor]
WITH_PREFIX = [
    ("cases_ptuning", "model", "ptuning"),
    ("cases_ptuning_projection", "model", "ptuning_projection"),
    ("layers28/cases_ptuning", "layers28/model", "layers28/ptuning"),
]


def rendered(ids: Tensor, labels: Tensor | None = None) -> list[Rendered]:
    """Rows of an official batch without their pads."""
    out = []
    for r, row in enumerate(ids.tolist()):
        places = [k for k, token in enumerate(row) if token != PAD]
        trained = [labels is not None and labels[r, k].item() != -100 for k in places]
        own = [row[k] for k in places]
        out.append(Rendered(tuple(own), tuple(trained), str(r), context=own.index(SOP)))
    return out


def encoder(folder: Path) -> dict[str, Tensor]:
    """Tensors of an official prefix, as leaves."""
    stored = torch.load(folder / "pytorch_model.bin", weights_only=True)
    return {
        n.removeprefix(PREFIX): t.float().requires_grad_() for n, t in stored.items() if n.startswith(PREFIX)
    }


def keys_and_values_of(tensors: dict[str, Tensor], config: Any) -> Tensor:
    """[L, 2, H, P, D] as the original views what its encoder gives."""
    out = tensors["embedding.weight"]
    if "trans.0.weight" in tensors:
        inner = torch.nn.functional.linear(out, tensors["trans.0.weight"], tensors["trans.0.bias"]).tanh()
        out = torch.nn.functional.linear(inner, tensors["trans.2.weight"], tensors["trans.2.bias"])
    heads = config.num_attention_heads
    shaped = out.view(len(out), config.num_hidden_layers, 2, heads, config.hidden_size // heads)
    return shaped.permute(1, 2, 3, 0, 4)


@pytest.fixture(params=WITH_PREFIX, ids=["direct", "projection", "28 layers"])
def with_prefix(request: pytest.FixtureRequest, reference: Path) -> tuple[Any, dict[str, Tensor], Values]:
    """A model, an official prefix, and what the original computed with both."""
    cases, model, prefix = request.param
    folder = reference / "chatglm1"
    return (
        chatglm1.load(folder / model),
        encoder(folder / prefix),
        load_file(folder / f"{cases}.safetensors"),
    )


def greedy(model: Any, prompts: list[tuple[int, ...]], prefix: Tensor | None) -> list[list[int]]:
    """Twenty tokens to each prompt by our decode loop."""
    config = DecodeConfig(max_new_tokens=20, temperature=0)
    found = generate(model, prompts, prefixes=prefix, config=config, stop_ids=(), decode=str, pad_id=PAD)
    return [list(a.ids) for a in found]


@pytest.mark.parametrize("where", [("cases", "model"), ("layers28/cases", "layers28/model")])
@pytest.mark.parametrize("mode", ["tree", "pack", "pad"])
def test_packed_loss_and_gradients(reference: Path, where: tuple[str, str], mode: Any) -> None:
    """The whole model trains: the gradients of the original's mean loss."""
    values = load_file(reference / "chatglm1" / f"{where[0]}.safetensors")
    tuned = Tuned(chatglm1.load(reference / "chatglm1" / where[1]), None, trains_base=True)
    samples = rendered(values["supervised.input_ids"], values["supervised.labels"])
    assert all(s.trained[s.context] and s.ids[s.context] == SOP for s in samples)  # <sop> is a target
    batch = pack(samples, mode=mode)
    loss = tuned(batch).total / batch.weight.sum()
    torch.testing.assert_close(loss[None], values["supervised.loss"], rtol=0, atol=1e-5)
    loss.backward()
    for name in (n for n in values if n.startswith("supervised.grad.")):
        grad = tuned.model.get_parameter(name.removeprefix("supervised.grad.")).grad
        torch.testing.assert_close(grad, values[name], rtol=1e-4, atol=1e-5)
    assert "lm_head.weight" not in tuned.export()
    assert "transformer.word_embeddings.weight" in tuned.export()


@torch.no_grad()
def test_an_official_prefix_in_every_case(with_prefix: tuple[Any, dict[str, Tensor], Values]) -> None:
    model, tensors, values = with_prefix
    tuned = Tuned(model, DeepPrefix(keys_and_values_of(tensors, model.config))).eval()
    assert tuned.position_start == 0
    for case in ("single", "with_answer", "left_padded", "supervised"):
        ids = values[f"{case}.input_ids"]
        for sample, row, wanted in zip(rendered(ids), ids, values[f"{case}.logits"], strict=True):
            logits = model.lm_head(tuned.hidden(pack([sample])))[0]
            torch.testing.assert_close(logits, wanted[row != PAD], rtol=0, atol=1e-4)


@pytest.mark.parametrize("mode", ["tree", "pack", "pad"])
def test_loss_and_prefix_gradients(with_prefix: tuple[Any, dict[str, Tensor], Values], mode: Any) -> None:
    model, tensors, values = with_prefix
    kv = keys_and_values_of(tensors, model.config)
    prefix = DeepPrefix(kv)
    batch = pack(rendered(values["supervised.input_ids"], values["supervised.labels"]), mode=mode)
    loss = Tuned(model, prefix)(batch).total / batch.weight.sum()
    torch.testing.assert_close(loss[None], values["supervised.loss"], rtol=0, atol=1e-5)
    loss.backward()
    assert prefix.kv.grad is not None
    kv.backward(prefix.kv.grad)
    for name, tensor in tensors.items():
        wanted = values[f"supervised.grad.{PREFIX}{name}"]
        torch.testing.assert_close(tensor.grad, wanted, rtol=1e-4, atol=1e-5)


def test_greedy_answers_with_a_prefix(with_prefix: tuple[Any, dict[str, Tensor], Values]) -> None:
    model, tensors, values = with_prefix
    kv = keys_and_values_of(tensors, model.config).detach()
    single, batch = (rendered(values[f"{c}.input_ids"]) for c in ("single", "left_padded"))
    wanted = values["greedy_single.sequences"][:, values["single.input_ids"].shape[1] :]
    assert greedy(model, [s.ids for s in single], kv) == wanted.tolist()
    wanted = values["greedy_left_padded.sequences"][:, values["left_padded.input_ids"].shape[1] :]
    assert greedy(model, [s.ids for s in batch], kv) == wanted.tolist()


def test_greedy_answers_without_one_and_beside_one(reference: Path) -> None:
    """Rows with a prefix of their own and rows without, in one batch."""
    folder = reference / "chatglm1"
    model = chatglm1.load(folder / "model")
    kv = keys_and_values_of(encoder(folder / "ptuning"), model.config).detach()
    plain, tuned = (load_file(folder / f"{n}.safetensors") for n in ("cases", "cases_ptuning"))
    prompts = [s.ids for s in rendered(plain["left_padded.input_ids"])]
    length = plain["left_padded.input_ids"].shape[1]
    prepare(model)
    config = DecodeConfig(max_new_tokens=20, temperature=0)
    found = generate(
        model,
        prompts * 2,
        prefixes=[None] * 3 + [kv] * 3,
        config=config,
        stop_ids=(EOP,),
        decode=str,
        pad_id=PAD,
    )
    wanted = torch.cat([v["greedy_left_padded.sequences"][:, length:] for v in (plain, tuned)])
    assert [list(a.ids) for a in found] == wanted.tolist()


@pytest.mark.parametrize("form", ["dense", "blocks", "flex"])
@torch.no_grad()
def test_every_form_of_attention(reference: Path, form: Any) -> None:
    import warnings

    from weitiao.tuning.attention import Visibility

    values = load_file(reference / "chatglm1" / "cases.safetensors")
    model = chatglm1.load(reference / "chatglm1" / "model")
    prepare(model)
    batch = pack(rendered(values["with_answer.input_ids"]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # flex runs uncompiled on the CPU
        out = model(
            batch.input_ids,
            position_ids=model.position_scheme.position_ids(batch.position_ids, batch.context),
            visibility=Visibility(batch.first, batch.last, batch.input_ids.shape[1], form=form),
        )
    torch.testing.assert_close(out.logits, values["with_answer.logits"], rtol=0, atol=1e-4)
