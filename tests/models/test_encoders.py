"""Encoders: packed rows give the hidden states and gradients that transformers gives for separate samples."""

from __future__ import annotations

import copy
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from transformers import (
    AutoModel,
    BertConfig,
    ElectraConfig,
    ModernBertConfig,
    RobertaConfig,
    XLMRobertaConfig,
)

from bases import tiny_base
from builders import chat_tokenizer
from weitiao.config import BaseConfig
from weitiao.errors import ModelError
from weitiao.models.encoders import Encoder, load_encoder, narrowed, pack_encoded, wrap
from weitiao.models.load import load_base
from weitiao.tuning.attention import Visibility

_SHAPE: dict[str, Any] = {
    "vocab_size": 97,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "max_position_embeddings": 64,
}
_MODERN = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "cls_token_id": 1, "sep_token_id": 2}
ENCODERS: dict[str, Any] = {
    "bert": BertConfig(**_SHAPE),
    "electra": ElectraConfig(**_SHAPE, embedding_size=16),
    "roberta": RobertaConfig(**_SHAPE, type_vocab_size=1),
    "xlm-r": XLMRobertaConfig(**_SHAPE, type_vocab_size=1),
    "modernbert": ModernBertConfig(**_SHAPE, **_MODERN, local_attention=8, global_attn_every_n_layers=3),
}


def plain(family: str) -> Any:
    """A random encoder as transformers computes it."""
    torch.manual_seed(0)
    model = AutoModel.from_config(copy.deepcopy(ENCODERS[family]), attn_implementation="sdpa").eval()
    with torch.no_grad():
        for name, tensor in model.named_parameters():
            if tensor.dim() > 1:
                tensor.normal_(0, 0.3 if "embed" in name else 0.15)
    return model


def encoder(family: str) -> Encoder:
    return wrap(copy.deepcopy(plain(family)), None, family)


def samples_of(seed: int, number: int, longest: int = 30) -> list[list[int]]:
    rng = random.Random(seed)
    return [[rng.randrange(4, 97) for _ in range(rng.randrange(1, longest))] for _ in range(number)]


def separate(model: Any, samples: list[list[int]], segments: list[list[int]] | None = None) -> list[Tensor]:
    out = []
    for number, ids in enumerate(samples):
        types = {} if segments is None else {"token_type_ids": torch.tensor([segments[number]])}
        out.append(model(input_ids=torch.tensor([ids]), **types).last_hidden_state[0])
    return out


@pytest.mark.parametrize("family", ENCODERS)
@pytest.mark.parametrize("row_tokens", [1, 48, 400])
def test_packed_equals_separate(family: str, row_tokens: int) -> None:
    samples = samples_of(1, 9)
    reference, ours = plain(family), encoder(family)
    batch = pack_encoded(samples, row_tokens=row_tokens, pad_id=ours.model.config.pad_token_id)
    got = batch.split(ours.hidden(batch))
    expected = separate(reference, samples)
    for a, b in zip(got, expected, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=2e-5)
    weights = [torch.randn(t.shape, generator=torch.Generator().manual_seed(n)) for n, t in enumerate(got)]
    for tensors in (got, expected):
        torch.stack([(t * w).sum() for t, w in zip(tensors, weights, strict=True)]).sum().backward()
    theirs = dict(reference.named_parameters())
    trained = 0
    for name, parameter in ours.model.named_parameters():
        if theirs[name].grad is None:
            assert parameter.grad is None, name  # the pooler
            continue
        scale = theirs[name].grad.abs().max().item()
        trained += scale > 0
        torch.testing.assert_close(
            parameter.grad, theirs[name].grad, rtol=1e-3, atol=5e-5 * max(scale, 1), msg=name
        )
    assert trained >= 20


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6), number=st.integers(1, 12), row_tokens=st.integers(1, 90))
def test_every_token_has_its_place(seed: int, number: int, row_tokens: int) -> None:
    samples = samples_of(seed, number)
    batch = pack_encoded(samples, row_tokens=row_tokens, pad_id=0)
    assert [t.tolist() for t in batch.split(batch.input_ids)] == samples
    assert [t.tolist() for t in batch.split(batch.position_ids)] == [list(range(len(s))) for s in samples]
    mask = Visibility(batch.first, batch.last, batch.input_ids.shape[1]).dense_mask()
    places = {(s.row, t): n for n, s in enumerate(batch.spans) for t in range(s.start, s.stop)}
    rows, width = batch.input_ids.shape
    for row in range(rows):
        for i in range(width):
            for j in range(width):
                same = (row, i) in places and places.get((row, i)) == places.get((row, j))
                assert bool(mask[row, i, j]) == (same or i == j)


@given(window=st.integers(0, 12))
@settings(max_examples=10, deadline=None)
def test_a_window_is_an_intersection(window: int) -> None:
    batch = pack_encoded(samples_of(5, 5), row_tokens=60, pad_id=0)
    seen = Visibility(batch.first, batch.last, batch.input_ids.shape[1])
    own = torch.arange(batch.input_ids.shape[1])
    near = (own[:, None] - own[None, :]).abs() <= window
    assert torch.equal(narrowed(seen, window).dense_mask(), seen.dense_mask() & near)


def test_the_window_of_modernbert_matters() -> None:
    """Control: without narrowing the local layers the law fails."""
    samples = [list(range(4, 34)), list(range(40, 60))]
    ours, reference = encoder("modernbert"), plain("modernbert")
    assert ours.window == 4
    batch = pack_encoded(samples, row_tokens=60, pad_id=0)
    wide = replace(ours, window=60).hidden(batch)
    assert (batch.split(wide)[0] - separate(reference, samples)[0]).abs().max() > 1e-3


def test_the_position_offset_of_xlm_r_matters() -> None:
    samples = samples_of(3, 3)
    ours, reference = encoder("xlm-r"), plain("xlm-r")
    assert ours.offset == 2
    assert ours.max_positions == 62
    batch = pack_encoded(samples, row_tokens=60, pad_id=1)
    wrong = batch.split(replace(ours, offset=0).hidden(batch))
    assert (wrong[0] - separate(reference, samples)[0]).abs().max() > 1e-3


@pytest.mark.parametrize("family", ["bert", "electra"])
def test_pairs(family: str) -> None:
    samples = samples_of(4, 5)
    segments = [[int(k >= len(s) // 2) for k in range(len(s))] for s in samples]
    ours = encoder(family)
    batch = pack_encoded(samples, row_tokens=70, pad_id=0, segments=segments)
    for a, b in zip(batch.split(ours.hidden(batch)), separate(plain(family), samples, segments), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=2e-5)


def test_pairs_where_there_are_no_token_types() -> None:
    batch = pack_encoded([[5, 6]], row_tokens=4, pad_id=0, segments=[[0, 1]])
    with pytest.raises(ModelError, match="token types"):
        encoder("xlm-r").hidden(batch)


def test_a_sample_that_is_too_long() -> None:
    batch = pack_encoded([[5] * 63], row_tokens=70, pad_id=1)
    with pytest.raises(ModelError, match="takes 62 tokens"):
        encoder("xlm-r").hidden(batch)


@pytest.mark.parametrize("family", ENCODERS)
def test_load_encoder(family: str, tmp_path: Path) -> None:
    model = plain(family)
    model.save_pretrained(tmp_path)
    chat_tokenizer().save_pretrained(tmp_path)
    opened = load_encoder(BaseConfig(path=str(tmp_path), dtype="float32", device="cpu"))
    samples = samples_of(6, 3)
    batch = pack_encoded(samples, row_tokens=64, pad_id=model.config.pad_token_id)
    with torch.no_grad():
        got = batch.split(opened.hidden(batch))
        for a, b in zip(got, separate(model, samples), strict=True):
            torch.testing.assert_close(a, b, rtol=1e-4, atol=2e-5)
    with pytest.raises(ModelError, match="encoder"):
        load_base(BaseConfig(path=str(tmp_path), dtype="float32", device="cpu"))


def test_a_decoder_is_no_encoder(tmp_path: Path) -> None:
    tiny_base("qwen2").save_pretrained(tmp_path)
    chat_tokenizer().save_pretrained(tmp_path)
    with pytest.raises(ModelError, match="no encoder"):
        load_encoder(BaseConfig(path=str(tmp_path), dtype="float32", device="cpu"))
