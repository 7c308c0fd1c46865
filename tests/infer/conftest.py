"""One tiny base and one adapter for the tests of this folder."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from infer.folders import make_adapter, make_base
from weitiao.infer.loaded import Loaded, open_adapter

torch.set_num_threads(1)


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_base(tmp_path_factory.mktemp("base") / "tiny")


@pytest.fixture(scope="session")
def adapter(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_adapter(tmp_path_factory.mktemp("runs") / "adapter", base)


@pytest.fixture(scope="session")
def loaded(adapter: Path) -> Loaded:
    return open_adapter(adapter, device="cpu", dtype="float32")
