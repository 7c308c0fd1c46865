"""Augmentation as a step of a recipe: an endpoint fills classes up to a count, then rows are repeated."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from chat_server import Chat, asked_count, asked_text, questions, user_of, write_rows
from pydantic import ValidationError

from weitiao.config import Recipe
from weitiao.data import prepare
from weitiao.errors import ConfigError, DataError, ModelError
from weitiao.types import Dataset


def new_questions(body: dict[str, Any]) -> str:
    """Each time others."""
    salt = sum(map(ord, user_of(body))) % 9973
    texts = [
        f"{chr(0x4E00 + salt * 3 % 9000 + k)}{chr(0x5000 + salt + 7 * k)}门店的库存还够吗？" for k in range(5)
    ]
    return json.dumps(texts[: asked_count(body)], ensure_ascii=False)


def make(root: Path, *steps: dict[str, Any], generator: Any = None) -> Dataset:
    rows = [{**row, "label": "A" if k % 8 else "B"} for k, row in enumerate(questions(48))]
    write_rows(root / "in.jsonl", rows)
    data = {
        "sources": [{"file": "in.jsonl"}],
        "prompt": "这个问题属于哪一类？{{ prompt }}",
        "response": "label",
        "split": {"dev": 0.1, "test": 0.1},
        "steps": steps,
    }
    return prepare(Recipe.model_validate({"data": data}), root=root, generator=generator)


def step(chat: Chat, **more: Any) -> dict[str, Any]:
    endpoint = {"url": chat.url, "model": "writer"}
    return {"kind": "augment", "endpoint": endpoint, "column": "prompt", "cache": "answers", **more}


def test_classes_are_filled_then_repeated(chat: Chat, tmp_path: Path) -> None:
    chat.write = new_questions
    plain = make(tmp_path)
    expand = step(chat, kinds=["expand"], target_per_class=12)
    dataset = make(tmp_path, expand, {"kind": "balance", "method": "up"})
    assert (dataset.dev, dataset.test) == (plain.dev, plain.test)
    counts = Counter(e.reference for e in plain.train)
    lines = {line["name"]: line for line in dataset.card["steps"]}
    assert counts["B"] < 12 < counts["A"]
    assert lines["augment"]["classes"] == {"A": [counts["A"]] * 2, "B": [counts["B"], 12]}
    assert lines["balance"]["classes"] == {"A": [counts["A"]] * 2, "B": [12, counts["A"]]}
    assert (tmp_path / "answers").is_dir(), "relative to the recipe"
    new = [e for e in dataset.train if "augment" in e.meta]
    assert all(e.messages[0].content.startswith("这个问题属于哪一类？") for e in new)
    assert {e.group for e in new} <= {e.group for e in plain.train}
    asked = len(chat.bodies)
    assert make(tmp_path, expand, {"kind": "balance", "method": "up"}) == dataset
    assert len(chat.bodies) == asked, "a second run asks nothing"


def test_progress_is_told(chat: Chat, tmp_path: Path) -> None:
    told: list[tuple[str, int]] = []
    write_rows(tmp_path / "in.jsonl", questions(4))
    data = {"train": [{"file": "in.jsonl"}], "response": "label", "steps": [step(chat, rounds=1)]}
    recipe = Recipe.model_validate({"data": data})
    prepare(recipe, root=tmp_path, progress=lambda what, count: told.append((what, count)))
    assert [count for what, count in told if what == "requests"] == [1, 2, 3, 4]


def test_columns_that_must_stay(chat: Chat, tmp_path: Path) -> None:
    dataset = make(tmp_path, step(chat, keep=["company"]))
    new = [e for e in dataset.train if "augment" in e.meta]
    assert new
    assert all("股份" in e.messages[0].content for e in new)
    with pytest.raises(DataError, match='"firm" is no column'):
        make(tmp_path, step(chat, keep=["firm"]))


def test_who_writes(chat: Chat, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"neither `endpoint` nor `base` is set"):
        make(tmp_path, {"kind": "augment"})
    with pytest.raises(ConfigError, match="none is loaded here"):
        make(tmp_path, {"kind": "augment", "base": {}})
    with pytest.raises(ValidationError, match="not both"):
        make(tmp_path, step(chat, base={}))


def calling(k: int) -> dict[str, Any]:
    """A question, a call with the name in it, what it found, and the reply."""
    call = {"type": "function", "function": {"name": "find", "arguments": f'{{"name": "{hotel(k)}"}}'}}
    messages = [
        {"role": "user", "content": f"帮我查一下{hotel(k)}的电话是多少？"},
        {"role": "assistant", "content": None, "tool_calls": [{**call, "id": "1"}]},
        {"role": "tool", "tool_call_id": "1", "content": f'{{"电话": "010-{k:04d}"}}'},
        {"role": "assistant", "content": f"电话是010-{k:04d}。"},
    ]
    return {"messages": messages}


def hotel(k: int) -> str:
    return f"{chr(0x4E10 + 31 * k)}{chr(0x5E10 + 17 * k)}酒店"


def test_of_a_dialogue_with_calls_the_question_is_written_anew(chat: Chat, tmp_path: Path) -> None:
    write_rows(tmp_path / "in.jsonl", [calling(k) for k in range(6)])
    augment = step(chat, column=None, rounds=1)
    recipe = Recipe.model_validate({"data": {"train": [{"file": "in.jsonl"}], "steps": [augment]}})
    dataset = prepare(recipe, root=tmp_path)
    sources = {e.id: e for e in dataset.train if "augment" not in e.meta}
    new = [e for e in dataset.train if "augment" in e.meta]
    assert {e.messages[-2].role for e in new} == {"user", "tool"}
    for example in new:
        source = sources[example.meta["augment"]["of"]]
        assert example.messages[0].content != source.messages[0].content
        assert example.messages[1:] == source.messages[1:], "calls and what they found stay"


def test_a_name_in_a_call_stays_in_the_question(chat: Chat, tmp_path: Path) -> None:
    def nameless(body: dict[str, Any]) -> str:
        return json.dumps(["麻烦您告诉我那家酒店的电话号码是多少，谢谢您？"], ensure_ascii=False)

    chat.write = nameless
    write_rows(tmp_path / "in.jsonl", [{"messages": calling(k)["messages"][:2]} for k in range(4)])
    augment = step(chat, column=None, rounds=1)
    recipe = Recipe.model_validate({"data": {"train": [{"file": "in.jsonl"}], "steps": [augment]}})
    dataset = prepare(recipe, root=tmp_path)
    assert len(dataset.train) == 4
    (line,) = [line for line in dataset.card["steps"] if line["name"] == "augment"]
    assert [drop["reason"] for drop in line["dropped_texts"]] == ["a name or quoted span is lost"]


@pytest.mark.parametrize("kinds", [["expand"], ["paraphrase"]])
def test_nothing_that_is_written_repeats_a_row_of_dev_or_test(
    chat: Chat, tmp_path: Path, kinds: list[str]
) -> None:
    plain = make(tmp_path)
    held_out = [e.messages[0].content.split("？", 1)[1] for e in (*plain.dev, *plain.test)]
    answers = iter(held_out * 100)

    def leaking(body: dict[str, Any]) -> str:
        return json.dumps([next(answers) for _ in range(asked_count(body))], ensure_ascii=False)

    chat.write = leaking
    wanted = {"target_per_class": 60} if kinds == ["expand"] else {}
    dataset = make(tmp_path, step(chat, kinds=kinds, rounds=1, **wanted))
    assert dataset.train == plain.train
    assert dataset.card["leaks"]["count"] == 0
    (line,) = [line for line in dataset.card["steps"] if line["name"] == "augment"]
    reasons = {drop["reason"] for drop in line["dropped_texts"]}
    assert "near-duplicate of a row of dev or test" in reasons or kinds != ["expand"]


def test_the_card_says_what_the_texts_cost(chat: Chat, tmp_path: Path) -> None:
    endpoint = {"url": chat.url, "model": "writer", "price_in": 10, "price_out": 20}
    augment = step(chat, endpoint=endpoint)
    first = make(tmp_path, augment)
    (line,) = [line for line in first.card["steps"] if line["name"] == "augment"]
    asked = len(chat.bodies)
    assert line["cost"] == {
        "answers": asked,
        "prompt_tokens": 100 * asked,
        "answer_tokens": 50 * asked,
        "answers_without_token_counts": 0,
        "money": pytest.approx(asked * (100 * 10 + 50 * 20) / 1e6),
    }
    assert make(tmp_path, augment).card == first.card, "from disk it is the same"


def test_a_request_that_gets_no_answer_ends_the_step_and_one_that_is_refused_does_not(
    chat: Chat, tmp_path: Path
) -> None:
    """A data set that depends on a server's bad day is none; what the server will never write is left out and told."""
    text = make(tmp_path).train[3].messages[0].content.removeprefix("这个问题属于哪一类？")
    status = [500]

    def misbehave(handler: Any, body: dict[str, Any], number: int) -> bool:
        if asked_text(body) == text:
            handler.reply(status[0], "no")
            return True
        return False

    chat.misbehave = misbehave
    augment = step(chat, endpoint={"url": chat.url, "model": "writer", "retries": 1}, rounds=1)
    with pytest.raises(ModelError, match=r"1 request got no answer: HTTP 500: no \(2 tries\)"):
        make(tmp_path, augment)
    status[0] = 400
    dataset = make(tmp_path, augment)
    (line,) = [line for line in dataset.card["steps"] if line["name"] == "augment"]
    assert [(d["reason"], d["count"]) for d in line["dropped_texts"]] == [("no answer: HTTP 400: no", 1)]
    assert sum("augment" in e.meta for e in dataset.train) == len(make(tmp_path).train) - 1


def test_a_budget_that_ends_says_what_is_spent(chat: Chat, tmp_path: Path) -> None:
    endpoint = {"url": chat.url, "model": "writer", "price_in": 10, "price_out": 20, "max_tokens": 60}
    with pytest.raises(ModelError, match=r"budget of 0\.02\. 0\.0\d+ is spent") as caught:
        make(tmp_path, step(chat, endpoint=endpoint, budget=0.02))
    assert "run again" in (caught.value.remedy or "")
    assert 0 < len(chat.bodies) * (100 * 10 + 50 * 20) / 1e6 <= 0.02


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"endpoint": {"url": "localhost:8000", "model": "m"}},
            "data.steps: augment: endpoint.url: expected an http",
        ),
        ({"cache": "in.jsonl"}, "data.steps: augment: cache: "),
    ],
)
def test_errors_speak_of_keys_of_the_recipe(
    chat: Chat, tmp_path: Path, change: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        make(tmp_path, step(chat, **change))
    assert caught.value.message.startswith(said)
    assert "--" not in str(caught.value)
