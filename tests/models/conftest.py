"""Official ChatGLM folders: the reference values of the original code, and folders made from them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def reference(shared: Path) -> Path:
    folder = shared / "reference"
    if not folder.is_dir():
        pytest.skip("the reference values of the original ChatGLM code (../shared/reference) are not here")
    return folder


@pytest.fixture
def official(reference: Path, tmp_path: Path) -> Callable[[str, str], Path]:
    """An official folder as a user downloads it: weights of a reference checkpoint with the tokenizer files."""

    def make(version: str, checkpoint: str = "model") -> Path:
        folder = tmp_path / f"{version}-{checkpoint}"
        folder.mkdir()
        for file in (reference / version / checkpoint).iterdir():
            (folder / file.name).symlink_to(file)
        name = "chatglm-6b" if version == "chatglm1" else f"{version}-6b"
        for file in (reference / "tokenizers" / name).iterdir():
            if file.name != "tokens.json":
                (folder / file.name).symlink_to(file)
        return folder

    return make
