"""Answers on disk: one file a request, named by its hash, written whole or not at all."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any

from weitiao.data.augment.request import Answer
from weitiao.errors import ConfigError


def default_folder() -> Path:
    """Where answers are kept when nothing else is said."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return Path(base) / "weitiao" / "augment"


class AnswerCache:
    """Answers by key. Several runs may share a folder.

    Args:
        folder: Made when the first answer is stored; readable by its owner only.

    Attributes:
        num_broken: Entries that could not be read; they count as absent.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.num_broken = 0

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / f"{key}.json"

    def get(self, key: str) -> Answer | None:
        """The stored answer, None where there is none."""
        try:
            stored = json.loads(self._path(key).read_text("utf-8"))
            return Answer.from_dict(stored["answer"])
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError):
            self.num_broken += 1
            return None

    def put(self, key: str, answer: Answer, *, generator: str, request: dict[str, Any]) -> None:
        """Store an answer with what was asked.

        Raises:
            ConfigError: The folder cannot be written.
        """
        path = self._path(key)
        entry = {"generator": generator, "request": request, "answer": answer.as_dict()}
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            handle, fresh = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".new")
            try:
                with os.fdopen(handle, "w", encoding="utf-8") as file:
                    json.dump(entry, file, ensure_ascii=False)
                os.replace(fresh, path)
            except BaseException:
                with contextlib.suppress(OSError):
                    os.unlink(fresh)
                raise
        except OSError as error:
            raise ConfigError(
                f"--cache: {self.folder} cannot be written: {error.strerror or error}",
                remedy="make room or choose another folder, then go on with --resume",
            ) from error
