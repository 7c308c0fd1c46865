"""Where the files of a base are: the embedded one, a folder, a Hub id, or a ModelScope id.

Files that are here already are used without asking anyone; only what is missing is downloaded, and never code.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from weitiao.errors import ModelError
from weitiao.models.checkpoint import Checkpoint

EMBEDDED = "weitiao-tiny"
"""Name of the base that comes with the package."""

MODELSCOPE = "modelscope:"
"""Prefix of a ModelScope id in ``base.path``."""

_ID = re.compile(r"[\w.-]+/[\w.-]+")
_SMALL = (".json", ".model", ".txt", ".jinja", ".tiktoken")  # configuration and tokenizer files


def embedded_folder() -> Path:
    """Folder of the embedded base inside the package."""
    return Path(__file__).parent / EMBEDDED


def is_complete(folder: Path, *, weights: bool) -> bool:
    """Whether a folder has its configuration and, with `weights`, every weight file its index names."""
    if not (folder / "config.json").is_file():
        return False
    if weights:
        try:
            Checkpoint.open(folder)
        except ModelError:
            return False
    return True


def wanted_files(names: Sequence[str], *, weights: bool) -> list[str]:
    """The files of a repository that a base needs: no code, no subfolders, weights in one form only.

    Args:
        names: All files of the repository.
        weights: Whether the weights are wanted too; safetensors win over ``.bin``.
    """
    flat = [name for name in names if "/" not in name]
    small = [name for name in flat if name.endswith(_SMALL)]
    heavy = [n for n in flat if n.endswith(".safetensors")]
    heavy = heavy or [n for n in flat if n.startswith("pytorch_model") and n.endswith(".bin")]
    return sorted(small + heavy) if weights else sorted(small)


def folder_of(path: str, *, revision: str | None = None, weights: bool = True) -> Path:
    """The local folder of a base, downloaded where needed.

    Args:
        path: ``base.path`` of a recipe.
        revision: Of a Hub or ModelScope id.
        weights: False fetches configuration and tokenizer only.

    Raises:
        ModelError: No such folder; an id that cannot be fetched; the package lacks the embedded base.
    """
    if path == EMBEDDED:
        return _embedded()
    if path.startswith(MODELSCOPE):
        return _from_modelscope(path.removeprefix(MODELSCOPE), revision, weights=weights)
    folder = Path(path).expanduser()
    if folder.is_dir():
        return folder
    if path.startswith((".", "/", "~")) or folder.exists() or not _ID.fullmatch(path):
        near = difflib.get_close_matches(path, [EMBEDDED, *(str(p) for p in folder.parent.glob("*/"))], n=1)
        hint = (
            f"did you mean {near[0]}?"
            if near
            else "give a folder, a Hub id (owner/name), modelscope:owner/name, or weitiao-tiny"
        )
        raise ModelError(f"base.path: {path} is no folder", remedy=hint)
    return _from_hub(path, revision, weights=weights)


def _embedded() -> Path:
    folder = embedded_folder()
    if not (folder / "config.json").is_file():
        raise ModelError(
            f"base.path: the embedded base {EMBEDDED} is not part of this installation (the package was built "
            "without its weights)",
            remedy="install a release of weitiao, or set base.path to a folder or a Hub id",
        )
    return folder


def is_offline() -> bool:
    """Whether the user forbids the network (``HF_HUB_OFFLINE``)."""
    return os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}


def _from_hub(name: str, revision: str | None, *, weights: bool) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        folder = Path(snapshot_download(name, revision=revision, local_files_only=True))
        if is_complete(folder, weights=weights):
            return folder
    except (LocalEntryNotFoundError, HFValidationError):
        pass
    where = f"{name}@{revision}" if revision else name
    if is_offline():
        raise ModelError(
            f"base.path: {where} is not on this machine (all its files), and HF_HUB_OFFLINE forbids to fetch it",
            remedy="download it first, or give the folder where it is",
        )
    return _download(name, revision, weights=weights)


def _download(name: str, revision: str | None, *, weights: bool) -> Path:
    from huggingface_hub import HfApi, snapshot_download

    try:
        names = HfApi().list_repo_files(name, revision=revision)
        return Path(
            snapshot_download(name, revision=revision, allow_patterns=wanted_files(names, weights=weights))
        )
    except Exception as error:  # its own errors, and those of an HTTP client that changes between versions
        raise ModelError(
            f"base.path: {name} is not on this machine and cannot be fetched: {_first_line(error)}",
            remedy="check the name and the network (a mirror: HF_ENDPOINT), or download it and give its folder; "
            f"on ModelScope: base.path {MODELSCOPE}{name}",
        ) from error


def _from_modelscope(name: str, revision: str | None, *, weights: bool) -> Path:
    if not _ID.fullmatch(name):
        raise ModelError(
            f"base.path: {MODELSCOPE}{name} is no ModelScope id", remedy=f"write {MODELSCOPE}owner/name"
        )
    try:
        from modelscope import snapshot_download  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise ModelError(
            f"base.path: {MODELSCOPE}{name} needs the package modelscope, which is not installed",
            remedy="pip install 'weitiao[modelscope]', or download the model and give its folder",
        ) from error
    options: dict[str, Any] = {} if revision is None else {"revision": revision}
    try:
        folder = Path(snapshot_download(name, local_files_only=True, **options))
        if is_complete(folder, weights=weights):
            return folder
    except Exception:  # modelscope raises its own, its HTTP client's and plain ValueError for "not here"
        pass
    if is_offline():
        raise ModelError(
            f"base.path: {MODELSCOPE}{name} is not on this machine (all its files), and HF_HUB_OFFLINE forbids to "
            "fetch it",
            remedy="download it first, or give the folder where it is",
        )
    code = ["*.py", "*.onnx", "*.gguf", "*.h5", "*.msgpack"]
    heavy = ["*.safetensors", "*.bin", "*.pt"]
    try:
        folder = Path(snapshot_download(name, ignore_file_pattern=[*code, *heavy], **options))
        if not weights:
            return folder
        twice = ["*.bin"] if (folder / "model.safetensors.index.json").is_file() else []
        return Path(snapshot_download(name, ignore_file_pattern=[*code, *twice], **options))
    except Exception as error:
        raise ModelError(
            f"base.path: {MODELSCOPE}{name} cannot be fetched: {_first_line(error)}",
            remedy="check the name and the network, or download the model and give its folder",
        ) from error


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
