"""A chat server, and an augmentation of a file that asks it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from chat_server import Chat, Job, serving


@pytest.fixture
def chat() -> Iterator[Chat]:
    with serving(Chat()) as running:
        yield running


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Short waits between tries, no key and no proxy of whoever runs the tests."""
    monkeypatch.setattr("weitiao.data.augment.asking._FIRST_WAIT_S", 0.01)
    for name in ("OPENAI_API_KEY", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def job(chat: Chat, tmp_path: Path) -> Job:
    return Job(tmp_path, chat.url)
