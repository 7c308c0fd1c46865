"""A fresh base with induction heads continues a repeated sequence; without them it does not."""

from __future__ import annotations

import pytest
import torch
from pydantic import ValidationError
from transformers import LlamaConfig, LlamaForCausalLM

from weitiao.train.induction import write_induction_heads
from weitiao.train.pretrain_config import ModelRecipe


def fresh() -> LlamaForCausalLM:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=4000,
        hidden_size=320,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=5,
        num_key_value_heads=5,
        tie_word_embeddings=True,
    )
    return LlamaForCausalLM(config).eval()


def continued(model: LlamaForCausalLM, *, gap: int) -> float:
    """Share of tokens predicted right in the second copy of 30 random tokens."""
    torch.manual_seed(1)
    first, between = torch.randint(4000, (8, 30)), torch.randint(4000, (8, gap))
    ids = torch.cat([first, between, first], 1)
    with torch.no_grad():
        predicted = model(ids).logits.argmax(-1)
    start = 30 + gap
    return (predicted[:, start:-1] == ids[:, start + 1 :]).float().mean().item()


def test_a_fresh_base_copies_with_the_heads_only() -> None:
    model = fresh()
    assert continued(model, gap=0) < 0.02
    write_induction_heads(model, seed=0)
    assert continued(model, gap=0) > 0.6
    assert continued(model, gap=100) > 0.3


@pytest.mark.parametrize("changes", [{"family": "gpt2"}, {"kv_heads": 1}, {"layers": 1}])
def test_a_shape_without_room_for_them_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match="induction"):
        ModelRecipe(induction=True, **changes)  # type: ignore[arg-type]
