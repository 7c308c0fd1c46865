"""The one decode loop: greedy or sampled, rows of a batch each with its own prefix or none.

Prompts are read by `weitiao.infer.prefill`, then all rows go on one token at a time from a left-padded
cache. A row that has finished leaves the batch, so that nobody computes for it.

Legend: N rows, W columns of the cache, L layers, K key/value heads, P prefix length, D head size, V
vocabulary.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor

from weitiao.config import DecodeConfig
from weitiao.errors import ModelError
from weitiao.infer.answer import Answer
from weitiao.infer.cache import RowCache
from weitiao.infer.positions import check_positions
from weitiao.infer.prefill import Prefilled, prefill
from weitiao.infer.sample import choose, random_stream
from weitiao.pack.plan import Mode
from weitiao.tuning.attention import Visibility
from weitiao.tuning.positions import scheme_of
from weitiao.tuning.tuned import prepare

Decode = Callable[[Sequence[int]], str]
Prefixes = Sequence[Tensor | None] | Tensor | None


@dataclass(frozen=True)
class Decoded:
    """One answer.

    Attributes:
        ids: Generated tokens, the end token included.
        text: Without end token, stop string and what follows it.
        finish_reason: ``stop`` (end token or stop string) or ``length``.
        logprobs: [len(ids)] log-probability of each token at temperature 1, whatever was sampled with.
        prompt_tokens: Tokens of the prompt, prefix not counted.
    """

    ids: tuple[int, ...]
    text: str
    finish_reason: Literal["stop", "length"]
    logprobs: tuple[float, ...]
    prompt_tokens: int


@dataclass(frozen=True)
class DecodeStats:
    """What one batch took.

    Attributes:
        prompt_tokens: Tokens of all prompts.
        computed_tokens: Prompt tokens that were computed: shared beginnings once.
        completion_tokens: Tokens generated.
        prefill_seconds: Reading the prompts.
        seconds: All of it.
    """

    prompt_tokens: int
    computed_tokens: int
    completion_tokens: int
    prefill_seconds: float
    seconds: float


class Generation(NamedTuple):
    """Answers in the order of the prompts, and what they took."""

    answers: list[Decoded]
    stats: DecodeStats


class Piece(NamedTuple):
    """News of one row: text (possibly empty), and the answer when it is complete."""

    row: int
    text: str
    answer: Decoded | None


def generate(
    model: Any,
    prompts: Sequence[Sequence[int]],
    *,
    prefixes: Prefixes,
    config: DecodeConfig,
    stop_ids: Collection[int],
    decode: Decode,
    pad_id: int,
    seed: int = 0,
    on_token: Callable[[int, str], None] | None = None,
) -> list[Decoded]:
    """Answer prompts, all in one batch.

    Args:
        model: A causal model of transformers; gets interval attention if it has not got it yet.
        prompts: N prompts as token ids, any lengths.
        prefixes: Prefix [L, 2, K, P, D] of each row or None (the base answers); one such tensor or None for
            all rows; or [L, 2, N, K, P, D]. Rows that are given the same object share their reading.
        config: Length, temperature, top-p, stop strings; its `batch_size` is the caller's matter.
        stop_ids: Tokens that end an answer.
        decode: Ids to text without special tokens.
        pad_id: Id in unused slots.
        seed: Of the sampling; row n draws from (seed, n), whatever else is in the batch.
        on_token: Called with row and new text; it gets whole characters, and nothing of a stop string.

    Returns:
        One answer per prompt, in order.

    Raises:
        ModelError: More positions are needed than the model has, or the model computes no numbers.
    """
    return generate_measured(
        model,
        prompts,
        prefixes=prefixes,
        config=config,
        stop_ids=stop_ids,
        decode=decode,
        pad_id=pad_id,
        seed=seed,
        on_token=on_token,
    ).answers


def generate_measured(
    model: Any,
    prompts: Sequence[Sequence[int]],
    *,
    prefixes: Prefixes,
    config: DecodeConfig,
    stop_ids: Collection[int],
    decode: Decode,
    pad_id: int,
    seed: int = 0,
    numbers: Sequence[int] | None = None,
    mode: Mode = "auto",
    on_token: Callable[[int, str], None] | None = None,
) -> Generation:
    """Like `generate`, and say what it took.

    Args:
        model: See `generate`, as for all that is not explained here.
        prompts: N prompts.
        prefixes: Of the rows.
        config: Decoding settings.
        stop_ids: End tokens.
        decode: Ids to text.
        pad_id: Id in unused slots.
        seed: Of the sampling.
        numbers: [N] number of each row for the sampling, for a batch out of a longer list. Default: 0, 1, ...
        mode: How prompts are read, see `weitiao.pack.plan`.
        on_token: Called with row and new text.
    """
    started = time.perf_counter()
    answers: dict[int, Decoded] = {}
    loop = _Loop(model, prompts, prefixes, config, stop_ids, decode, pad_id, live=on_token is not None)
    for piece in loop.run(seed, numbers, mode):
        if on_token is not None and piece.text:
            on_token(piece.row, piece.text)
        if piece.answer is not None:
            answers[piece.row] = piece.answer
    stats = DecodeStats(
        prompt_tokens=sum(map(len, prompts)),
        computed_tokens=loop.computed,
        completion_tokens=sum(len(a.ids) for a in answers.values()),
        prefill_seconds=loop.prefill_seconds,
        seconds=time.perf_counter() - started,
    )
    return Generation([answers[row] for row in range(len(prompts))], stats)


def stream(
    model: Any,
    prompts: Sequence[Sequence[int]],
    *,
    prefixes: Prefixes,
    config: DecodeConfig,
    stop_ids: Collection[int],
    decode: Decode,
    pad_id: int,
    seed: int = 0,
) -> Iterator[Piece]:
    """Like `generate`, as an iterator over new text; closing it ends the work.

    Args:
        model: See `generate`, as for all others.
        prompts: N prompts.
        prefixes: Of the rows.
        config: Decoding settings.
        stop_ids: End tokens.
        decode: Ids to text.
        pad_id: Id in unused slots.
        seed: Of the sampling.

    Yields:
        Each row's pieces; the last one of a row carries its answer.
    """
    loop = _Loop(model, prompts, prefixes, config, stop_ids, decode, pad_id, live=True)
    yield from loop.run(seed, None, "auto")


@dataclass
class _Request:
    """One row while it is answered."""

    row: int
    prompt_tokens: int
    answer: Answer
    draws: torch.Generator
    ids: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)


@dataclass
class _Batch:
    """The rows that go on: their cache, unused columns on the left, next places, and tokens of their contexts."""

    cache: RowCache
    pads: list[int]
    positions: list[int]
    contexts: list[int]


class _Loop:
    """The arguments of `generate`, checked, and the loop over tokens."""

    def __init__(
        self,
        model: Any,
        prompts: Sequence[Sequence[int]],
        prefixes: Prefixes,
        config: DecodeConfig,
        stop_ids: Collection[int],
        decode: Decode,
        pad_id: int,
        *,
        live: bool,
    ) -> None:
        self.model = model
        self.prompts = prompts
        self.prefixes = per_row(prefixes, len(prompts))
        self.config = config
        self.stop_ids = frozenset(stop_ids)
        self.decode = decode
        self.pad_id = pad_id
        self.reads_text = live or bool(config.stop)
        self.computed = 0
        self.prefill_seconds = 0.0
        for row, prompt in enumerate(prompts):
            if not len(prompt):
                raise ValueError(f"prompt {row} is empty: there is nothing to predict the first token from")
        check_positions(model, [len(p) for p in prompts], self.prefixes, config.max_new_tokens)
        prepare(model)

    def run(self, seed: int, numbers: Sequence[int] | None, mode: Mode) -> Iterator[Piece]:
        """Answer all rows; see `stream`."""
        if not self.prompts:
            return
        was_training = self.model.training
        self.model.eval()
        try:
            yield from self._run(seed, numbers or range(len(self.prompts)), mode)
        finally:
            self.model.train(was_training)

    def _run(self, seed: int, numbers: Sequence[int], mode: Mode) -> Iterator[Piece]:
        active = [
            _Request(row, len(prompt), Answer(self.decode, self.config.stop), random_stream(seed, number))
            for row, (prompt, number) in enumerate(zip(self.prompts, numbers, strict=True))
        ]
        started = time.perf_counter()
        read: Prefilled = prefill(self.model, self.prompts, self.prefixes, pad_id=self.pad_id, mode=mode)
        self.computed, self.prefill_seconds = read.computed, time.perf_counter() - started
        batch = _Batch(read.cache, list(read.pads), list(read.positions), list(read.contexts))
        hidden = read.hidden
        while True:
            tokens, logprobs = self._next(hidden, active)
            going = []
            for k, request in enumerate(active):
                piece = self._take(request, tokens[k], logprobs[k])
                if piece.answer is None:
                    going.append(k)
                if piece.text or piece.answer is not None:
                    yield piece
            if not going:
                return
            if len(going) < len(active):
                active = [active[k] for k in going]
                tokens = [tokens[k] for k in going]
                _keep(batch, going)
            hidden = _step(self.model, tokens, batch)

    @torch.no_grad()
    def _next(self, hidden: Tensor, active: Sequence[_Request]) -> tuple[list[int], list[float]]:
        """Next tokens [N] and their log-probabilities, from hidden states [N, C]."""
        logits = self.model.get_output_embeddings()(hidden).float()
        tokens = choose(logits, self.config, [r.draws for r in active])
        logprobs = logits.gather(1, tokens[:, None])[:, 0] - logits.logsumexp(dim=-1)
        if not bool(torch.isfinite(logprobs).all()):
            raise ModelError(
                "the model computes values that are not finite (NaN or infinity)",
                remedy="use base.dtype float32 or bfloat16; if it still happens the weights are damaged",
            )
        return tokens.tolist(), logprobs.tolist()

    def _take(self, request: _Request, token: int, logprob: float) -> Piece:
        """Note one token of a row, and whether the row ends with it."""
        request.ids.append(token)
        request.logprobs.append(logprob)
        answer = request.answer
        reason: Literal["stop", "length"] | None = None
        text = ""
        if token in self.stop_ids:
            reason = "stop"
        else:
            text = answer.push(token) if self.reads_text else ""
            if answer.stopped:
                reason = "stop"
            elif len(request.ids) == self.config.max_new_tokens:
                reason = "length"
        if reason is None:
            return Piece(request.row, text, None)
        if self.reads_text:
            text += answer.finish()
            whole = answer.text
        else:
            whole = self.decode(request.ids[:-1] if token in self.stop_ids else request.ids)
        if answer.stopped:
            reason = "stop"
        done = Decoded(tuple(request.ids), whole, reason, tuple(request.logprobs), request.prompt_tokens)
        return Piece(request.row, text, done)


def _keep(batch: _Batch, going: list[int]) -> None:
    """Drop the other rows, and the columns that no row uses any more."""
    start = min(batch.pads[k] for k in going)
    batch.cache.select(going, start)
    batch.pads = [batch.pads[k] - start for k in going]
    batch.positions = [batch.positions[k] for k in going]
    batch.contexts = [batch.contexts[k] for k in going]


@torch.no_grad()
def _step(model: Any, tokens: Sequence[int], batch: _Batch) -> Tensor:
    """Feed one token per row; hidden states [N, C]."""
    device = model.device
    width = batch.cache.width + 1
    pads = torch.tensor(batch.pads, device=device)[:, None]
    last = torch.where(torch.arange(width, device=device)[None] < pads, -1, width)
    out = model.base_model(
        input_ids=torch.tensor(tokens, device=device)[:, None],
        position_ids=scheme_of(model).position_ids(
            torch.tensor(batch.positions, device=device)[:, None],
            torch.tensor(batch.contexts, device=device)[:, None],
        ),
        cache=batch.cache,
        use_cache=True,
        visibility=Visibility(torch.zeros_like(last), last, 1),
    )
    batch.positions = [p + 1 for p in batch.positions]
    return out.last_hidden_state[:, -1]


def per_row(prefixes: Prefixes, rows: int) -> list[Tensor | None]:
    """The prefix of each row, whatever way it was given; see `generate`."""
    if prefixes is None:
        return [None] * rows
    if isinstance(prefixes, Tensor):
        if prefixes.dim() == 5:
            return [prefixes] * rows
        if prefixes.dim() != 6 or prefixes.shape[2] != rows:
            shape = list(prefixes.shape)
            raise ValueError(f"expected a prefix [L, 2, K, P, D] or [L, 2, {rows}, K, P, D], got {shape}")
        return list(prefixes.unbind(2))
    if len(prefixes) != rows:
        raise ValueError(f"{rows} prompts but {len(prefixes)} prefixes")
    return list(prefixes)
