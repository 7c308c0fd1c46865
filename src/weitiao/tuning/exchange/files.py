"""Tensor files of strangers, read as tensors only, and folders that are written whole or not at all."""

from __future__ import annotations

import contextlib
import os
import pickle
import shutil
from collections.abc import Iterator
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from weitiao.errors import AdapterError


def read_tensors(folder: Path, names: tuple[str, ...]) -> tuple[Path, dict[str, Tensor]]:
    """The tensors of the first of these files that is there.

    Args:
        folder: Adapter folder.
        names: ``.safetensors`` and ``.bin`` names, in order of preference.

    Returns:
        The file, and its tensors by name.

    Raises:
        AdapterError: None of them is there; or it is cut short, or holds anything beside tensors.
    """
    path = next((folder / n for n in names if (folder / n).is_file()), None)
    if path is None:
        raise AdapterError(
            f"{folder} holds neither {' nor '.join(names)}",
            remedy="copy the folder again, with all its files",
        )
    try:
        if path.suffix == ".safetensors":
            return path, load_file(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise AdapterError(
            f"{path} holds Python objects beside tensors, and code from a file is never run",
            remedy="save only the tensors: torch.save({name: tensor, ...}, path) where the file is trusted",
        ) from error
    except (SafetensorError, OSError, RuntimeError, EOFError, ValueError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise AdapterError(f"{path} is damaged: {reason}", remedy="copy the file again") from error
    if not isinstance(content, dict) or not all(
        isinstance(k, str) and isinstance(v, Tensor) for k, v in content.items()
    ):
        raise AdapterError(f"{path}: expected tensors by name", remedy="give the file that training wrote")
    return path, content


@contextlib.contextmanager
def fresh_folder(folder: Path) -> Iterator[Path]:
    """A folder to write into, which gets its name when the block ends without an error.

    Raises:
        AdapterError: There is something of that name already, or it cannot be written.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise AdapterError(f"{folder} is there already", remedy="give a new folder, or remove it")
    fresh = folder.with_name(f".{folder.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    try:
        fresh.mkdir(parents=True)
        yield fresh
        os.replace(fresh, folder)  # onto an empty folder or none
    except OSError as error:
        raise AdapterError(
            f"{folder} cannot be written: {error}", remedy="free some space, or give another folder"
        ) from error
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
