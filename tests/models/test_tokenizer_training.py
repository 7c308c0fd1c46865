"""The laws of the trained tokenizer: lossless, Han characters alone, spans with the same tokens anywhere."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from weitiao.errors import ConfigError
from weitiao.models.tokenizer_training import SPECIALS, sample_texts, save_tokenizer, train_tokenizer

TEXTS = [
    "银河科技股份有限公司2023年营业收入为12.5亿元，净利润率是多少？请写出关键词。",
    'The company reported revenue of 1,024 dollars; {"answer": "净利润"} is JSON.',
    "SELECT name FROM report WHERE year = 2023 AND city = '北京'",
    "科技公司的科技收入，年年增长。“引号”（括号）",
] * 20
HAN = sorted({c for text in TEXTS for c in text if "一" <= c <= "鿿"})


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    return train_tokenizer(TEXTS, 700, han_tokens=len(HAN))[0]


def ids(tokenizer: PreTrainedTokenizerFast, text: str) -> list[int]:
    return tokenizer(text, add_special_tokens=False)["input_ids"]


def test_size_and_specials(tokenizer: PreTrainedTokenizerFast) -> None:
    assert tokenizer.convert_tokens_to_ids(list(SPECIALS)) == list(range(16))
    assert sorted(tokenizer.get_vocab().values()) == list(range(len(tokenizer)))
    assert len(tokenizer) <= 700
    assert (tokenizer.pad_token_id, tokenizer.bos_token_id, tokenizer.eos_token_id) == (0, 1, 2)
    assert tokenizer.unk_token is None


def test_a_large_sample_fills_the_vocabulary_exactly() -> None:
    words = [f"{a}{b}{c}" for a in "abcdefghij" for b in "klmnopqrst" for c in "uvwxyz"]
    made, _ = train_tokenizer([" ".join(words), *TEXTS], 640, han_tokens=10)
    assert len(made) == 640


@given(st.text())
@settings(max_examples=200, deadline=None)
def test_every_text_comes_back(tokenizer: PreTrainedTokenizerFast, text: str) -> None:
    assert tokenizer.decode(ids(tokenizer, text), clean_up_tokenization_spaces=False) == text or any(
        special in text for special in SPECIALS
    )


@given(st.lists(st.sampled_from(HAN), min_size=1).map("".join))
@settings(max_examples=100, deadline=None)
def test_one_token_for_each_frequent_han_character(tokenizer: PreTrainedTokenizerFast, text: str) -> None:
    assert len(ids(tokenizer, text)) == len(text)


@given(
    st.text(),
    st.text(st.sampled_from([*HAN, *"0123456789，。（）“”《》龘𠮷"]), min_size=1),
    st.text(),
)
@settings(max_examples=200, deadline=None)
def test_a_span_of_han_digits_and_marks_has_the_same_tokens_everywhere(
    tokenizer: PreTrainedTokenizerFast, before: str, span: str, after: str
) -> None:
    if not any(special in before + span + after for special in SPECIALS):
        parts = [token for text in (before, span, after) for token in ids(tokenizer, text)]
        assert ids(tokenizer, before + span + after) == parts


def test_a_span_would_shift_with_ordinary_bpe() -> None:
    """The control of the law above: the same data without isolation merges across characters."""
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    ordinary = Tokenizer(models.BPE())
    ordinary.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    ordinary.train_from_iterator(TEXTS, trainers.BpeTrainer(vocab_size=700, show_progress=False))
    text = "银河科技股份有限公司"
    cut = [[*ordinary.encode(text[:k]).ids, *ordinary.encode(text[k:]).ids] for k in range(1, len(text))]
    assert any(parts != ordinary.encode(text).ids for parts in cut)


def test_coverage_raises_the_number_of_han_tokens() -> None:
    _, few = train_tokenizer(TEXTS, 700, han_tokens=5, han_coverage=0.0)
    _, many = train_tokenizer(TEXTS, 700, han_tokens=5, han_coverage=0.9)
    assert few.han_tokens == 5
    assert few.share < 0.9 <= many.share < 1
    assert many.han_tokens > 5


def test_a_vocabulary_that_cannot_hold_the_characters_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"vocab_size 300 cannot hold 256 bytes"):
        train_tokenizer(TEXTS, 300, han_tokens=len(HAN))


def test_learning_does_not_depend_on_the_order() -> None:
    first, _ = train_tokenizer(TEXTS, 600, han_tokens=20)
    second, _ = train_tokenizer(reversed(TEXTS), 600, han_tokens=20)
    assert first.get_vocab() == second.get_vocab()


def test_chat_template_marks_exactly_the_answers(tokenizer: PreTrainedTokenizerFast) -> None:
    messages = [
        {"role": "system", "content": "规则"},
        {"role": "user", "content": "问题"},
        {"role": "assistant", "content": "答案"},
        {"role": "user", "content": "again"},
        {"role": "assistant", "content": "好"},
    ]
    made = tokenizer.apply_chat_template(messages, return_dict=True, return_assistant_tokens_mask=True)
    text = (
        "<|begin|><|system|>规则<|end|><|user|>问题<|end|><|assistant|>答案<|end|>"
        "<|user|>again<|end|><|assistant|>好<|end|>"
    )
    assert made["input_ids"] == ids(tokenizer, text)
    answers = [i for i, trained in zip(made["input_ids"], made["assistant_masks"], strict=True) if trained]
    assert tokenizer.decode(answers) == "答案<|end|>好<|end|>"
    prompt = tokenizer.apply_chat_template(messages[:2], add_generation_prompt=True, tokenize=False)
    assert text.startswith(prompt)
    assert prompt.endswith("<|assistant|>")


def test_an_unknown_role_is_refused(tokenizer: PreTrainedTokenizerFast) -> None:
    with pytest.raises(Exception, match="role must be system, user, assistant or tool, not critic"):
        tokenizer.apply_chat_template([{"role": "critic", "content": "x"}], tokenize=False)


def test_the_folder_loads_as_any_tokenizer(tokenizer: PreTrainedTokenizerFast, tmp_path: Path) -> None:
    save_tokenizer(tokenizer, tmp_path / "tokenizer")
    loaded = AutoTokenizer.from_pretrained(str(tmp_path / "tokenizer"))
    text = 'Revenue 12.5亿元 "ok"\n<|user|>'
    assert ids(loaded, text) == ids(tokenizer, text)
    assert loaded.chat_template == tokenizer.chat_template
    assert [p.name for p in tmp_path.iterdir()] == ["tokenizer"]
    with pytest.raises(FileExistsError):
        save_tokenizer(tokenizer, tmp_path / "tokenizer")


def test_sample_texts_stops_after_enough_characters() -> None:
    assert list(sample_texts(iter(["ab", "cd", "ef"]), 3)) == ["ab", "cd"]
