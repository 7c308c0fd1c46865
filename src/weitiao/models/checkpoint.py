"""The weights of a model folder, read tensor by tensor: safetensors or ``.bin``, one file or shards.

Nothing is unpickled but tensors (``weights_only``), and files are mapped, not read: a tensor costs memory when it is
touched, so a checkpoint can be walked through with the memory of its largest tensor.
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from weitiao.errors import ModelError

_INDEXES = ("model.safetensors.index.json", "pytorch_model.bin.index.json")
_SINGLE = ("model.safetensors", "pytorch_model.bin")
DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
    "F8_E4M3": torch.float8_e4m3fn,
    "F8_E5M2": torch.float8_e5m2,
}
"""Names of types in safetensors files."""

_AGAIN = "download the file again, or compare its size with the release"


class Header(NamedTuple):
    """Type and shape of a stored tensor."""

    dtype: torch.dtype
    shape: tuple[int, ...]

    @property
    def numel(self) -> int:
        """Number of elements."""
        return int(torch.Size(self.shape).numel())

    @property
    def nbytes(self) -> int:
        """Bytes as stored."""
        return self.numel * self.dtype.itemsize


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object of a model folder.

    Raises:
        ModelError: Missing, unreadable, or no object.
    """
    try:
        value = json.loads(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise ModelError(
            f"{path.parent}: {path.name} is missing", remedy="download the whole folder"
        ) from error
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ModelError(f"{path}: expected a JSON object: {error}", remedy=_AGAIN) from error
    if not isinstance(value, dict):
        raise ModelError(f"{path}: expected a JSON object, got {type(value).__name__}", remedy=_AGAIN)
    return value


@dataclass(frozen=True)
class Checkpoint:
    """Weights of a folder.

    Attributes:
        folder: Where the files are.
        files: Weight files in the order of the release.
        listed: Tensor name -> file name as the index says; empty for a single file.
    """

    folder: Path
    files: tuple[str, ...]
    listed: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def open(cls, folder: Path) -> Checkpoint:
        """Find the weight files; the index wins over a single file, safetensors over ``.bin``.

        Raises:
            ModelError: There are none, or shards of the index are missing.
        """
        for name in (_INDEXES[0], _SINGLE[0], _INDEXES[1], _SINGLE[1]):
            path = folder / name
            if not path.is_file():
                continue
            if name in _SINGLE:
                return cls(folder, (name,))
            return cls._indexed(folder, read_json(path))
        found = sorted(p.name for p in folder.glob("*.safetensors")) or sorted(
            p.name for p in folder.glob("pytorch_model*.bin")
        )
        if not found:
            raise ModelError(
                f"{folder}: no weights (*.safetensors or pytorch_model*.bin)",
                remedy="download the whole folder",
            )
        return cls(folder, tuple(found))

    @classmethod
    def _indexed(cls, folder: Path, index: Mapping[str, Any]) -> Checkpoint:
        listed = index.get("weight_map")
        if not isinstance(listed, dict) or not all(isinstance(v, str) for v in listed.values()):
            raise ModelError(f"{folder}: the weight index has no weight_map", remedy=_AGAIN)
        files = tuple(sorted(set(listed.values())))
        outside = [name for name in files if Path(name).name != name]
        missing = [name for name in files if not (folder / name).is_file()]
        if outside or missing:
            raise ModelError(
                f"{folder}: the weight index names files that are not in the folder: {', '.join(outside + missing)}",
                remedy="download the missing shards into the same folder",
            )
        return cls(folder, files, listed)

    @cached_property
    def where(self) -> dict[str, str]:
        """Tensor name -> file name, for every stored tensor.

        Raises:
            ModelError: Index and files disagree.
        """
        found: dict[str, str] = {}
        for file in self.files:
            found |= dict.fromkeys(_headers(self.folder / file), file)
        missing = sorted(set(self.listed) - set(found))
        if missing:
            raise ModelError(
                f"{self.folder}: the index lists {len(missing)} tensors that the files do not have: "
                f"{', '.join(missing[:5])}",
                remedy=_AGAIN,
            )
        return found

    @cached_property
    def headers(self) -> dict[str, Header]:
        """Tensor name -> type and shape; no weight is read."""
        out: dict[str, Header] = {}
        for file in self.files:
            out |= _headers(self.folder / file)
        return out

    @property
    def nbytes(self) -> int:
        """Bytes of all stored tensors."""
        return sum(h.nbytes for h in self.headers.values())

    def tensor(self, name: str) -> Tensor:
        """One tensor, mapped; its file stays open until another one is asked for.

        Raises:
            ModelError: There is none of this name.
        """
        if name not in self.where:
            raise ModelError(f"{self.folder}: no tensor {name}", remedy="download the missing shards")
        file = self.where[name]
        if self._open.get("file") != file:
            self._open.clear()
            self._open.update(file=file, tensors=_tensors(self.folder / file))
        return self._open["tensors"][name]

    @cached_property
    def _open(self) -> dict[str, Any]:
        return {}

    def shards(self) -> Iterator[tuple[str, Mapping[str, Tensor]]]:
        """File name and its mapped tensors, one file at a time; the one before is closed."""
        for file in self.files:
            yield file, _tensors(self.folder / file)


def _refuse(path: Path, error: Exception) -> ModelError:
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
    if isinstance(error, pickle.UnpicklingError):
        return ModelError(
            f"{path}: holds more than tensors, which is not read: {reason}",
            remedy="use a file with tensors only (safetensors, or a plain state dict)",
        )
    return ModelError(f"{path}: cannot be read as weights: {reason}", remedy=_AGAIN)


def _torch_load(path: Path, *, device: str) -> Mapping[str, Tensor]:
    try:
        try:
            loaded = torch.load(path, map_location=device, weights_only=True, mmap=True)
        except RuntimeError as error:
            if "mmap" not in str(error):
                raise
            loaded = torch.load(path, map_location=device, weights_only=True)  # written before torch 1.6
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError, ValueError) as error:
        raise _refuse(path, error) from error
    if not isinstance(loaded, Mapping) or not all(isinstance(v, Tensor) for v in loaded.values()):
        raise ModelError(f"{path}: expected a mapping of names to tensors", remedy=_AGAIN)
    return loaded


def _tensors(path: Path) -> Mapping[str, Tensor]:
    if path.suffix != ".safetensors":
        return _torch_load(path, device="cpu")
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)  # mapped: safetensors hands out views of the file
    except (OSError, SafetensorError, ValueError) as error:
        raise _refuse(path, error) from error


def _headers(path: Path) -> dict[str, Header]:
    if path.suffix != ".safetensors":
        loaded = _torch_load(path, device="meta")
        return {n: Header(t.dtype, tuple(t.shape)) for n, t in loaded.items()}
    try:
        with path.open("rb") as file:
            size = int.from_bytes(file.read(8), "little")
            if size > path.stat().st_size:
                raise ValueError("the header is longer than the file")
            entries = json.loads(file.read(size))
        return {
            name: Header(DTYPES[entry["dtype"]], tuple(entry["shape"]))
            for name, entry in entries.items()
            if name != "__metadata__"
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise _refuse(path, error) from error
