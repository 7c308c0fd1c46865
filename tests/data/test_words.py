"""Chinese words: loaded without chatter, wherever the cache may be."""

from __future__ import annotations

import pytest

from weitiao.data import words
from weitiao.data.words import cut, has_han


def test_jieba_is_silent(capfd: pytest.CaptureFixture[str]) -> None:
    words._tokenizer.cache_clear()
    words.cut.cache_clear()
    assert cut("营业收入") == ("营业", "收入")
    assert capfd.readouterr() == ("", "")


def test_jieba_loads_where_no_cache_can_be_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path, capfd: pytest.CaptureFixture[str]
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")  # a folder below a file can be made by nobody, not even by root
    monkeypatch.setenv("XDG_CACHE_HOME", str(blocked))
    words._tokenizer.cache_clear()
    words.cut.cache_clear()
    try:
        assert cut("营业收入") == ("营业", "收入")
    finally:
        words._tokenizer.cache_clear()
    assert capfd.readouterr() == ("", "")


def test_han() -> None:
    assert has_han("abc 年")
    assert not has_han("ＡＢＣ。，！")
