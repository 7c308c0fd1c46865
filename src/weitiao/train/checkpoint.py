"""Checkpoint folders: written whole or not at all, found again, thinned out. No torch.

``complete.json`` is written last and holds a checksum of every other file, and the folder gets its name after
that: whatever interrupts the writing, a folder that is used was written to its end.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from weitiao.errors import TrainError

COMPLETE = "complete.json"
SCHEMA_VERSION = 1
_PARTIAL = ".partial"


def step_of(folder: Path) -> int:
    """The step in a folder's name (``checkpoint-120``), -1 when it is no checkpoint."""
    name, _, number = folder.name.rpartition("-")
    return int(number) if name == "checkpoint" and number.isdigit() else -1


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def is_complete(folder: Path) -> bool:
    """Whether every file is there as it was written."""
    try:
        files: dict[str, str] = json.loads((folder / COMPLETE).read_text("utf-8"))["files"]
        return all(_digest(folder / name) == digest for name, digest in files.items())
    except (OSError, ValueError, KeyError, AttributeError):
        return False


def listed(root: Path) -> list[Path]:
    """All checkpoint folders, newest first, complete or not."""
    return sorted((p for p in root.glob("checkpoint-*") if step_of(p) >= 0), key=step_of, reverse=True)


def newest(root: Path) -> Path | None:
    """The newest complete checkpoint."""
    return next((p for p in listed(root) if is_complete(p)), None)


@contextlib.contextmanager
def writing(root: Path, step: int, *, needed: int) -> Iterator[Path]:
    """A fresh folder to write into; it becomes ``checkpoint-<step>`` when the block ends without an error.

    Args:
        root: Folder of all checkpoints.
        step: Step of this one.
        needed: Its estimated size in bytes, for the message.

    Raises:
        TrainError: It cannot be written (disk full, no permission); nothing of it stays.
    """
    target = root / f"checkpoint-{step}"
    partial = root / f".{target.name}{_PARTIAL}"
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        yield partial
        files = {p.name: _digest(p) for p in sorted(partial.iterdir())}
        content = {"schema_version": SCHEMA_VERSION, "step": step, "files": files}
        (partial / COMPLETE).write_text(json.dumps(content, indent=1), "utf-8")
        _put(partial, target)
    except (OSError, RuntimeError) as error:  # torch reports a full disk as a RuntimeError
        shutil.rmtree(partial, ignore_errors=True)
        raise TrainError(
            f"{target} cannot be written: {error}. It needs about {needed / 2**20:,.1f} MiB, "
            f"{_free(root)} MiB are free there",
            remedy="free some space (or lower train.keep_checkpoints) and go on with --resume: "
            "the checkpoints already there stay usable",
        ) from error
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def _free(root: Path) -> str:
    try:
        return f"{shutil.disk_usage(root).free / 2**20:,.1f}"
    except OSError:
        return "?"


def _set_aside(folder: Path) -> Path:
    """Take a folder's name away; what is left is swept some time."""
    doomed = folder.with_name(f".{folder.name}.old{_PARTIAL}")
    shutil.rmtree(doomed, ignore_errors=True)
    if folder.exists():
        os.replace(folder, doomed)
    return doomed


def _put(partial: Path, target: Path) -> None:
    doomed = _set_aside(target)
    os.replace(partial, target)
    shutil.rmtree(doomed, ignore_errors=True)


def remove(folder: Path) -> None:
    """Delete a checkpoint; one that is half deleted has lost its name first."""
    shutil.rmtree(_set_aside(folder), ignore_errors=True)


def thin_out(root: Path, *, keep: int, best: int | None) -> None:
    """Delete all but the newest `keep` checkpoints and the best one."""
    for folder in listed(root)[keep:]:
        if step_of(folder) != best:
            remove(folder)


def sweep(root: Path) -> None:
    """Delete what an interrupted run left half written or half deleted."""
    for folder in root.glob(f".checkpoint-*{_PARTIAL}"):
        shutil.rmtree(folder, ignore_errors=True)


def differences(old: Any, new: Any, path: str = "") -> list[str]:
    """One sentence for every value that differs, with its dotted path."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        dotted = f"{path}." if path else ""
        return [
            sentence
            for key in sorted({*old, *new})
            for sentence in differences(old.get(key), new.get(key), f"{dotted}{key}")
        ]
    return [] if old == new else [f"{path}: was {_short(old)}, is {_short(new)}"]


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:57]}..."
