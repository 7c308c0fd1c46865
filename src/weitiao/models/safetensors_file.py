"""A safetensors file written tensor by tensor: the memory it takes is that of one tensor, not of the file."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from weitiao.models.checkpoint import DTYPES, Header

_NAMES = {dtype: name for name, dtype in DTYPES.items()}


def tensor_bytes(tensor: Tensor) -> memoryview:
    """The bytes of a tensor in row order, little end first; a view where it is contiguous."""
    flat = tensor.detach().contiguous().reshape(-1)
    if not flat.numel():
        return memoryview(b"")
    array: Any = flat.view(torch.uint8).numpy()
    return memoryview(array)


def write_safetensors(path: Path, headers: Mapping[str, Header], produce: Callable[[str], Tensor]) -> None:
    """Write tensors in the order of `headers`.

    Args:
        path: New file.
        headers: Name -> type and shape of each tensor.
        produce: Gives a tensor by name; asked once for each, in order.
    """
    entries: dict[str, object] = {"__metadata__": {"format": "pt"}}
    offset = 0
    for name, header in headers.items():
        entries[name] = {
            "dtype": _NAMES[header.dtype],
            "shape": list(header.shape),
            "data_offsets": [offset, offset + header.nbytes],
        }
        offset += header.nbytes
    text = json.dumps(entries, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # data begin at a multiple of eight bytes
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little"))
        file.write(text)
        for name, header in headers.items():
            tensor = produce(name)
            if tensor.dtype != header.dtype or tuple(tensor.shape) != header.shape:
                raise ValueError(f"{name}: announced {header}, got {tensor.dtype} {list(tensor.shape)}")
            file.write(tensor_bytes(tensor))
