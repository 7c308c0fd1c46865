"""Where the rows of a run came from, so that a list of rows can say when a file is another one by now."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from weitiao.data.lineage import file_hash
from weitiao.pipeline.files import write_json

ORIGINS = "sources.json"


def write_origins(run: Path, sources: Sequence[Mapping[str, Any]], root: Path) -> None:
    """Write ``sources.json``: each file, where it lies as seen from the run folder, and its hash.

    Args:
        run: The run folder.
        sources: Of the card of its data set.
        root: Folder that the paths of the recipe start from.

    Raises:
        TrainError: It cannot be written.
    """
    write_json(run / ORIGINS, [*_entries(run, sources, root)])


def _entries(run: Path, sources: Sequence[Mapping[str, Any]], root: Path) -> Iterator[dict[str, str]]:
    for source in {(entry["file"], entry["sha256"]): entry for entry in sources}.values():
        path = (root / Path(source["file"]).expanduser()).resolve()
        if path.is_file():  # patterns that are shipped have a name only
            yield {"file": source["file"], "path": _seen_from(run, path), "sha256": source["sha256"]}


def _seen_from(run: Path, path: Path) -> str:
    try:
        return Path(os.path.relpath(path, run.resolve())).as_posix()
    except ValueError:  # another drive
        return path.as_posix()


def changed_since(run: Path) -> list[str]:
    """What is to be said of files that are not as the run read them; nothing of a run that kept no note of them."""
    try:
        entries = json.loads((run / ORIGINS).read_text(encoding="utf-8"))
        known = [(entry["file"], run / entry["path"], entry["sha256"]) for entry in entries]
    except (OSError, ValueError, KeyError, TypeError):
        return []
    notes = []
    for name, path, sha256 in known:
        if not path.is_file():
            notes.append(f"{name} is no longer where the run read it ({path})")
        elif file_hash(path) != sha256:
            notes.append(
                f"{name} has changed since the run: texts, answers and row numbers are those that it was trained on"
            )
    return notes
