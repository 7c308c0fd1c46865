"""Where data come from: what a card says about its parents, and the note beside a file that a command has written.

``OUT.jsonl.lineage.json`` says which command made ``OUT.jsonl``, of which files and with which settings. A recipe that
takes the file as a source finds it there and writes it into the card of the data set.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from weitiao.config import DataConfig
from weitiao.data.whole import write_whole
from weitiao.errors import ConfigError

SUFFIX = ".lineage.json"
_REPORT = ".report.json"  # of `weitiao data augment`
_CARD = "card.json"
_PARTS = ("train.jsonl", "dev.jsonl", "test.jsonl")


def write_lineage(
    output: Path, made_by: str, sources: Iterable[tuple[str, Path]], settings: Mapping[str, Any]
) -> None:
    """Write the note beside a file.

    Args:
        output: A file that is written.
        made_by: The command, ``weitiao data noise``.
        sources: What it was made of: as the user named it, and where it lies.
        settings: JSON values that say how.

    Raises:
        ConfigError: It cannot be written.
    """
    note = {
        "made_by": made_by,
        "weitiao": _version(),
        "sha256": file_hash(output),
        "sources": [{"file": name, "sha256": file_hash(path)} for name, path in sources],
        "settings": {name: value for name, value in settings.items() if value is not None},
    }
    path = output.with_name(output.name + SUFFIX)
    try:
        write_whole(path, [json.dumps(note, ensure_ascii=False, indent=2) + "\n"])
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be written: {error.strerror or error}", remedy="choose another folder"
        ) from error


def file_hash(path: Path) -> str:
    """SHA-256 of a file's bytes, hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def parent_of(path: Path, sha256: str) -> dict[str, Any] | None:
    """What is known about how a file came about, None where nothing is.

    Args:
        path: The file.
        sha256: Of its bytes now.

    Returns:
        ``made_by`` and what the note beside it says; ``changed_since`` where the file is another now.
    """
    note = _json(path.with_name(path.name + SUFFIX))
    if note is not None and "made_by" in note:
        changed = {"changed_since": True} if note.get("sha256") != sha256 else {}
        return {**{name: value for name, value in note.items() if name != "sha256"}, **changed}
    report = _json(path.with_name(path.name + _REPORT))
    if report is not None and isinstance(report.get("source"), dict):
        facts = {name: report[name] for name in ("generator", "settings") if name in report}
        return {"made_by": "weitiao data augment", "sources": [report["source"]], **facts}
    card = _json(path.with_name(_CARD)) if path.name in _PARTS else None
    if card is not None and "sha256" in card:
        return {"made_by": "weitiao data prepare", "data_set": card["sha256"], "part": path.stem}
    return None


def lineage_of(data: DataConfig, seed: int, sources: Iterable[tuple[str, Path, str]]) -> dict[str, Any]:
    """The card's ``lineage``: the program, the section of the recipe, and the parents of the sources.

    Args:
        data: The section ``data`` with its templates written out.
        seed: Of the recipe.
        sources: Name, path and hash of each file.
    """
    parents = {
        name: found for name, path, sha256 in sources if (found := parent_of(path, sha256)) is not None
    }
    return {
        "weitiao": _version(),
        "seed": seed,
        "data": data.model_dump(mode="json", exclude_unset=True),
        "parents": [{"file": name, **found} for name, found in parents.items()],
    }


def _json(path: Path) -> dict[str, Any] | None:
    """An object from a file beside the data; nothing where there is none or it is something else."""
    try:
        found = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _version() -> str:
    # By name: for type checkers the package imports its heavy rooms, which this room may not.
    return import_module("weitiao").__version__
