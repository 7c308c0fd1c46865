"""Encoders (BERT, RoBERTa, ELECTRA, XLM-R, ModernBERT): every token of a sample sees every other, rows are packed.

The one attention rule holds for them too: key j is visible to query i iff ``first[j] <= i <= last[j]``, with the start
and the end of j's own sample. A local layer (ModernBERT) narrows that interval to its window. Positions begin anew with
each sample, at the offset of the family (RoBERTa and XLM-R count from ``pad + 1``).

Legend: R rows, T slots of a row, W hidden size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from weitiao.config import BaseConfig
from weitiao.errors import ModelError
from weitiao.models.checkpoint import read_json
from weitiao.models.load import (
    check_room,
    choose_device,
    fingerprint,
    is_encoder,
    open_tokenizer,
    precision_of,
    read_weights,
)
from weitiao.models.source import folder_of
from weitiao.tuning.attention import Visibility, attend

NAME = "weitiao_encoder"
"""Name under which `attend_both_ways` is registered."""


@dataclass(frozen=True)
class Span:
    """Where a sample is: tokens [start, stop) of a row."""

    row: int
    start: int
    stop: int


@dataclass(frozen=True)
class EncoderBatch:
    """Samples side by side in rows.

    Attributes:
        input_ids: Long [R, T].
        position_ids: Long [R, T], from 0 in each sample; the encoder adds its own offset.
        token_type_ids: Long [R, T], 0 and 1 of the two parts of a pair.
        first: Long [R, T] first query that sees key j: the start of its sample.
        last: Long [R, T] last query that sees key j: the last token of its sample.
        spans: Place of each sample, in the order given.
    """

    input_ids: Tensor
    position_ids: Tensor
    token_type_ids: Tensor
    first: Tensor
    last: Tensor
    spans: tuple[Span, ...]

    def split(self, hidden: Tensor) -> list[Tensor]:
        """[n, W] of each sample from [R, T, W], in the order given; inverse of packing."""
        return [hidden[s.row, s.start : s.stop] for s in self.spans]


def pack_encoded(
    samples: Sequence[Sequence[int]],
    *,
    row_tokens: int,
    pad_id: int,
    segments: Sequence[Sequence[int]] | None = None,
) -> EncoderBatch:
    """Fill rows with samples, longest first.

    Args:
        samples: Token ids of each, special tokens included; at least one, none empty.
        row_tokens: Capacity of a row in tokens; a longer sample gets a row of its own.
        pad_id: Id of unused slots, which see themselves and are seen by nobody.
        segments: Part (0 or 1) of each token; default: all 0.
    """
    if not samples or not all(samples):
        raise ValueError("a batch needs at least one sample, and none may be empty")
    rows: list[list[int]] = []
    room: list[int] = []
    for number in sorted(range(len(samples)), key=lambda n: -len(samples[n])):
        size = len(samples[number])
        row = next((r for r, free in enumerate(room) if size <= free), len(rows))
        if row == len(rows):
            rows.append([])
            room.append(max(row_tokens, size))
        rows[row].append(number)
        room[row] -= size
    width = max(sum(len(samples[n]) for n in row) for row in rows)
    shape = (len(rows), width)
    own = torch.arange(width).repeat(len(rows), 1)
    ids, positions, types = torch.full(shape, pad_id), torch.zeros(shape).long(), torch.zeros(shape).long()
    first, last = own.clone(), own.clone()
    spans: dict[int, Span] = {}
    for r, row in enumerate(rows):
        start = 0
        for number in row:
            stop = start + len(samples[number])
            ids[r, start:stop] = torch.tensor(samples[number])
            positions[r, start:stop] = torch.arange(stop - start)
            first[r, start:stop], last[r, start:stop] = start, stop - 1
            if segments is not None:
                types[r, start:stop] = torch.tensor(segments[number])
            spans[number] = Span(r, start, stop)
            start = stop
    return EncoderBatch(ids, positions, types, first, last, tuple(spans[n] for n in range(len(samples))))


def narrowed(visibility: Visibility, window: int) -> Visibility:
    """The same rows where a token sees only `window` tokens to each side, itself not counted."""
    own = torch.arange(visibility.first.shape[1], device=visibility.first.device)
    return Visibility(
        torch.maximum(visibility.first, own - window),
        torch.minimum(visibility.last, own + window),
        visibility.queries,
        form=visibility.form,
    )


def attend_both_ways(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    visibility: Visibility | None = None,
    local: Visibility | None = None,
    sliding_window: int | None = None,
    **kwargs: Any,
) -> tuple[Tensor, None]:
    """`attend` for encoders: a layer with a window uses `local`, the others `visibility`."""
    if sliding_window is not None and local is None:
        raise ValueError("a local layer needs `local=`: the intervals narrowed to its window")
    seen = visibility if sliding_window is None else local
    return attend(module, query, key, value, attention_mask, visibility=seen, **kwargs)


def _no_mask(*args: Any, **kwargs: Any) -> None:
    """Mask function of our name: `attend` owns the rule."""


@dataclass(frozen=True)
class Encoder:
    """An opened encoder.

    Attributes:
        model: transformers encoder in eval mode, without head; computes attention with `attend_both_ways`.
        tokenizer: Its tokenizer.
        path: As the recipe names it.
        fingerprint: Equal iff architecture and weights are equal (up to the rounding to bfloat16).
        max_positions: Longest sample in tokens; None when unlimited.
        offset: Position of the first token of a sample.
        window: Tokens to each side that a local layer sees; None without local layers.
    """

    model: Any
    tokenizer: Any
    path: str
    fingerprint: str
    max_positions: int | None
    offset: int = 0
    window: int | None = None

    def hidden(self, batch: EncoderBatch) -> Tensor:
        """Final hidden states [R, T, W]; gradients flow when the model's weights want them.

        Raises:
            ModelError: A sample is longer than the encoder's positions.
        """
        longest = max(s.stop - s.start for s in batch.spans)
        if self.max_positions is not None and longest > self.max_positions:
            raise ModelError(
                f"{self.path} takes {self.max_positions} tokens, a sample has {longest}",
                remedy="cut the text into shorter samples",
            )
        device = next(self.model.parameters()).device
        seen = Visibility(batch.first.to(device), batch.last.to(device), batch.input_ids.shape[1])
        inputs: dict[str, Tensor] = {
            "input_ids": batch.input_ids.to(device),
            "position_ids": batch.position_ids.to(device) + self.offset,
        }
        if getattr(self.model.config, "type_vocab_size", 0) > 1:
            inputs["token_type_ids"] = batch.token_type_ids.to(device)
        elif batch.token_type_ids.any():
            raise ModelError(f"{self.path} has no token types", remedy="pass no segments")
        local = None if self.window is None else narrowed(seen, self.window)
        return self.model(**inputs, visibility=seen, local=local).last_hidden_state


def prepare_encoder(model: Any) -> None:
    """Put our attention into an encoder and switch its dropout off; harmless when done twice.

    Raises:
        ModelError: Its attention does not go through transformers' interface, or adds relative positions.
    """
    from transformers import AttentionInterface, AttentionMaskInterface

    name = type(model).__name__
    relative = getattr(model.config, "position_embedding_type", "absolute") not in ("absolute", None)
    if not getattr(model, "_supports_attention_backend", False) or relative:
        raise ModelError(
            f"{name} does not go through transformers' attention interface"
            + (" (relative positions)" if relative else ""),
            remedy="use an encoder that does: BERT, RoBERTa, ELECTRA, XLM-R, ModernBERT",
        )
    AttentionInterface.register(NAME, attend_both_ways)
    AttentionMaskInterface.register(NAME, _no_mask)
    model.set_attn_implementation(NAME)
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
        if isinstance(getattr(module, "attention_dropout", None), float):
            setattr(module, "attention_dropout", 0.0)  # noqa: B010  (a plain number, not a tensor)


def wrap(model: Any, tokenizer: Any, path: str) -> Encoder:
    """An `Encoder` around a transformers encoder; the model is changed in place.

    Raises:
        ModelError: See `prepare_encoder`.
    """
    config = model.config
    prepare_encoder(model)
    embeddings = getattr(model, "embeddings", None)
    # RoBERTa's embeddings number real tokens from padding_idx + 1; BERT's have no such rule
    counts_from_padding = hasattr(embeddings, "create_position_ids_from_input_ids")
    offset = int(config.pad_token_id) + 1 if counts_from_padding else 0
    kinds = set(getattr(config, "layer_types", None) or ())
    if kinds - {"full_attention", "sliding_attention"}:
        raise ModelError(
            f"{path}: layers of kind {', '.join(sorted(kinds))} are not supported",
            remedy="use another encoder",
        )
    window = int(config.sliding_window) if "sliding_attention" in kinds else None
    limit = getattr(config, "max_position_embeddings", None)
    room = None if limit is None else limit - offset
    return Encoder(model, tokenizer, path, fingerprint(model), room, offset, window)


def load_encoder(config: BaseConfig) -> Encoder:
    """Open an encoder with its tokenizer.

    Args:
        config: Section ``base`` of the recipe.

    Raises:
        ModelError: Not there, no encoder, too large for the device, or not supported.
    """
    from transformers import AutoModel

    precision = precision_of(config)
    folder: Path = folder_of(config.path, revision=config.revision)
    raw = read_json(folder / "config.json")
    if not is_encoder(raw):
        raise ModelError(
            f"base.path: {config.path} is no encoder (model_type {raw.get('model_type')!r})",
            remedy="use BERT, RoBERTa, ELECTRA, XLM-R or ModernBERT",
        )
    if config.device_map is not None:
        raise ModelError("base.device_map is not supported for encoders", remedy="set base.device")
    check_room(config, folder, precision)
    # the pooler is not used, and many releases have none
    model = read_weights(AutoModel, folder, config.path, optional="pooler.", dtype=precision)
    model = model.to(choose_device(config.device)).eval()
    return wrap(model, open_tokenizer(folder, None), config.path)
