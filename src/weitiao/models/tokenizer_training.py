"""Train a byte-level BPE tokenizer in which every Han character stands alone.

A small base must above all copy spans from its context. Copying is easiest when a string has the same
tokens wherever it stands, so no token ever reaches across a Han character, a digit or an East Asian
punctuation mark: the pre-tokenizer isolates each of them. Frequent Han characters are then made one token by
construction (their UTF-8 bytes are merged first), and the rest of the vocabulary is learned from everything
else.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from weitiao.errors import ConfigError

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast

PAD, BEGIN, END = "<|pad|>", "<|begin|>", "<|end|>"
ROLES = ("system", "user", "assistant", "tool")
SPECIALS = (
    PAD,
    BEGIN,
    END,
    *(f"<|{role}|>" for role in ROLES),
    *(f"<|reserved_{k}|>" for k in range(9)),
)

#: Character class of Han characters, the same for Python's ``re`` and for ``tokenizers.Regex``.
HAN = (
    "\u2e80-\u2fdf\u3005\u3007\u3021-\u3029\u3038-\u303b\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003ffff"
)
#: East Asian punctuation and full-width forms, isolated as well but learned by BPE.
MARKS = "\u2014\u2018-\u201d\u2026\u3000-\u3004\u3006\u3008-\u3020\u3030\u303d\uff00-\uffef"

# Function calls are written as the Hermes and Qwen templates write them.
CHAT_TEMPLATE = (
    "{%- set listed %}{%- for tool in tools or [] %}{{- '\\n' + (tool | tojson) }}{%- endfor %}{%- endset %}"
    "{%- set listed = '<tools>' + listed + '\\n</tools>' if tools else '' %}"
    "{%- set below = '\\n' + listed if listed else '' %}"
    "{{- '<|begin|>' }}"
    "{%- if listed and messages[0]['role'] != 'system' %}{{- '<|system|>' + listed + '<|end|>' }}{%- endif %}"
    "{%- for message in messages %}"
    "{%- if message['role'] not in ['system', 'user', 'assistant', 'tool'] %}"
    "{{ raise_exception('role must be system, user, assistant or tool, not ' + message['role']) }}"
    "{%- endif %}"
    "{{- '<|' + message['role'] + '|>' }}"
    "{%- if message['role'] == 'assistant' %}"
    "{%- generation %}{{- message['content'] or '' }}"
    "{%- for entry in message['tool_calls'] or [] %}{%- set call = entry['function'] %}"
    "{{- '\\n' if message['content'] or not loop.first else '' }}"
    "{{- '<tool_call>\\n' + ({'name': call['name'], 'arguments': call['arguments']} | tojson) }}"
    "{{- '\\n</tool_call>' }}"
    "{%- endfor %}{{- '<|end|>' }}{%- endgeneration %}"
    "{%- else %}"
    "{{- message['content'] + (below if loop.first and message['role'] == 'system' else '') + '<|end|>' }}"
    "{%- endif %}"
    "{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|assistant|>' }}{%- endif %}"
)


class Coverage(NamedTuple):
    """How the Han characters of the training sample are covered."""

    han_tokens: int
    """Han characters that are one token."""
    share: float
    """Share of the Han occurrences in the sample that are one token."""


def train_tokenizer(
    texts: Iterable[str],
    vocab_size: int = 8192,
    *,
    han_tokens: int = 5000,
    han_coverage: float = 0.999,
    max_position: int = 2048,
) -> tuple[PreTrainedTokenizerFast, Coverage]:
    """Learn a vocabulary.

    Args:
        texts: The sample; order does not matter.
        vocab_size: Tokens in all, the 16 specials and 256 bytes included.
        han_tokens: At least so many of the most frequent Han characters become one token.
        han_coverage: The number is raised until this share of Han occurrences is one token.
        max_position: Stored as the tokenizer's ``model_max_length``, in tokens.

    Returns:
        The tokenizer with its chat template, and what it covers.

    Raises:
        ConfigError: The vocabulary is too small for the Han characters asked for.
    """
    from tokenizers import Tokenizer, models, trainers

    han, rest = _count(texts)
    chosen, coverage = _choose_han(han, han_tokens, han_coverage)
    alphabet = _byte_alphabet()
    han_merges = _han_merges(chosen, alphabet)
    room = vocab_size - len(SPECIALS) - len(han_merges)
    if room < 256:
        raise ConfigError(
            f"tokenizer.vocab_size {vocab_size} cannot hold 256 bytes, {len(SPECIALS)} specials "
            f"and {len(han_merges)} tokens for {len(chosen)} Han characters",
            remedy="raise tokenizer.vocab_size or lower tokenizer.han_tokens / han_coverage",
        )
    learner = Tokenizer(models.BPE())
    learner.pre_tokenizer = _pre_tokenizer()  # type: ignore[assignment]
    trainer = trainers.BpeTrainer(
        vocab_size=room + len(han_merges),  # a learned merge may repeat one of these
        initial_alphabet=sorted(alphabet.values()),
        special_tokens=[],
        show_progress=False,
    )
    # Most frequent first and each piece as often as it occurs: an iterator of pieces, not of documents.
    pieces = sorted(rest.items(), key=lambda item: (-item[1], item[0]))
    learner.train_from_iterator(
        itertools.chain.from_iterable(itertools.repeat(p, n) for p, n in pieces), trainer
    )
    backend = _assemble(learner, han_merges, alphabet, vocab_size)
    return _wrap(backend, max_position), coverage


def _count(texts: Iterable[str]) -> tuple[Counter[str], Counter[str]]:
    """Count Han characters, and the stretches between them."""
    han_pattern, mark_pattern = re.compile(f"[{HAN}]"), re.compile(f"[{HAN}{MARKS}]|[0-9]")
    han: Counter[str] = Counter()
    rest: Counter[str] = Counter()
    for text in texts:
        han.update(han_pattern.findall(text))
        rest.update(piece for piece in mark_pattern.split(text) if piece)
        rest.update(m for m in mark_pattern.findall(text) if not han_pattern.match(m))
    return han, rest


def _choose_han(han: Counter[str], least: int, share: float) -> tuple[list[str], Coverage]:
    ranked = sorted(han.items(), key=lambda item: (-item[1], item[0]))
    total, covered, chosen = sum(han.values()), 0, []
    for character, count in ranked:
        if len(chosen) >= least and covered >= share * total:
            break
        chosen.append(character)
        covered += count
    return chosen, Coverage(len(chosen), covered / total if total else 1.0)


def _byte_alphabet() -> dict[int, str]:
    """Byte -> the printable character that stands for it in byte-level BPE.

    Printable Latin-1 bytes stand for themselves, the others follow from U+0100 on in order.
    """
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [b for b in range(256) if b not in set(printable)]
    return {b: chr(b) for b in printable} | {b: chr(256 + k) for k, b in enumerate(others)}


def _han_merges(characters: list[str], alphabet: dict[int, str]) -> list[tuple[str, str]]:
    """Merges that make each character one token, from its first byte on.

    They come before all learned merges. No learned merge can then break a Han character, and as
    the lead bytes of Han characters hardly occur elsewhere, they change nothing else.
    """
    merges: dict[tuple[str, str], None] = {}
    for character in characters:
        symbols = [alphabet[b] for b in character.encode("utf-8")]
        left = symbols[0]
        for right in symbols[1:]:
            merges[left, right] = None
            left += right
    return list(merges)


def _pre_tokenizer() -> object:
    from tokenizers import Regex, pre_tokenizers

    return pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(f"[{HAN}{MARKS}]"), behavior="isolated"),
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True),
        ]
    )


def _assemble(
    learner: Tokenizer,
    han_merges: list[tuple[str, str]],
    alphabet: dict[int, str],
    vocab_size: int,
) -> Tokenizer:
    """Specials first, then bytes, Han characters, and what was learned, most frequent first."""
    from tokenizers import AddedToken, Tokenizer, decoders, models

    model = json.loads(learner.to_str())["model"]
    learned = [tuple(m) if isinstance(m, list) else tuple(m.split(" ")) for m in model["merges"]]
    tokens = dict.fromkeys([*SPECIALS, *(alphabet[b] for b in sorted(alphabet))])
    merges = []
    for left, right in dict.fromkeys([*han_merges, *learned]):
        if left + right not in tokens and len(tokens) == vocab_size:
            break
        merges.append((left, right))
        tokens[left + right] = None
    vocab = {token: k for k, token in enumerate(tokens)}
    backend = Tokenizer(models.BPE(vocab=vocab, merges=merges))
    backend.pre_tokenizer = _pre_tokenizer()  # type: ignore[assignment]
    backend.decoder = decoders.ByteLevel()  # type: ignore[assignment]
    backend.add_special_tokens([AddedToken(t, special=True, normalized=False) for t in SPECIALS])
    return backend


def _wrap(backend: Tokenizer, max_position: int) -> PreTrainedTokenizerFast:
    from transformers import PreTrainedTokenizerFast

    roles = [f"<|{role}|>" for role in ROLES]
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend,
        bos_token=BEGIN,
        eos_token=END,
        pad_token=PAD,
        extra_special_tokens=[*roles, *(t for t in SPECIALS if "reserved" in t)],
        model_max_length=max_position,
        clean_up_tokenization_spaces=False,
        padding_side="left",
    )
    tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer


def save_tokenizer(tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Write a tokenizer folder; it appears whole or not at all.

    Raises:
        FileExistsError: ``folder`` is there already.
    """
    if folder.exists():
        raise FileExistsError(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".tokenizer-") as work:
        tokenizer.save_pretrained(str(Path(work, "new")))
        os.replace(Path(work, "new"), folder)


def sample_texts(texts: Iterable[str], characters: int) -> Iterator[str]:
    """Take texts until ``characters`` characters are reached."""
    taken = 0
    for text in texts:
        if taken >= characters:
            return
        taken += len(text)
        yield text
