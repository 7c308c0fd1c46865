"""Text for pretraining: documents in, rows of tokens on disk out.

    corpus files ─┐ shuffled          rendered           split by hash        packed, no padding
                  ├──────────▶ Text ───────────▶ tokens ──────────────▶ train-*.bin  uint16 [rows, row_tokens]
    generator ────┘ by share                                          └▶ validation-<part>.bin, probe.json

Only as many tokens are made as the run reads. The folder appears whole or not at all, with a manifest whose
fingerprint depends on recipe, files and tokenizer; a folder that fits is used again.
"""

from __future__ import annotations

import itertools
import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from weitiao.models.tokenizer_training import BEGIN, END
from weitiao.train.pretrain_config import PretrainRecipe
from weitiao.train.pretrain_text import Text, digest, held_out, interleave, streams, texts_fingerprint

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedTokenizerBase

SHARD_ROWS = 1024
ENCODE_DOCUMENTS = 512
PROBE_ANSWER_TOKENS = 32
PROBE_TOKENS = 512
MANIFEST = "manifest.json"


class Probe(NamedTuple):
    """A held-out dialogue with a short answer: ``ids[answer:]`` is the answer and its end token."""

    ids: list[int]
    answer: int


class Encoder:
    """Documents to token ids, the chat through the tokenizer's own template."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        self.tokenizer = tokenizer
        self.begin = int(tokenizer.convert_tokens_to_ids(BEGIN))  # type: ignore[arg-type]
        self.end = int(tokenizer.convert_tokens_to_ids(END))  # type: ignore[arg-type]

    def __call__(self, documents: Sequence[Text]) -> list[list[int]]:
        """Token ids of each document; running text becomes ``<|begin|>`` text ``<|end|>``."""
        batch: Any = self.tokenizer(
            [self.render(d) for d in documents], add_special_tokens=False, verbose=False
        )
        encoded: list[list[int]] = batch["input_ids"]
        return [
            [self.begin, *ids, self.end] if document.messages is None else ids
            for document, ids in zip(documents, encoded, strict=True)
        ]

    def render(self, document: Text) -> str:
        """Running text as it is, a dialogue through the chat template."""
        if document.messages is None:
            return document.text or ""
        return str(self.tokenizer.apply_chat_template(list(document.messages), tokenize=False))

    def probe(self, document: Text, ids: list[int]) -> Probe | None:
        """The document as a probe, if it is a short dialogue that ends with a short answer."""
        if document.messages is None or document.messages[-1]["role"] != "assistant":
            return None
        question = self.tokenizer.apply_chat_template(
            list(document.messages[:-1]), tokenize=False, add_generation_prompt=True
        )
        answer = len(self.tokenizer(question, add_special_tokens=False)["input_ids"])  # type: ignore[arg-type]
        short = 2 <= len(ids) - answer <= PROBE_ANSWER_TOKENS and len(ids) <= PROBE_TOKENS
        return Probe(ids, answer) if short else None


# --------------------------------------------------------------------------------------- writing


@dataclass
class _Counts:
    """What went where, for the manifest and the model card."""

    documents: dict[str, int] = field(default_factory=dict)
    tokens: dict[str, int] = field(default_factory=dict)
    validation: dict[str, int] = field(default_factory=dict)
    held_out_unused: int = 0

    def add(self, part: str, tokens: int) -> None:
        self.documents[part] = self.documents.get(part, 0) + 1
        self.tokens[part] = self.tokens.get(part, 0) + tokens


class _RowWriter:
    """Packs documents into rows and rows into shards."""

    def __init__(self, folder: Path, row_tokens: int, rows: int) -> None:
        self.folder, self.row_tokens, self.rows = folder, row_tokens, rows
        self.written = 0
        self.pending: list[int] = []

    @property
    def full(self) -> bool:
        return self.written == self.rows

    def add(self, ids: list[int]) -> None:
        self.pending.extend(ids)
        while not self.full:
            rows = min(SHARD_ROWS, self.rows - self.written)
            if len(self.pending) < rows * self.row_tokens:
                return
            block = np.array(self.pending[: rows * self.row_tokens], dtype="<u2")
            name = f"train-{self.written // SHARD_ROWS:05d}.bin"
            block.tofile(self.folder / name)
            del self.pending[: rows * self.row_tokens]
            self.written += rows


def data_fingerprint(recipe: PretrainRecipe, tokenizer_sha256: str) -> str:
    """What the rows depend on: the texts, how they are cut, how many, and the tokenizer."""
    data = recipe.data.model_dump(mode="json", exclude={"folder", "card"})
    return digest([texts_fingerprint(recipe), data, recipe.train_rows, tokenizer_sha256])


def fits(folder: Path, fingerprint: str) -> bool:
    """Whether a folder holds the rows with this fingerprint."""
    manifest = folder / MANIFEST
    return manifest.exists() and json.loads(manifest.read_text("utf-8"))["fingerprint"] == fingerprint


def prepare(
    recipe: PretrainRecipe,
    tokenizer: PreTrainedTokenizerBase,
    folder: Path,
    fingerprint: str,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, Any]:
    """Make the rows of a run, or use those that are there.

    Args:
        recipe: The run.
        tokenizer: Its tokenizer.
        folder: Where the rows go; replaced if it was made for something else.
        fingerprint: From `data_fingerprint`.
        progress: Called with tokens done and tokens needed.

    Returns:
        The manifest: fingerprint, rows, documents and tokens of each part.
    """
    if fits(folder, fingerprint):
        found: dict[str, Any] = json.loads((folder / MANIFEST).read_text("utf-8"))
        return found
    shutil.rmtree(folder, ignore_errors=True)
    work = folder.with_name(f".{folder.name}-unfinished")
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    content = {"fingerprint": fingerprint, **_write(recipe, Encoder(tokenizer), work, progress)}
    (work / MANIFEST).write_text(json.dumps(content, indent=1), "utf-8")
    os.replace(work, folder)
    return content


def _write(
    recipe: PretrainRecipe, encode: Encoder, folder: Path, progress: Callable[[int, int], None]
) -> dict[str, Any]:
    data, counts = recipe.data, _Counts()
    writer = _RowWriter(folder, data.row_tokens, recipe.train_rows)
    held: dict[str, list[int]] = {}
    probes: list[Probe] = []
    needed, done = recipe.train_rows * data.row_tokens, 0
    for number, (document, ids) in enumerate(_encoded_stream(recipe, encode)):
        if held_out(document, data.validation, recipe.seed):
            part = held.setdefault(document.part, [])
            probe = encode.probe(document, ids) if len(probes) < data.probe_documents else None
            if probe:
                probes.append(probe)
            if len(part) < data.validation_rows * data.row_tokens:
                part.extend(ids)
                counts.validation[document.part] = counts.validation.get(document.part, 0) + 1
            elif not probe:
                counts.held_out_unused += 1
        else:
            counts.add(document.part, len(ids))
            writer.add(ids)
            done += len(ids)
        if writer.full:
            break
        if number % 1000 == 0:
            progress(min(done, needed), needed)
    rows = {part: _write_part(folder, part, ids, recipe) for part, ids in sorted(held.items())}
    (folder / "probe.json").write_text(json.dumps(probes), "utf-8")
    return {
        "row_tokens": data.row_tokens,
        "train_rows": recipe.train_rows,
        "train_documents": counts.documents,
        "train_tokens": counts.tokens,
        "validation_documents": counts.validation,
        "validation_rows": rows,
        "held_out_unused": counts.held_out_unused,
        "probes": len(probes),
    }


def _encoded_stream(recipe: PretrainRecipe, encode: Encoder) -> Iterator[tuple[Text, list[int]]]:
    """Endless documents with their tokens, generated ones by share of tokens."""
    encoded = {made: _encoded(documents, encode) for made, documents in streams(recipe).items()}
    return interleave(encoded, recipe.data.generated.share, lambda item: len(item[1]))


def _encoded(documents: Iterator[Text], encode: Encoder) -> Iterator[tuple[Text, list[int]]]:
    while batch := list(itertools.islice(documents, ENCODE_DOCUMENTS)):
        yield from zip(batch, encode(batch), strict=True)


def _write_part(folder: Path, part: str, ids: list[int], recipe: PretrainRecipe) -> int:
    """Write the whole rows of one validation part and count them."""
    row_tokens = recipe.data.row_tokens
    rows = min(len(ids) // row_tokens, recipe.data.validation_rows)
    np.array(ids[: rows * row_tokens], dtype="<u2").tofile(folder / f"validation-{part}.bin")
    return rows


# --------------------------------------------------------------------------------------- loading


class PackedRows:
    """Map-style dataset: ``self[k]`` is ``{"input_ids": int64 [row_tokens]}``, read from the shards."""

    def __init__(self, files: Iterable[Path], row_tokens: int) -> None:
        self.shards = [np.memmap(f, dtype="<u2", mode="r").reshape(-1, row_tokens) for f in files]
        self.starts = list(itertools.accumulate((len(s) for s in self.shards), initial=0))

    def __len__(self) -> int:
        return self.starts[-1]

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        import torch

        if not 0 <= index < len(self):
            raise IndexError(index)
        shard = next(k for k, start in enumerate(self.starts[1:]) if index < start)
        row = self.shards[shard][index - self.starts[shard]]
        return {"input_ids": torch.from_numpy(row.astype(np.int64))}


def training_rows(folder: Path, manifest: Mapping[str, Any]) -> PackedRows:
    """The rows of a prepared folder, in training order."""
    return PackedRows(sorted(folder.glob("train-*.bin")), manifest["row_tokens"])


def validation_rows(folder: Path, manifest: Mapping[str, Any]) -> dict[str, PackedRows]:
    """The held-out rows by part; parts too small for one row are left out (the manifest says 0)."""
    return {
        part: PackedRows([folder / f"validation-{part}.bin"], manifest["row_tokens"])
        for part, rows in manifest["validation_rows"].items()
        if rows
    }


def load_probes(folder: Path) -> list[Probe]:
    """The copy probes of a prepared folder."""
    return [Probe(*p) for p in json.loads((folder / "probe.json").read_text("utf-8"))]
