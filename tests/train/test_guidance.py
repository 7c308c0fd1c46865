"""Guided heads: the loss knows the right places, and a base that follows it copies."""

from __future__ import annotations

import pytest
import torch
from pydantic import ValidationError
from transformers import LlamaConfig, LlamaForCausalLM

from weitiao.train.guidance import CONTINUE, LOOK_BACK, Guidance, continuations
from weitiao.train.pretrain_config import PretrainRecipe


def fresh() -> LlamaForCausalLM:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=64,
        hidden_size=64,
        intermediate_size=96,
        num_hidden_layers=3,
        num_attention_heads=2,
        num_key_value_heads=2,
        tie_word_embeddings=True,
        attn_implementation="eager",
    )
    return LlamaForCausalLM(config)


def test_continuations_are_where_the_same_pair_stood_before() -> None:
    ids = torch.tensor([[5, 6, 7, 5, 6, 8, 5, 6]])
    places = continuations(ids)[0].nonzero().tolist()
    # after the second 5 comes 6, as at 1; after the third 5 as at 1 and 4; the 6 at 4 is followed by 8, never before
    assert places == [[3, 1], [6, 1], [6, 4]]


@torch.no_grad()
def test_the_loss_is_minus_the_log_of_the_models_own_attention() -> None:
    model = fresh()
    ids = torch.randint(6, (3, 20))
    with Guidance(model) as guidance:
        attentions = model(ids, output_attentions=True).attentions
    expected = []
    for layer, head, distance in LOOK_BACK:
        expected.append(-attentions[layer][:, head].diagonal(-distance, 1, 2).log().mean())
    places = continuations(ids)
    for layer, head in CONTINUE:
        share = (attentions[layer][:, head] * places).sum(-1)[places.any(-1)]
        expected.append(-share.log().mean())
    torch.testing.assert_close(guidance.loss(ids), torch.stack(expected).mean())


def test_nothing_of_it_stays_on_the_model() -> None:
    model = fresh()
    with Guidance(model):
        pass
    assert all(not m._forward_pre_hooks for m in model.modules())


def copied(model: LlamaForCausalLM) -> float:
    """Share of tokens predicted right in the second copy of sequences never seen before."""
    first = torch.randint(64, (64, 12), generator=torch.Generator().manual_seed(1))
    ids = torch.cat([first, first], 1)
    with torch.no_grad():
        predicted = model(ids).logits.argmax(-1)
    return (predicted[:, 12:-1] == ids[:, 13:]).float().mean().item()


def trained(weight: float) -> float:
    model, draw = fresh(), torch.Generator().manual_seed(0)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(150):
        first = torch.randint(64, (16, 12), generator=draw)
        ids = torch.cat([first, first], 1)
        with Guidance(model) as guidance:
            loss = model(ids, labels=ids).loss
        (loss + weight * guidance.loss(ids)).backward()
        optimizer.step()
        optimizer.zero_grad()
    return copied(model)


def test_a_guided_base_copies_sooner_than_an_unguided_one() -> None:
    guided = trained(0.5)
    assert guided > 0.4
    assert guided > 2 * trained(0.0)


@pytest.mark.parametrize(
    "model", [{"layers": 2}, {"family": "gpt2"}, {"heads": 4, "hidden": 256, "kv_heads": 2}]
)
def test_a_shape_without_such_heads_is_refused(model: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match="guidance"):
        PretrainRecipe.model_validate({"model": model, "train": {"guidance": 0.5}})
