"""Files of a run folder, written whole or not at all; versions of what computed them."""

from __future__ import annotations

import contextlib
import json
import platform
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import weitiao
from weitiao.data.whole import fresh_file
from weitiao.errors import ConfigError, TrainError

_PACKAGES = (
    "torch",
    "transformers",
    "tokenizers",
    "accelerate",
    "numpy",
    "sacrebleu",
    "rouge-chinese",
    "jieba",
)


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn what the system says against writing a file into an error of ours.

    Args:
        path: What is being written, for the message.

    Raises:
        TrainError: It cannot be written (disk full, no permission).
    """
    try:
        yield
    except OSError as error:
        raise TrainError(
            f"{path} cannot be written: {error.strerror or error}",
            remedy="make room or choose another --out, then run again with --resume",
        ) from error


def write_text(path: Path, text: str) -> None:
    """Write a file whole or not at all.

    Raises:
        TrainError: It cannot be written (disk full, no permission).
    """
    write_bytes(path, text.encode("utf-8"))


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file under a temporary name, then rename it.

    Raises:
        TrainError: It cannot be written (disk full, no permission).
    """
    with writing(path), fresh_file(path) as fresh:
        fresh.write_bytes(data)


def write_json(path: Path, value: Any) -> None:
    """One JSON document, indented."""
    write_text(path, json.dumps(value, ensure_ascii=False, indent=2) + "\n")


def write_lines(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """JSON lines."""
    write_text(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


def claim(out: Path, *, resume: bool | None) -> None:
    """Make the run folder; refuse one that holds another run.

    Args:
        out: The folder.
        resume: Whether what it holds goes on; None for what cannot be resumed.

    Raises:
        ConfigError: It holds a run already, or is a file.
    """
    if out.exists() and not out.is_dir():
        raise ConfigError(f"--out {out} is a file", remedy="give a folder")
    if not resume and out.is_dir() and any(out.iterdir()):
        raise ConfigError(
            f"--out {out} is not empty",
            remedy=f"{'' if resume is None else 'go on with --resume, '}choose another folder, or delete this one",
        )
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"--out {out} cannot be made: {error.strerror}", remedy="choose another folder"
        ) from error


def versions() -> dict[str, str]:
    """Versions of weitiao, Python and the libraries that the numbers depend on, and the commit where there is one."""
    found = {"weitiao": weitiao.__version__, "python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    commit = _commit()
    return {**found, "commit": commit} if commit else found


def _commit() -> str | None:
    """The git commit when weitiao runs out of a checkout."""
    folder = Path(weitiao.__file__).resolve().parents[2]
    if not (folder / ".git").exists():
        return None
    done = subprocess.run(
        ["git", "-C", str(folder), "rev-parse", "HEAD"], capture_output=True, text=True, check=False
    )
    return done.stdout.strip() or None
