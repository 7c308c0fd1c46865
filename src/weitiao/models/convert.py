"""An official ChatGLM folder made into a standard one that plain transformers opens without remote code.

Tensors are walked through one at a time (`Checkpoint` maps files, `write_safetensors` streams), so that the peak is
about one shard. Every official tensor is accounted for: its checksum is taken when it is read, the written file is
read back, and the rows that it became must give the same checksum. The result appears under its name only when all of
this is done.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from weitiao.errors import ModelError
from weitiao.models import chatglm
from weitiao.models.checkpoint import Checkpoint, Header, read_json
from weitiao.models.glm import Sizes, Target, targets
from weitiao.models.quantised import expand
from weitiao.models.safetensors_file import tensor_bytes, write_safetensors

CONVERSION = "conversion.json"
"""File in the converted folder that says where it comes from."""

SHARD_BYTES = 2 * 2**30

# ChatGLM-6B stores its head, but the original ties it to the embedding and never uses what is stored
_TIED, _EMBEDDING = "lm_head.weight", "transformer.word_embeddings.weight"


@dataclass(frozen=True)
class Account:
    """What became of one official tensor.

    Attributes:
        name: Official name.
        sha256: Of its bytes as read.
        became: Names of the tensors written, in the order of its rows; empty when dropped.
        changed: Why the bytes differ from the official ones (expanded, other dtype); empty when they are equal.
        sha256_written: Of the bytes read back from the new files, rows in order; equal to `sha256` when unchanged.
    """

    name: str
    sha256: str
    became: tuple[str, ...] = ()
    changed: str = ""
    sha256_written: str = ""


@dataclass(frozen=True)
class Conversion:
    """Result of a conversion; stored as ``conversion.json``.

    Attributes:
        version: chatglm, chatglm2 or chatglm3.
        rope_ratio: Of the official configuration.
        quantization_bit: 0, 4 or 8, as the official weights were stored.
        dtype: Of the written weights.
        checksum: Over names and checksums of all official tensors.
        tensors: One account per official tensor.
        needs: Package that must be imported to open the folder; empty for plain transformers.
    """

    version: str
    rope_ratio: float
    quantization_bit: int
    dtype: str
    checksum: str
    tensors: tuple[Account, ...] = field(repr=False)
    needs: str = ""

    @property
    def dropped(self) -> tuple[str, ...]:
        """Official tensors that have no place in the new folder: the model computes them, or never used them."""
        return tuple(a.name for a in self.tensors if not a.became)

    def summary(self) -> str:
        """One line."""
        kept = len(self.tensors) - len(self.dropped)
        same = sum(a.sha256 == a.sha256_written for a in self.tensors)
        rest = f", {kept - same} converted" if kept > same else ""
        return (
            f"{len(self.tensors)} official tensors: {same} written bit for bit{rest}, {len(self.dropped)} dropped "
            f"(never read); checksum {self.checksum[:16]}"
        )


@dataclass(frozen=True)
class _Written:
    """A tensor of the new folder: rows of an official one."""

    name: str
    source: str
    start: int
    stop: int | None
    header: Header


def convert(
    official: Path,
    out: Path,
    *,
    dtype: torch.dtype | None = None,
    shard_bytes: int = SHARD_BYTES,
    progress: Callable[[str], None] | None = None,
) -> Conversion:
    """Write an official ChatGLM folder as a standard one.

    Args:
        official: Folder of ChatGLM-6B, ChatGLM2-6B or ChatGLM3-6B; quantised weights are expanded.
        out: New folder; must not exist, or be empty.
        dtype: Of the written weights; None: as stored (float16 for the releases).
        shard_bytes: Size of a weight file.
        progress: Gets the name of each file when it is written.

    Returns:
        What was done; also in ``out/conversion.json``.

    Raises:
        ModelError: No official folder, weights missing, `out` in use, or the written files do not read back equal.
    """
    raw = read_json(official / "config.json")
    version = chatglm.version_of(official, raw)
    chatglm.check_version(raw, version, official)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ModelError(f"{out} exists already", remedy="name a new folder, or remove this one")
    partial = out.parent / f".{out.name}.partial-{os.getpid()}"
    partial.mkdir(parents=True)
    try:
        result = _write(official, raw, version, partial, dtype, shard_bytes, progress or (lambda name: None))
        (partial / CONVERSION).write_text(json.dumps(asdict(result), indent=1, ensure_ascii=False), "utf-8")
        if out.exists():
            out.rmdir()
        os.replace(partial, out)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return result


def _write(
    official: Path,
    raw: Mapping[str, Any],
    version: chatglm.Version,
    folder: Path,
    dtype: torch.dtype | None,
    shard_bytes: int,
    progress: Callable[[str], None],
) -> Conversion:
    from weitiao.models.tokenizers import load_chatglm

    load_chatglm(official, version).save_pretrained(folder)
    checkpoint = Checkpoint.open(official)
    bits = raw.get("quantization_bit") or 0
    plan = list(_plan(checkpoint, raw, version, dtype))
    _save_config(raw, version, plan[0].header.dtype, folder, {w.name: w.header for w in plan})
    source = _Source(checkpoint, bits)
    shards = list(_shards(plan, shard_bytes))
    where: dict[str, str] = {}
    for number, shard in enumerate(shards, start=1):
        several = f"model-{number:05d}-of-{len(shards):05d}.safetensors"
        name = "model.safetensors" if len(shards) == 1 else several
        write_safetensors(folder / name, {w.name: w.header for w in shard}, _producer(shard, source))
        where |= {w.name: name for w in shard}
        progress(name)
    if len(shards) > 1:
        total = sum(w.header.nbytes for w in plan)
        index = {"metadata": {"total_size": total}, "weight_map": where}
        (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=1), "utf-8")
    accounts = _verify(folder, checkpoint, plan, source)
    lines = "\n".join(f"{a.name} {a.sha256}" for a in sorted(accounts, key=lambda a: a.name))
    return Conversion(
        version=version,
        rope_ratio=float(raw.get("rope_ratio") or 1.0),
        quantization_bit=bits,
        dtype=str(plan[0].header.dtype).removeprefix("torch."),
        checksum=hashlib.sha256(lines.encode()).hexdigest(),
        tensors=tuple(accounts),
        needs="weitiao" if version == "chatglm" else "",
    )


class _Source:
    """Official tensors as the new folder has them: whole, expanded where they were quantised, with checksums."""

    def __init__(self, checkpoint: Checkpoint, bits: int) -> None:
        self.checkpoint = checkpoint
        self.bits = bits
        self.hashes: dict[str, str] = {}
        self._now: tuple[str, Tensor] | None = None

    def read(self, name: str) -> Tensor:
        """As stored; its checksum is noted."""
        tensor = self.checkpoint.tensor(name)
        self.hashes[name] = hashlib.sha256(tensor_bytes(tensor)).hexdigest()
        return tensor

    def whole(self, name: str, dtype: torch.dtype) -> Tensor:
        """Of the type that is written; the last one is kept, since three tensors are cut from a fused one."""
        if self._now is None or self._now[0] != name:
            self._now = None
            tensor = self.read(name)
            if tensor.dtype == torch.int8:
                # the scale first copied, the matrix then read again: both may lie in different files
                scale = self.read(f"{name}_scale").clone()
                tensor = expand(self.checkpoint.tensor(name), scale, bits=self.bits, dtype=dtype)
            self._now = (name, tensor.to(dtype))
        return self._now[1]


def _producer(shard: Sequence[_Written], source: _Source) -> Callable[[str], Tensor]:
    by_name = {w.name: w for w in shard}

    def produce(name: str) -> Tensor:
        wanted = by_name[name]
        tensor = source.whole(wanted.source, wanted.header.dtype)
        return tensor[wanted.start : wanted.stop] if tensor.dim() else tensor

    return produce


def _plan(
    checkpoint: Checkpoint, raw: Mapping[str, Any], version: chatglm.Version, dtype: torch.dtype | None
) -> Iterator[_Written]:
    """The tensors of the new folder, in the order of the official files."""
    where = _names(raw, version)
    bits = raw.get("quantization_bit") or 0
    for name, header in checkpoint.headers.items():
        if name.endswith("weight_scale"):
            continue  # goes into its matrix
        shape, kind = header.shape, header.dtype
        if kind == torch.int8:
            if not bits or f"{name}_scale" not in checkpoint.headers:
                raise ModelError(
                    f"{checkpoint.folder}: {name} is stored in integers, but "
                    + ("its scale is missing" if bits else "config.json has no quantization_bit"),
                    remedy="download config.json and weights of the same release",
                )
            shape = (shape[0], shape[1] * (2 if bits == 4 else 1))
            kind = checkpoint.headers[f"{name}_scale"].dtype
        for target in where(name):
            stop = (shape[0] if shape else 0) if target.stop is None else target.stop
            rows = (stop - target.start, *shape[1:]) if shape else shape
            yield _Written(target.name, name, target.start, target.stop, Header(dtype or kind, rows))


def _names(raw: Mapping[str, Any], version: chatglm.Version) -> Callable[[str], Sequence[Target]]:
    """Official name -> places in the new folder."""
    if version != "chatglm":
        sizes = Sizes.of(raw)
        return lambda name: targets(name, sizes)
    return lambda name: () if name == _TIED or name.endswith("rotary_emb.inv_freq") else (Target(name),)


def _shards(plan: Sequence[_Written], limit: int) -> Iterator[list[_Written]]:
    shard: list[_Written] = []
    size = 0
    for written in plan:
        if shard and size + written.header.nbytes > limit:
            yield shard
            shard, size = [], 0
        shard.append(written)
        size += written.header.nbytes
    if shard:
        yield shard


def _model(raw: Mapping[str, Any], version: chatglm.Version, folder: Path) -> Any:
    if version != "chatglm":
        return chatglm.empty_model(raw, version)
    from weitiao.models import chatglm1

    with torch.device("meta"):
        model = chatglm1.ChatGLM1ForCausalLM._from_config(chatglm1.config_of(dict(raw), where=str(folder)))
    model.tie_weights()
    return model


def _save_config(
    raw: Mapping[str, Any],
    version: chatglm.Version,
    dtype: torch.dtype,
    folder: Path,
    written: Mapping[str, Header],
) -> None:
    """config.json and generation_config.json; checks that the plan is exactly the model's parameters."""
    model = _model(raw, version, folder)
    wanted = {name: tuple(p.shape) for name, p in model.named_parameters()}
    have = {name: header.shape for name, header in written.items()}
    wrong = [
        f"{n} {have.get(n, 'missing')} instead of {shape}"
        for n, shape in wanted.items()
        if have.get(n) != shape
    ]
    wrong += [f"{n} is not part of the model" for n in have if n not in wanted]
    if wrong:
        raise ModelError(
            f"the weights do not fit their config.json: {'; '.join(wrong[:5])}",
            remedy="use config.json and weights of the same release",
        )
    model.config.architectures = [type(model).__name__]
    model.config.dtype = dtype
    model.config.save_pretrained(folder)
    model.generation_config.save_pretrained(folder)


def _dropped(name: str, hashes: Mapping[str, str]) -> Account:
    """A tensor that is recomputed, or tied to another one."""
    if name != _TIED:
        return Account(name, hashes[name], changed="recomputed from config.json")
    if hashes[name] == hashes.get(_EMBEDDING):
        return Account(name, hashes[name], (_EMBEDDING,), "", hashes[name])
    return Account(
        name, hashes[name], changed="differs from the embedding, which the original uses in its place"
    )


def _verify(folder: Path, checkpoint: Checkpoint, plan: Sequence[_Written], source: _Source) -> list[Account]:
    """Read the new files back and compare, official tensor by official tensor.

    Raises:
        ModelError: Bytes differ.
    """
    new = Checkpoint.open(folder)
    parts: dict[str, list[_Written]] = {}
    for written in plan:
        parts.setdefault(written.source, []).append(written)
    accounts: list[Account] = []
    for name, header in checkpoint.headers.items():
        if name.endswith("weight_scale"):
            matrix = name.removesuffix("_scale")
            became = tuple(w.name for w in parts[matrix])
            accounts.append(Account(name, source.hashes[name], became, "multiplied into its matrix"))
            continue
        if name not in parts:
            source.read(name)
            accounts.append(_dropped(name, source.hashes))
            continue
        digest = hashlib.sha256()
        for written in parts[name]:
            digest.update(tensor_bytes(new.tensor(written.name)))
        kind = parts[name][0].header.dtype
        changed = "" if kind == header.dtype else f"{header.dtype} -> {kind}".replace("torch.", "")
        expected = source.hashes[name]
        if changed:
            again = source.whole(name, kind)
            expected = hashlib.sha256(tensor_bytes(again)).hexdigest()
        if digest.hexdigest() != expected:
            raise ModelError(
                f"{name}: what was written does not read back equal (sha256 {digest.hexdigest()[:16]}, expected "
                f"{expected[:16]})",
                remedy="check the disk, and convert again",
            )
        became = tuple(w.name for w in parts[name])
        accounts.append(Account(name, source.hashes[name], became, changed, digest.hexdigest()))
    return accounts
