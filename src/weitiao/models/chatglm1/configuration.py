"""Configuration of the port, and what an official ``config.json`` becomes in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, get_args

from transformers import PreTrainedConfig

from weitiao.errors import ModelError, collect

Rotary = Literal["exact", "original"]

_EARLY_VOCABULARY = 150528  # 20000 image tokens first, special tokens from 150000 on
_SPECIAL = ("bos_token_id", "eos_token_id", "mask_token_id", "gmask_token_id", "pad_token_id")


class ChatGLM1Config(PreTrainedConfig):
    """Sizes and special tokens of a ChatGLM-6B; the defaults are those of the release.

    Args:
        vocab_size: Rows of the embedding.
        hidden_size: Width of the hidden states.
        intermediate_size: Width inside the MLP (official name: ``inner_hidden_size``).
        num_hidden_layers: Layers (``num_layers``).
        num_attention_heads: Heads; keys and values have as many.
        layer_norm_eps: Of all layer norms (``layernorm_epsilon``).
        max_position_embeddings: Longest sequence it was trained on (``max_sequence_length``).
        bos_token_id: ``<sop>``, the first token of an answer.
        eos_token_id: ``<eop>``.
        mask_token_id: ``[MASK]``.
        gmask_token_id: ``[gMASK]``, the last token of a context.
        pad_token_id: ``<pad>``.
        rotary: ``exact`` forms rotary angles in float32; ``original`` in float16, as the release in half precision.
    """

    model_type = "chatglm1"
    keys_to_ignore_at_inference = ("cache",)

    vocab_size: int = 130528
    hidden_size: int = 4096
    intermediate_size: int = 16384
    num_hidden_layers: int = 28
    num_attention_heads: int = 32
    layer_norm_eps: float = 1e-5
    max_position_embeddings: int = 2048
    initializer_range: float = 0.02
    use_cache: bool = True
    tie_word_embeddings: bool = True
    bos_token_id: int | None = 130004
    eos_token_id: int | list[int] | None = 130005
    mask_token_id: int = 130000
    gmask_token_id: int = 130001
    pad_token_id: int | None = 3
    rotary: str = "exact"

    def __post_init__(self, **kwargs: Any) -> None:
        super().__post_init__(**kwargs)
        if self.rotary not in get_args(Rotary):
            raise ModelError(
                f"rotary must be exact or original, got {self.rotary!r}",
                remedy="set base.rotary to one of them",
            )


def config_of(
    official: Mapping[str, Any], *, rotary: Rotary = "exact", where: str = "config.json"
) -> ChatGLM1Config:
    """The configuration of an official ChatGLM-6B.

    Args:
        official: Its ``config.json``.
        rotary: See `ChatGLM1Config`.
        where: For messages.

    Raises:
        ModelError: An early release with another vocabulary, one-dimensional positions, or sizes that do not fit.
    """
    vocabulary = official.get("vocab_size", ChatGLM1Config.vocab_size)
    ids = {name: official.get(name, getattr(ChatGLM1Config, name)) for name in _SPECIAL}
    if vocabulary == _EARLY_VOCABULARY or ids["gmask_token_id"] == 150001:
        raise ModelError(
            f"{where} is an early release of ChatGLM-6B (vocabulary of {vocabulary}, special tokens from 150000 on); "
            "its token ids differ from those of the tokenizer that is supported",
            remedy="use the present release (vocab_size 130528)",
        )
    problems = [
        f"{n} {i} is outside the vocabulary of {vocabulary}" for n, i in ids.items() if i >= vocabulary
    ]
    if not official.get("position_encoding_2d", True):
        problems.append("position_encoding_2d is false; only two-dimensional positions are supported")
    if official.get("quantization_embeddings"):
        problems.append("quantization_embeddings is true; only the matrices of the layers may be quantised")
    width, heads = (
        official.get(n, getattr(ChatGLM1Config, n)) for n in ("hidden_size", "num_attention_heads")
    )
    if width % (4 * heads):
        problems.append(f"hidden_size {width} is no multiple of 4 times num_attention_heads {heads}")
    if problems:
        raise ModelError(
            collect(problems, what=f"{where} is no ChatGLM-6B that can be opened"),
            remedy="use the official release",
        )
    named = {
        "intermediate_size": "inner_hidden_size",
        "num_hidden_layers": "num_layers",
        "layer_norm_eps": "layernorm_epsilon",
        "max_position_embeddings": "max_sequence_length",
        "num_attention_heads": "num_attention_heads",
        "hidden_size": "hidden_size",
    }
    sizes = {ours: official[theirs] for ours, theirs in named.items() if theirs in official}
    return ChatGLM1Config(vocab_size=vocabulary, rotary=rotary, **sizes, **ids)
