"""Answers and log-probabilities of test examples, for the report."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor

from weitiao.chat import ChatFormat
from weitiao.config import DecodeConfig
from weitiao.infer.batches import answer
from weitiao.infer.positions import check_lengths
from weitiao.infer.score import LogProb, score_references
from weitiao.tuning.tuned import Tuned
from weitiao.types import Example, Message


@dataclasses.dataclass(frozen=True)
class Answers:
    """What one model said to N examples.

    Attributes:
        texts: [N] answers.
        own: [N] log-probability summary of the model's own answer.
        references: [N] log-probability summary of the reference.
    """

    texts: list[str]
    own: list[LogProb | None]
    references: list[LogProb]

    def as_dict(self) -> list[dict[str, Any]]:
        """JSON-able rows."""
        return [
            {"text": t, "logprob": None if o is None else o.as_dict(), "reference_logprob": r.as_dict()}
            for t, o, r in zip(self.texts, self.own, self.references, strict=True)
        ]

    @classmethod
    def from_dict(cls, rows: Sequence[Mapping[str, Any]]) -> Answers:
        """Inverse of `as_dict`."""
        return cls(
            [r["text"] for r in rows],
            [None if r["logprob"] is None else LogProb(**r["logprob"]) for r in rows],
            [LogProb(**r["reference_logprob"]) for r in rows],
        )


def draw(examples: Sequence[Example], limit: int | None, seed: int) -> list[Example]:
    """At most `limit` examples, a seeded draw in their order."""
    if limit is None or len(examples) <= limit:
        return list(examples)
    chosen = sorted(random.Random(seed).sample(range(len(examples)), limit))
    return [examples[n] for n in chosen]


def check_answers(
    model: Any, format: ChatFormat, examples: Sequence[Example], max_new_tokens: int, *, length: int = 0
) -> None:
    """Refuse prompts that leave no room for the longest answer.

    Args:
        model: The base.
        format: As the prompts are rendered.
        examples: Whose prompts.
        max_new_tokens: Longest answer in tokens.
        length: Of the prefix in front of them, in tokens.

    Raises:
        DataError: All prompts that are too long.
    """
    prompts = [format.render_prompt(example.prompt, example.tools) for example in examples]
    prefix = torch.empty(0, 2, 0, length, 0) if length else None

    def name(number: int) -> str:
        return str(examples[number].origin or examples[number].id)

    check_lengths(model, prompts, prefix=prefix, max_new_tokens=max_new_tokens, name=name)


@torch.no_grad()
def answer_examples(
    tuned: Tuned,
    format: ChatFormat,
    examples: Sequence[Example],
    decode: DecodeConfig,
    *,
    seed: int,
    console: Console | None = None,
    what: str = "answering",
) -> Answers:
    """Decode an answer to each example and score its reference.

    Args:
        tuned: The base with its method, or the base alone.
        format: As the prompts are rendered for it.
        examples: With a reference each.
        decode: Decoding settings.
        seed: Of the sampling.
        console: For the progress bar; None is silent.
        what: Heading of the bar.

    Raises:
        DataError: A prompt leaves no room for the answer.
    """
    with bar_on(console) as bar:
        task = bar.add_task(what, total=len(examples))
        texts, own = _decode(
            tuned, format, examples, decode, seed=seed, advance=lambda number: bar.advance(task, number)
        )
    rendered = [format.render(example) for example in examples]
    return Answers(texts, own, score_references(tuned, rendered, pad_id=format.pad_id))


@torch.no_grad()
def answer_texts(
    tuned: Tuned,
    format: ChatFormat,
    examples: Sequence[Example],
    decode: DecodeConfig,
    *,
    seed: int = 0,
    advance: Callable[[int], None] | None = None,
) -> list[str]:
    """Answers only, [N]; arguments as for `answer_examples`.

    Args:
        tuned: The base with its method, or the base alone.
        format: As the prompts are rendered for it.
        examples: N examples.
        decode: Decoding settings.
        seed: Of the sampling.
        advance: Told the number of answers since its last call.
    """
    return _decode(tuned, format, examples, decode, seed=seed, advance=advance)[0]


def _decode(
    tuned: Tuned,
    format: ChatFormat,
    examples: Sequence[Example],
    decode: DecodeConfig,
    *,
    seed: int,
    advance: Callable[[int], None] | None,
) -> tuple[list[str], list[LogProb | None]]:
    """[N] answers and the log-probability summaries of them."""
    tuned.eval()
    prefix: Tensor | None = None if tuned.prefix is None else tuned.prefix.folded().detach()
    prompts = [format.render_prompt(example.prompt, example.tools) for example in examples]
    length = 0 if prefix is None else prefix.shape[3]
    check_answers(tuned.model, format, examples, decode.max_new_tokens, length=length)
    texts = [""] * len(prompts)
    own: list[LogProb | None] = [None] * len(prompts)
    for done in answer(tuned.model, prompts, prefix=prefix, format=format, config=decode, seed=seed):
        for number, decoded in zip(done.numbers, done.generation.answers, strict=True):
            texts[number], own[number] = decoded.text, LogProb.of(decoded.logprobs)
        if advance is not None:
            advance(len(done.numbers))
    return texts, own


def bar_on(console: Console | None) -> Progress:
    """A progress bar; silent without a console."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console, disable=console is None or console.quiet, transient=True)


def reference_texts(format: ChatFormat, examples: Sequence[Example]) -> list[str]:
    """What the answer to each example would be as text: its calls as the format writes them; empty for none.

    Raises:
        FormatError: The format cannot write a call.
    """
    last = [example.messages[-1] for example in examples]
    return [format.reply_text(m) if m.role == "assistant" else "" for m in last]


def prediction_rows(
    examples: Sequence[Example], references: Sequence[str], before: Answers | None, after: Answers
) -> list[dict[str, Any]]:
    """Rows of ``predictions.jsonl``.

    Args:
        examples: N examples.
        references: [N] texts, see `reference_texts`.
        before: Of the untouched base with the full prompt, or None.
        after: Of the tuned model.
    """

    def side(answers: Answers | None, n: int) -> dict[str, Any] | None:
        if answers is None:
            return None
        own = answers.own[n]
        return {"text": answers.texts[n], "logprob": None if own is None else own.as_dict()}

    return [
        {
            "id": example.id,
            "prompt": "\n".join(m.content for m in example.prompt),
            "messages": [_message(m) for m in example.prompt],
            "reference": references[n] if example.reference is not None else None,
            "before": side(before, n),
            "after": side(after, n),
            "reference_logprob": {
                "before": None if before is None else before.references[n].as_dict(),
                "after": after.references[n].as_dict(),
            },
            "origin": None if example.origin is None else dataclasses.asdict(example.origin),
            "meta": dict(example.meta),
        }
        for n, example in enumerate(examples)
    ]


def _message(message: Message) -> dict[str, Any]:
    calls = {"tool_calls": [call.as_dict() for call in message.tool_calls]} if message.tool_calls else {}
    return {"role": message.role, "content": message.content, **calls}
