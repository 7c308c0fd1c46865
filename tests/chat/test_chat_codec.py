"""Tokenizers with odd added tokens."""

from __future__ import annotations

from typing import Any

import pytest

from builders import chat_tokenizer
from weitiao.chat import TemplateFormat
from weitiao.chat.codec import TextCodec
from weitiao.errors import FormatError
from weitiao.types import Message


def with_added(template: str | None, *contents: str, **options: Any) -> Any:
    from tokenizers import AddedToken

    tokenizer = chat_tokenizer(template)
    tokenizer.add_tokens([AddedToken(c, normalized=False, **options) for c in contents])
    return tokenizer


def unigram_tokenizer() -> Any:
    """Its model has the names of special tokens among its pieces, so that text alone can become one."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    names = [("<unk>", 0.0), ("</s>", 0.0), ("<pad>", 0.0)]
    pieces = names + [(f"<0x{b:02X}>", -10.0) for b in range(256)] + [(c, -5.0) for c in "▁abcdefgs</>"]
    core = Tokenizer(models.Unigram(pieces, unk_id=0, byte_fallback=True))
    core.pre_tokenizer = pre_tokenizers.Metaspace()  # type: ignore[assignment]
    core.decoder = decoders.Sequence(  # type: ignore[assignment]
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=core, unk_token="<unk>", eos_token="</s>", pad_token="<pad>"
    )


class WithoutOffsets:
    """A tokenizer written in Python gives no offsets."""

    is_fast = False

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def __call__(self, text: str, **options: Any) -> Any:
        assert "return_offsets_mapping" not in options
        return self._inner(text, **options)


@pytest.mark.parametrize("fresh", [True, False])
@pytest.mark.parametrize("text", ["</s>", "a</s></s>b", "<</s>/s>", "x <pad> </s", "a </s> 你<unk>"])
def test_pieces_of_the_model_that_are_special_stay_text(text: str, fresh: bool) -> None:
    tokenizer = unigram_tokenizer()
    assert (
        tokenizer.eos_token_id
        in tokenizer("a</s>", add_special_tokens=False, split_special_tokens=True).input_ids
    )
    codec = TextCodec(tokenizer)
    ids = codec.encode(text, fresh=fresh)
    assert not set(ids) & set(codec.markup)
    assert codec.decode(ids, fresh=fresh) == text


def test_words_and_spaces_that_were_added_are_vocabulary() -> None:
    tokenizer = with_added(None, "糖尿病", "    ", "<tool>", special=False)
    codec = TextCodec(tokenizer)
    names = {tokenizer.convert_ids_to_tokens(i) for i in codec.markup}
    assert names == {"<|endoftext|>", "<tool>"}
    word, tool = tokenizer.convert_tokens_to_ids(["糖尿病", "<tool>"])
    ids = codec.encode("患糖尿病 <tool>")
    assert word in ids
    assert tool not in ids
    assert codec.decode(ids) == "患糖尿病 <tool>"


def test_tokens_that_swallow_white_space() -> None:
    template = "{% for m in messages %}{{ '<u>\n' + m.content + ' <e>\n' }}{% endfor %}"
    template += "{% if add_generation_prompt %}{{ '<u>\n' }}{% endif %}"
    tokenizer = with_added(None, "<u>", "<e>", special=True, rstrip=True, lstrip=True)
    fmt = TemplateFormat(tokenizer, template)
    conversation = [{"role": "user", "content": "hi"}]
    expected = tokenizer.apply_chat_template(
        conversation, chat_template=template, add_generation_prompt=True, return_dict=False
    )
    assert fmt.render_prompt([Message("user", "hi")]) == tuple(expected)


def test_names_inside_names() -> None:
    tokenizer = with_added(None, "<a>", "<a><b>", "<<a>>", special=False)
    codec = TextCodec(tokenizer)
    long = tokenizer.convert_tokens_to_ids("<a><b>")
    assert codec.split("x<a><b>y") == ["x", long, "y"]
    for text in ("<a><b>", "<<a>>", "<<a><b>>", "<a><a><b><<a>>>"):
        ids = codec.encode(text)
        assert not set(ids) & set(codec.markup)
        assert codec.decode(ids) == text


def test_many_lookalikes_are_not_slow() -> None:
    codec = TextCodec(chat_tokenizer("chatml"))
    text = "<think>x " * 3000
    ids = codec.encode(text)  # minutes when every look-alike costs a pass over the rest of the text
    assert not set(ids) & set(codec.markup)
    assert codec.decode(ids) == text


def test_one_character_that_is_special() -> None:
    with pytest.raises(FormatError, match=r"turns the character '\|' into a special token"):
        TextCodec(with_added(None, "|", special=False)).encode("a|b")


@pytest.mark.parametrize("text", ["<think>", "a<think></think>b<think>", "<<think>"])
def test_tokenizer_without_offsets(text: str) -> None:
    codec = TextCodec(WithoutOffsets(chat_tokenizer("chatml")))  # type: ignore[arg-type]
    ids = codec.encode(text)
    assert not set(ids) & set(codec.markup)
    assert codec.decode(ids) == text
