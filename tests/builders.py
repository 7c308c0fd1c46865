"""Tiny tokenizers trained in-process on a few sentences, in the shapes of the tokenizers people use.

`chat_tokenizer` is byte-level BPE with a chat template; `sentencepiece_tokenizer` has metaspaces and byte
fallback like Llama 2's. Vocabularies are a few hundred entries, so that test models stay tiny.
"""

from __future__ import annotations

from typing import Any, Literal

SENTENCES = (
    "The quick brown fox jumps over the lazy dog.",
    "Which city does the company have its seat in? Beijing, Shanghai and Shenzhen are cities.",
    "user assistant system: please answer the question below in one short sentence.",
    "净利润同比增长百分之十二,营业收入为三十亿元。",
    "请把下面的句子分类:这家公司的总部在上海。",
    "今天天气很好,我们去公园散步吧!",
    "SELECT name FROM company WHERE city = 'Beijing' AND year > 2020;",
    "Numbers: 1 2 3 10 20 100 2024; prices 3.14 and 99.9.",
)

_LLAMA2_TEMPLATE = (
    "{% if messages[0]['role'] == 'system' %}{% set system = messages[0]['content'] %}"
    "{% set messages = messages[1:] %}{% else %}{% set system = none %}{% endif %}"
    "{% for m in messages %}"
    "{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('roles must alternate user/assistant') }}{% endif %}"
    "{% if loop.index0 == 0 and system is not none %}"
    "{% set content = '<<SYS>>\\n' + system + '\\n<</SYS>>\\n\\n' + m['content'] %}"
    "{% else %}{% set content = m['content'] %}{% endif %}"
    "{% if m['role'] == 'user' %}{{ bos_token + '[INST] ' + content.strip() + ' [/INST]' }}"
    "{% else %}{{ ' ' + content.strip() + ' ' + eos_token }}{% endif %}{% endfor %}"
)

TEMPLATES: dict[str, str] = {
    # <|user|>question<|end|><|assistant|>answer<|end|>
    "roles": (
        "{% for m in messages %}{{ '<|' + m['role'] + '|>' + m['content'] + '<|end|>' }}{% endfor %}"
        "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
    ),
    "chatml": (
        "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\\n' + m['content'] + '<|im_end|>\\n' }}"
        "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
    ),
    # The last answer gets an empty thinking block unless thinking is switched off, as in Qwen 3.
    "thinking": (
        "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\\n' }}"
        "{% if m['role'] == 'assistant' and loop.last %}{{ '<think>\\n\\n</think>\\n\\n' }}{% endif %}"
        "{{ (m['content'].split('</think>')[-1] if m['role'] == 'assistant' else m['content']) }}"
        "{{ '<|im_end|>\\n' }}"
        "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}"
        "{% if enable_thinking is defined and not enable_thinking %}{{ '<think>\\n\\n</think>\\n\\n' }}"
        "{% endif %}{% endif %}"
    ),
    "llama3": (
        "{{ bos_token }}{% for m in messages %}"
        "{{ '<|start_header_id|>' + m['role'] + '<|end_header_id|>\\n\\n' }}"
        "{{ m['content'] | trim + '<|eot_id|>' }}{% endfor %}"
        "{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{% endif %}"
    ),
    "llama2": _LLAMA2_TEMPLATE,
}

# template -> (bos, eos, other special tokens, added tokens that are not special)
_TOKENS: dict[str | None, tuple[str | None, str, tuple[str, ...], tuple[str, ...]]] = {
    None: (None, "<|endoftext|>", (), ()),
    "roles": (None, "<|endoftext|>", ("<|system|>", "<|user|>", "<|assistant|>", "<|tool|>", "<|end|>"), ()),
    "chatml": (None, "<|im_end|>", ("<|endoftext|>", "<|im_start|>"), ("<think>", "</think>")),
    "thinking": (None, "<|im_end|>", ("<|endoftext|>", "<|im_start|>"), ("<think>", "</think>")),
    "llama3": (
        "<|begin_of_text|>",
        "<|end_of_text|>",
        ("<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"),
        (),
    ),
    "llama2": ("<s>", "</s>", (), ()),
}


def chat_tokenizer(template: str | None = "roles", vocab: int = 320) -> Any:
    """Byte-level BPE tokenizer with a chat template.

    Args:
        template: A key of `TEMPLATES`, or None for a base without a chat template.
        vocab: Size of the whole vocabulary, special tokens included; at least about 280.

    Returns:
        A fast tokenizer of transformers; ``len(tokenizer) == vocab``.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    bos, eos, special, added = _TOKENS[template]
    names = [n for n in (bos, eos) if n is not None] + list(special)
    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)  # type: ignore[assignment]
    core.decoder = decoders.ByteLevel()  # type: ignore[assignment]
    trainer = trainers.BpeTrainer(
        vocab_size=vocab - len(added),
        special_tokens=names,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    core.train_from_iterator(SENTENCES, trainer)
    return _wrap(core, template, bos=bos, eos=eos, added=added)


def sentencepiece_tokenizer(
    template: str | None = "llama2", *, prefix: Literal["always", "first"] = "always", vocab: int = 420
) -> Any:
    """BPE with metaspaces and byte fallback, like the tokenizer of Llama 2.

    Args:
        template: A key of `TEMPLATES`, or None for a base without a chat template.
        prefix: Whether every piece of text after a special token gets a space in front, or only the first.
        vocab: At most so many entries.
    """
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

    _, eos, special, added = _TOKENS[template]
    eos = "</s>" if template is None else eos
    names = list(dict.fromkeys(["<unk>", "<s>", "</s>", eos, *special]))
    trained = Tokenizer(models.BPE(unk_token="<unk>"))
    trained.pre_tokenizer = pre_tokenizers.Metaspace()  # type: ignore[assignment]
    pieces = [f"<0x{b:02X}>" for b in range(256)]
    trainer = trainers.BpeTrainer(
        vocab_size=vocab - 256, special_tokens=names, show_progress=False, limit_alphabet=70
    )
    trained.train_from_iterator(SENTENCES, trainer)
    model = _with_bytes(trained, names, pieces)
    core = Tokenizer(models.BPE(**model, unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    if prefix == "always":
        core.normalizer = normalizers.Sequence(  # type: ignore[assignment]
            [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
        )
    else:
        core.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)  # type: ignore[assignment]
    core.decoder = decoders.Sequence(  # type: ignore[assignment]
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    core.add_special_tokens(names)
    core.post_processor = processors.TemplateProcessing(  # type: ignore[assignment]
        single="<s> $A", pair="<s> $A $B", special_tokens=[("<s>", core.token_to_id("<s>"))]
    )
    return _wrap(core, template, bos="<s>", eos=eos, added=added)


def _with_bytes(trained: Any, names: list[str], pieces: list[str]) -> dict[str, Any]:
    """Vocabulary and merges of a trained BPE with the 256 byte pieces put after the special tokens."""
    import json

    model = json.loads(trained.to_str())["model"]
    learnt = [t for t, _ in sorted(model["vocab"].items(), key=lambda item: item[1]) if t not in names]
    vocab = {token: i for i, token in enumerate([*names, *pieces, *learnt])}
    return {"vocab": vocab, "merges": [tuple(m) for m in model["merges"]]}


def _wrap(core: Any, template: str | None, *, bos: str | None, eos: str, added: tuple[str, ...]) -> Any:
    from tokenizers import AddedToken
    from transformers import PreTrainedTokenizerFast

    tokenizer: Any = PreTrainedTokenizerFast(
        tokenizer_object=core, bos_token=bos, eos_token=eos, pad_token=eos, clean_up_tokenization_spaces=False
    )
    for token in added:
        tokenizer.add_tokens(AddedToken(token, special=False, normalized=False))
    tokenizer.chat_template = TEMPLATES[template] if template is not None else None
    return tokenizer
