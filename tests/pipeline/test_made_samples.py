"""A run on samples from patterns, with a prompt of a library and noise: the adapter needs none of them."""

from __future__ import annotations

import json
from pathlib import Path

import weitiao
from pipeline.conftest import RecipeFile

LIBRARY = """\
templates:
  - id: mine/ask
    variables: {q: what was heard}
    languages:
      en: {prompt: "Where? {{ q }}"}
"""
PATTERNS = """\
vocabularies:
  city: [Beijing, Shanghai, Shenzhen]
  n: {first: 1, last: 9}
classes:
  where: {patterns: ["company {n} of {city}"], response: "{{ city }}"}
"""


def test_a_run_stores_whole_templates(recipe_file: RecipeFile, tmp_path: Path) -> None:
    (tmp_path / "lib.yaml").write_text(LIBRARY, "utf-8")
    (tmp_path / "made.yaml").write_text(PATTERNS, "utf-8")
    recipe = recipe_file(
        data={
            "sources": [{"patterns": "made.yaml", "count": 24}],
            "templates": ["lib.yaml"],
            "prompt": {"template": "mine/ask", "variables": {"q": "speech"}},
            "response": "response",
            "steps": [{"kind": "noise", "column": "speech", "mix": {"drop": 1}}],
        },
        train={"max_steps": 1, "batch_size": 4, "precision": "float32"},
    )
    done = weitiao.run(recipe, out=tmp_path / "run")
    card = json.loads((done.out / "dataset" / "card.json").read_text("utf-8"))
    assert card["templates"][0]["template"] == "mine/ask"
    assert [s["part"] for s in card["steps"] if s["name"] == "noise"] == ["train"]
    stored = json.loads((done.adapter / "adapter_config.json").read_text("utf-8"))["data"]["prompt"]
    assert stored == "{% set q = speech %}Where? {{ q }}"

    (tmp_path / "lib.yaml").unlink()
    questions = tmp_path / "questions.jsonl"
    questions.write_text('{"speech": "company 3 of Beijing"}\n', "utf-8")
    weitiao.predict_file(done.adapter, questions, tmp_path / "answers.jsonl")
    assert len((tmp_path / "answers.jsonl").read_text("utf-8").splitlines()) == 1
