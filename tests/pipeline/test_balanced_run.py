"""Weights, copies and new texts from a recipe to the loss: the base as a writer, and what a weight is worth."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import weitiao
from pipeline.conftest import RecipeFile, save_base
from weitiao.chat import make_format
from weitiao.config import BaseConfig
from weitiao.data import load
from weitiao.data.augment.request import ChatRequest, Refused
from weitiao.errors import ConfigError
from weitiao.models.load import load_base
from weitiao.pack import pack
from weitiao.pipeline.opening import Opened, attach, open_recipe
from weitiao.pipeline.writing import base_writer
from weitiao.recipe import load_recipe
from weitiao.types import Message

ROWS = [{"no": n, "question": f"Question {n} of {n * n}?", "answer": "ABB"[n % 3]} for n in range(30)]
SPLIT = {"dev": 0.1, "test": 0.1}


def step_of(opened: Opened) -> tuple[float, list[torch.Tensor]]:
    """Loss and gradients of one step over the whole training part, as the trainer forms them."""
    tuned = attach(opened)
    batch = pack(opened.rendered("train"), pad_id=opened.format.pad_id)
    loss = tuned(batch).total / batch.weight.sum()
    loss.backward()
    return loss.item(), [p.grad for p in tuned.trainable().values() if p.grad is not None]


def test_weight_two_is_the_row_twice(recipe_file: RecipeFile, tmp_path: Path) -> None:
    steps: dict[str, list[dict[str, Any]]] = {
        "plain": [],
        "weighed": [{"kind": "weigh", "weights": {"A": 2, "B": 1}}],
        "repeated": [{"kind": "balance", "method": "up", "target": 10**6, "max_repeat": 2}],
        "both": [],
    }
    found = {}
    for name, wanted in steps.items():
        rows = ROWS if name != "both" else [*ROWS, *(row for row in ROWS if row["answer"] == "A")]
        if name == "repeated":  # both classes twice: the same loss as once
            assert wanted
        recipe = recipe_file(rows=rows, folder=tmp_path / name, data={"steps": wanted, "split": SPLIT})
        found[name] = step_of(open_recipe(load_recipe(recipe)))
    for one, other in (("plain", "repeated"), ("weighed", "both")):
        assert found[one][0] == pytest.approx(found[other][0], rel=1e-5)
        for a, b in zip(found[one][1], found[other][1], strict=True):
            torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-6)
    assert abs(found["plain"][0] - found["weighed"][0]) > 1e-4, "weights change the loss"


def test_a_run_with_copies_and_weights(recipe_file: RecipeFile, tmp_path: Path) -> None:
    steps = [{"kind": "balance", "method": "up"}, {"kind": "weigh", "weights": {"A": 3, "B": 1}}]
    recipe = recipe_file(rows=ROWS, data={"steps": steps, "split": SPLIT})
    done = weitiao.run(recipe, out=tmp_path / "run")
    dataset = load(done.out / "dataset")
    counts = Counter(example.reference for example in dataset.train)
    assert counts["A"] == counts["B"]
    assert {example.reference: example.weight for example in dataset.train} == {"A": 1.5, "B": 0.5}
    assert {example.weight for example in (*dataset.dev, *dataset.test)} == {1.0}
    again = weitiao.run(recipe, out=tmp_path / "run", resume=True)
    assert load(again.out / "dataset") == dataset


# --- the base writes ------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def long_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With room for instructions."""
    folder = tmp_path_factory.mktemp("bases") / "long"
    return save_base(folder, "llama", "roles", max_position_embeddings=2048)


def request(text: str, sample: int = 0, *, max_tokens: int = 6) -> ChatRequest:
    return ChatRequest((Message("user", text),), 0.9, max_tokens, sample)


def test_the_base_answers_each_request_in_its_own_way(base_folder: Path) -> None:
    """What is answered together changes no answer; another sample is another answer."""
    base = load_base(BaseConfig(path=str(base_folder), dtype="float32", device="cpu"))
    writer = base_writer(base, make_format("auto", base.tokenizer), batch_size=4)
    requests = [request("Say it anew: one"), request("two"), request("two", 1), request("two", max_tokens=3)]
    together = writer._answer(requests)
    for one, reply in zip(requests, together, strict=True):
        (alone,) = writer._answer([one])
        assert not isinstance(reply, Exception)
        assert alone == reply
        assert reply.usage is not None
        assert reply.usage.completion <= one.max_tokens
    assert together[1] != together[2]
    (long,) = writer._answer([request("long", max_tokens=10**6)])
    assert isinstance(long, Refused)


@pytest.fixture
def writes_well(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The tiny base says nothing useful: its words are replaced, and who was asked is noted."""
    from weitiao.data.augment.request import Answer, Usage
    from weitiao.infer.decode import Decoded
    from weitiao.pipeline import writing

    asked: list[str] = []

    def answer(decoded: Decoded) -> Answer:
        asked.append(decoded.text)
        texts = [
            f"Kindly say, item {chr(97 + len(asked))}{k}: Question {len(asked)} of it?" for k in range(5)
        ]
        return Answer(json.dumps(texts), Usage(decoded.prompt_tokens, len(decoded.ids)))

    monkeypatch.setattr(writing, "_answer", answer)
    return asked


AUGMENT = {
    "kind": "augment",
    "base": {"max_tokens": 4, "batch_size": 3},
    "kinds": ["expand"],
    "target_per_class": 14,
    "column": "question",
    "cache": "answers",
    "filter": {"near": 1.0},
    "rounds": 4,
}


def test_the_base_of_the_recipe_writes(
    recipe_file: RecipeFile,
    command: Callable[..., Any],
    writes_well: list[str],
    long_base: Path,
    tmp_path: Path,
) -> None:
    recipe = recipe_file(rows=ROWS, base={"path": str(long_base)}, data={"steps": [AUGMENT], "split": SPLIT})
    opened = open_recipe(load_recipe(recipe))
    assert writes_well, "the base was asked"
    (line,) = [line for line in opened.dataset.card["steps"] if line["name"] == "augment"]
    assert line["generator"].startswith(f"base {opened.base.fingerprint}")
    assert line["settings"]["base"] == {"temperature": 0.9, "max_tokens": 4}
    before, after = line["classes"]["A"]
    assert before < after <= 14
    num = len(writes_well)
    done = command("data", "prepare", recipe, "--out", tmp_path / "set")
    assert done.exit_code == 0, done.stderr
    assert load(tmp_path / "set").train == opened.dataset.train
    assert len(writes_well) == num, "all answers are on disk"
    assert (tmp_path / "answers").is_dir(), "beside the recipe"


def test_without_a_base_it_says_so(recipe_file: RecipeFile, command: Callable[..., Any]) -> None:
    recipe = recipe_file(rows=ROWS, data={"steps": [AUGMENT], "split": SPLIT})
    resolved = load_recipe(recipe)
    with pytest.raises(ConfigError, match="none is loaded here") as caught:
        weitiao.data.prepare(resolved.value, root=resolved.root)
    assert "weitiao data prepare" in (caught.value.remedy or "")


def test_the_command_with_a_base(
    long_base: Path, command: Callable[..., Any], writes_well: list[str], tmp_path: Path
) -> None:
    source = tmp_path / "in.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in ROWS[:4]), "utf-8")
    words = [source, "--base", long_base, "--max-tokens", 4, "--column", "question", "--label", "answer"]
    words += ["--kinds", "expand", "--target-per-class", 4, "--cache", tmp_path / "c", "--rounds", 1]
    done = command("data", "augment", *words, "--output", tmp_path / "out.jsonl")
    assert done.exit_code == 0, done.stderr
    report = json.loads((tmp_path / "out.jsonl.report.json").read_text("utf-8"))
    assert report["generator"].startswith("base ")
    assert len(writes_well) > 0
    for wrong in (["--model", "m"], ["--price-in", 1], ["--concurrency", 3]):
        done = command("data", "augment", *words, *wrong, "--output", tmp_path / "no.jsonl")
        assert done.exit_code == 2
        assert wrong[0] in done.stderr
    assert not (tmp_path / "no.jsonl").exists()
