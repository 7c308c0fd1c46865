"""ChatGLM-6B through the whole run: an official folder, its chat format, training, report, answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

import weitiao
from pipeline.conftest import RecipeFile
from weitiao.errors import ConfigError
from weitiao.infer.loaded import open_adapter
from weitiao.models import chatglm1
from weitiao.pipeline.opening import attach, open_recipe
from weitiao.recipe import resolve
from weitiao.types import Example, Message

torch.set_num_threads(1)


@pytest.fixture
def official(shared: Path, tmp_path: Path) -> Path:
    """Tiny weights with the real vocabulary, and the tokenizer files."""
    reference = shared / "reference"
    if not reference.is_dir():
        pytest.skip("the reference values of the original ChatGLM code (../shared/reference) are not here")
    folder = tmp_path / "chatglm-6b"
    folder.mkdir()
    files = [
        *(reference / "chatglm1" / "realvocab").iterdir(),
        *(reference / "tokenizers" / "chatglm-6b").iterdir(),
    ]
    for file in files:
        if file.name != "tokens.json":
            (folder / file.name).symlink_to(file)
    return folder


def test_a_run_and_its_adapter(official: Path, recipe_file: RecipeFile, tmp_path: Path) -> None:
    recipe = recipe_file(
        base={"path": str(official)}, format={"kind": "chatglm"}, method={"init": "zeros", "length": 4}
    )
    weitiao.run(recipe, out=tmp_path / "run")
    rows = [json.loads(r) for r in (tmp_path / "run" / "predictions.jsonl").read_text("utf-8").splitlines()]
    adapter = open_adapter(tmp_path / "run" / "adapter", dtype="float32")
    assert (adapter.config["position_start"], adapter.config["length"]) == (0, 4)
    assert adapter.prefix is not None
    assert adapter.prefix.abs().max() > 0  # it was trained
    plain = chatglm1.load(official)
    for row in rows:
        messages = (Message("user", row["prompt"]),)
        assert row["after"]["text"] == adapter.generate(messages)
        ids = torch.tensor([adapter.format.render_prompt(messages)])
        said = plain.generate(ids, max_new_tokens=6, do_sample=False)[0, ids.shape[1] :]
        assert row["before"]["text"] == adapter.format.decode(said.tolist()).removesuffix("<eop>")
        sample = adapter.format.render(
            Example("x", (*messages, Message("assistant", row["reference"], True)))
        )
        with torch.no_grad():
            logprobs = plain(torch.tensor([sample.ids])).logits[0].log_softmax(-1)
        wanted = sum(
            float(logprobs[k - 1, token])
            for k, (token, trained) in enumerate(zip(sample.ids, sample.trained, strict=True))
            if trained
        )
        assert row["reference_logprob"]["before"]["sum"] == pytest.approx(wanted, abs=1e-3)


def test_it_starts_from_the_beginning_but_does_not_take_it_out(
    official: Path, recipe_file: RecipeFile
) -> None:
    def changed(**method: Any) -> Any:
        sections: dict[str, Any] = {"base": {"path": str(official)}, "format": {"kind": "chatglm"}}
        return resolve(recipe_file(**sections, method=method))

    with pytest.raises(ConfigError, match=r"method\.absorb"):
        open_recipe(changed(length="auto"))
    opened = open_recipe(changed(length="auto", absorb=False))
    assert opened.start is not None
    assert opened.start.ids
    assert not opened.start.absorbed
    sample = opened.rendered("train")[0]
    assert sample.ids[: len(opened.start.ids)] == opened.start.ids  # they stay in the samples
    assert sample.context > len(opened.start.ids)
    tuned = attach(opened)
    assert tuned.position_start == 0
    assert tuned.prefix_length == len(opened.start.ids)
