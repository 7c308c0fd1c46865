"""The API key is sent to the server and is nowhere else."""

from __future__ import annotations

import json
from typing import Any

import pytest
from chat_server import Chat, Handler, Job, asked_text, questions

from weitiao.errors import ConfigError


def test_the_key_goes_nowhere_else(chat: Chat, job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    key = "sk-very-secret-0123456789"
    monkeypatch.setenv("MY_KEY", key)
    chat.misbehave = lambda handler, body, number: (
        number == 0 and (handler.reply(400, json.dumps({"error": {"message": f"bad {key}"}})) or True)
    )
    _, report = job(questions(3), endpoint={"api_key_env": "MY_KEY"}, rounds=2)
    assert all(sent["authorization"] == f"Bearer {key}" for sent in chat.headers)
    assert "HTTP 400: bad ***" in report["dropped"][0]["reason"]
    for path in job.folder.rglob("*"):
        assert not path.is_file() or key not in path.read_text("utf-8"), path
    monkeypatch.delenv("MY_KEY")
    with pytest.raises(ConfigError, match="MY_KEY is not set"):
        job(questions(3), endpoint={"api_key_env": "MY_KEY"}, resume=True)


def test_an_answer_that_repeats_the_key_is_no_text(
    chat: Chat, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A debugging proxy that echoes headers, for instance."""
    key = "sk-very-secret-0123456789"
    monkeypatch.setenv("OPENAI_API_KEY", key)
    chat.misbehave = lambda handler, body, number: (
        number == 0 and (handler.good(body, json.dumps([f"{asked_text(body)} Bearer {key}"])) or True)
    )
    rows, report = job(questions(3), endpoint={"price_in": 1000.0, "price_out": 2000.0})
    assert sum(row["augment"] != "source" for row in rows) == 3
    assert report["requests"]["retries"] == 3
    assert report["money"]["of_which_unconfirmed"] > 0, "it may be on the bill"
    for path in job.folder.rglob("*"):
        assert not path.is_file() or key not in path.read_text("utf-8"), path


@pytest.mark.parametrize(
    "query", ["key=abc", "api-key=abc", "API_KEY=abc", "v=1&access_token=abc", "sig=abc"]
)
def test_a_key_in_the_address_is_refused(job: Job, query: str) -> None:
    job.url = f"http://127.0.0.1:9/v1?{query}"
    with pytest.raises(ConfigError, match="would be written to") as caught:
        job(questions(1))
    assert "abc" not in str(caught.value)


def test_a_query_that_holds_no_key_is_sent(chat: Chat, job: Job) -> None:
    paths = []

    def note(handler: Handler, body: dict[str, Any], number: int) -> bool:
        paths.append(handler.path)
        return False

    job.url, chat.misbehave = f"{chat.url}?api-version=2026-01-01", note
    job(questions(1))
    assert paths == ["/v1/chat/completions?api-version=2026-01-01"]


def test_without_a_key_none_is_sent(chat: Chat, job: Job) -> None:
    job(questions(1))
    assert "authorization" not in chat.headers[0]
