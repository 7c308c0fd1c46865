"""The data of the training benchmark: real rows rendered as the official ChatGLM2 script renders them.

Rows come from a folder of data sets (``--data``), the vocabulary from a ChatGLM2 ``tokenizer.model``; neither is part
of the project.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from weitiao.types import Rendered

VOCAB = 65024
GMASK, SOP, EOS = 64790, 64792, 2


class BenchSet(NamedTuple):
    """Samples in the order in which they are trained, and what the official script pads them to."""

    name: str
    samples: list[Rendered]
    official_length: int


def _encoder(tokenizer_file: Path) -> Callable[[str], list[int]]:
    import sentencepiece

    model = sentencepiece.SentencePieceProcessor(model_file=str(tokenizer_file))
    return model.encode  # type: ignore[no-any-return]


def _question_last(prompt: str, question: str) -> str:
    return prompt.replace(f"“{question}”", "下面的问题") + f"\n问题：{question}"


def _rows(data: Path, name: str) -> list[tuple[str, str]]:
    def read(file: str) -> list[dict[str, Any]]:
        text = (data / file).read_text(encoding="utf-8")
        return (
            [json.loads(line) for line in text.splitlines()] if file.endswith("jsonl") else json.loads(text)
        )

    if name == "keywords":
        return [(r["question_prompt"], r["query"]) for r in read("finance_keywords/keywords_train.json")]
    if name == "classify":
        return [(r["question_prompt"], r["query"]) for r in read("finance_classify/classify_train.json")]
    if name == "classify, question last":
        rows = read("finance_classify/classify_train.json")
        return [(_question_last(r["question_prompt"], r["question"]), r["query"]) for r in rows]
    if name == "nl2sql":
        return [(r["prompt"], r["sql"]) for r in read("finance_nl2sql/nl2sql_train.json")]
    turns = read("hotel_dialogues/train.jsonl")
    return [(r["context"], r["response"]) for r in turns]


# maximum source + maximum target + 1, as the official ptuning script pads
_SETS = {"keywords": 385, "classify": 641, "classify, question last": 641, "nl2sql": 2501, "hotel": 2049}


def load(data: Path, tokenizer_file: Path, name: str, *, number: int) -> BenchSet:
    """The first `number` samples of a set; hotel turns keep a dialogue's turns together, as published.

    Args:
        data: Folder with the data sets.
        tokenizer_file: ChatGLM2's ``tokenizer.model``.
        name: One of `NAMES`.
        number: How many samples.
    """
    encode = _encoder(tokenizer_file)
    length = _SETS[name]
    samples = []
    for prompt, answer in _rows(data, name)[: 4 * number]:
        source = [GMASK, SOP, *encode(f"[Round 1]\n\n问：{prompt}\n\n答：")]
        target = [*encode(answer), EOS]
        if len(source) + len(target) <= length:
            ids = tuple(source + target)
            samples.append(Rendered(ids, (False,) * len(source) + (True,) * len(target), str(len(samples))))
    if len(samples) < number:
        raise SystemExit(f"{name}: only {len(samples)} samples fit into {length} tokens")
    return BenchSet(name, samples[:number], length)


NAMES = tuple(_SETS)
