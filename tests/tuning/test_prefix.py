"""A prefix is a cache entry: started from a text it is exactly that text in context."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bases import ALL_FAMILIES, FAMILIES, GMASK, SOP, as_sample, tiny_base
from weitiao.errors import ConfigError, ModelError
from weitiao.pack import pack
from weitiao.tuning.attention import NAME, Visibility
from weitiao.tuning.positions import scheme_of
from weitiao.tuning.prefix import (
    DeepPrefix,
    PrefixShape,
    check_absorbable,
    initial,
    keys_and_values,
    start_from,
)
from weitiao.tuning.tuned import Tuned, check_supported, prepare
from weitiao.types import Rendered

TEXT = [5, 9, 17, 23, 42, 11, 8]
REST = [31, 7, 60, 12, 3]


def prompt(ids: list[int]) -> Rendered:
    return Rendered(tuple(ids), (False,) * len(ids))


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("projection", [None, 16])
def test_a_prefix_from_text_is_that_text_in_context(family: str, projection: int | None) -> None:
    """Compared with an untouched copy of the base that transformers runs its own way."""
    with torch.no_grad():
        expected = tiny_base(family)(torch.tensor([TEXT + REST])).logits[0, len(TEXT) :]
        model = tiny_base(family)
        prepare(model)
        tuned = Tuned(model, DeepPrefix(keys_and_values(model, TEXT), projection=projection)).eval()
        logits = model.get_output_embeddings()(tuned.hidden(pack([prompt(REST)])))[0]
    torch.testing.assert_close(logits, expected, rtol=1e-4, atol=1e-4)


def test_before_a_context_a_prefix_from_text_is_that_text_in_front() -> None:
    """The context sees the text and the text does not see the context; in front means: at the places before."""
    ids = [*TEXT, *REST, GMASK, SOP, 40, 41]
    n, context = len(TEXT), len(TEXT + REST) + 1
    index = torch.arange(len(ids))[None]
    first = torch.where(index < n, 0, torch.where(index < context, n, index))
    with torch.no_grad():
        model = tiny_base("chatglm1")
        prepare(model)
        scheme = scheme_of(model)
        expected = model(
            input_ids=torch.tensor([ids]),
            position_ids=scheme.position_ids(index, torch.full_like(index, context)),
            visibility=Visibility(first, torch.full_like(index, len(ids) - 1), len(ids)),
        ).logits[0, n:]
        tuned = Tuned(model, DeepPrefix(keys_and_values(model, TEXT))).eval()
        sample = Rendered(tuple(ids[n:]), (False,) * (len(ids) - n), context=context - n)
        logits = model.get_output_embeddings()(tuned.hidden(pack([sample])))[0]
    assert tuned.position_start == 0
    assert tuned.prefix_length == n
    torch.testing.assert_close(logits, expected, rtol=1e-4, atol=1e-4)


def test_a_beginning_cannot_be_taken_out_of_contexts() -> None:
    check_absorbable(tiny_base())
    with pytest.raises(ConfigError, match=r"method\.absorb"):
        check_absorbable(tiny_base("chatglm1"))


@pytest.mark.parametrize("family", ALL_FAMILIES)
def test_without_a_method_the_base_is_untouched(family: str) -> None:
    sample = as_sample(family, prompt(TEXT))
    with torch.no_grad():
        expected = tiny_base(family)(torch.tensor([sample.ids])).logits[0]
        model = tiny_base(family)
        logits = model.get_output_embeddings()(Tuned(model, None).hidden(pack([sample])))[0]
    torch.testing.assert_close(logits, expected, rtol=1e-4, atol=1e-5)


def test_peft_reads_our_prefix_the_same_way() -> None:
    """PEFT 0.21 offsets text positions by the virtual tokens, as we do: the same numbers give the same logits."""
    from peft import PrefixTuningConfig, TaskType, get_peft_model

    start = initial("random", PrefixShape.of(tiny_base().config, 6), seed=2) * 0.5
    tuned = Tuned(tiny_base(), DeepPrefix(start))
    config = PrefixTuningConfig(task_type=TaskType.CAUSAL_LM, num_virtual_tokens=6)
    peft = get_peft_model(tiny_base(), config)
    weight = next(p for n, p in peft.named_parameters() if "prompt_encoder" in n)
    with torch.no_grad():
        weight.copy_(start.permute(3, 0, 1, 2, 4).reshape(6, -1))
        expected = peft(torch.tensor([REST])).logits[0]
        logits = tuned.model.get_output_embeddings()(tuned.hidden(pack([prompt(REST)])))[0]
    torch.testing.assert_close(logits, expected, rtol=1e-4, atol=1e-5)


@given(st.lists(st.integers(0, 9), min_size=1, max_size=12), st.integers(1, 40), st.booleans())
def test_start_fits_any_length(text: list[int], length: int, absorb: bool) -> None:
    start = start_from(text, length, absorb=absorb)
    assert len(start.ids) == length
    n = len(text)
    if length >= n:
        assert list(start.ids[length - n :]) == text
        assert start.absorbed == (tuple(text) if absorb else ())
    else:
        assert list(start.ids) == text[:length]
        assert start.absorbed == (start.ids if absorb else ())
    assert bool(start.note) == (length != n)


def test_auto_length_is_the_text_itself() -> None:
    assert start_from([4, 5, 6], None, absorb=True) == ((4, 5, 6), (4, 5, 6), "")


def test_projected_and_direct_start_alike_and_export_alike() -> None:
    start = initial("random", PrefixShape(2, 2, 3, 8), seed=5)
    direct, projected = DeepPrefix(start), DeepPrefix(start, projection=7)
    torch.testing.assert_close(direct.folded(), projected.folded())
    assert projected.is_projected
    assert {n for n, _ in projected.named_parameters()} == {
        "embedding",
        "mlp.0.weight",
        "mlp.0.bias",
        "mlp.2.weight",
        "mlp.2.bias",
    }


def test_dropout_acts_in_training_only() -> None:
    prefix = DeepPrefix(torch.ones(2, 2, 2, 50, 8), dropout=0.5)
    assert (prefix.train()() == 0).float().mean() > 0.3
    assert bool((prefix.eval()() == 1).all())


def test_the_prefix_is_float32_over_a_bfloat16_base() -> None:
    model = tiny_base().bfloat16()
    tuned = Tuned(model, DeepPrefix(initial("random", PrefixShape.of(model.config, 4), seed=1).bfloat16()))
    sample = Rendered(tuple(TEXT), (False,) * 6 + (True,))
    tuned(pack([sample])).total.backward()
    (kv,) = tuned.trainable().values()
    assert kv.dtype == torch.float32
    assert kv.grad is not None
    assert kv.grad.dtype == torch.float32
    assert tuned.export()["kv"].dtype == torch.float32


def refused(config: dict[str, Any], family: str = "llama") -> str:
    model = tiny_base(family, **config)
    with pytest.raises(ModelError) as error:
        check_supported(model)
    return str(error.value)


def test_sliding_windows_are_refused() -> None:
    assert "sliding-window" in refused({"sliding_window": 16}, "mistral")
    assert "sliding-window" in refused(
        {"sliding_window": 16, "use_sliding_window": True, "max_window_layers": 0}, "qwen2"
    )


def test_a_window_that_is_switched_off_is_accepted() -> None:
    check_supported(tiny_base("qwen2", sliding_window=16, use_sliding_window=False))


def test_scaled_logits_are_refused() -> None:
    model = tiny_base()
    model.config.final_logit_softcapping = 30.0
    with pytest.raises(ModelError, match="caps its logits"):
        Tuned(model, None)
    assert model.config._attn_implementation != NAME


def test_dropout_of_the_base_is_off() -> None:
    model = tiny_base("gpt2", attn_pdrop=0.5, resid_pdrop=0.5, embd_pdrop=0.5)
    tuned = Tuned(model, None, trains_base=True).train()
    batch = pack([Rendered(tuple(TEXT), (False,) * 6 + (True,))])
    assert tuned(batch).total.item() == tuned(batch).total.item()
