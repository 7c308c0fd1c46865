"""Before the first step the tuned model is exactly the base with the starting text in context.

Every expected value is a plain forward pass of transformers on an independently loaded base: no interval
attention, no packing, no prefix.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM

from pipeline.conftest import RecipeFile
from weitiao.errors import ConfigError, DataError
from weitiao.infer.score import score_references
from weitiao.models.load import EMBEDDED
from weitiao.pipeline import opening
from weitiao.pipeline.opening import Opened, _located, attach, open_recipe
from weitiao.recipe import resolve
from weitiao.tuning.prefix import PrefixShape
from weitiao.types import Rendered

PLAIN = {"kind": "plain", "separator": "\n"}
COMBINATIONS = [("llama", "auto"), ("llama", PLAIN), ("gpt2", "auto")]


@pytest.fixture(params=COMBINATIONS, ids=["llama-template", "llama-plain", "gpt2-plain"])
def combination(request: pytest.FixtureRequest, base_folder: Path, base_folder_gpt2: Path) -> dict[str, Any]:
    family, format = request.param
    folder = base_folder if family == "llama" else base_folder_gpt2
    return {"base": {"path": str(folder)}, "format": format}


@pytest.fixture
def opened(recipe_file: RecipeFile, combination: dict[str, Any]):
    def make(**method: Any) -> Opened:
        return open_recipe(resolve(recipe_file(method=method, **combination)))

    return make


@cache
def plain_base(path: str) -> Any:
    return AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32).eval()


@torch.no_grad()
def expected(opened: Opened, samples: Sequence[Rendered], context: Sequence[int] = ()) -> list[list[float]]:
    """Log-probability of every target of every sample behind the context."""
    model = plain_base(opened.recipe.base.path)
    found = []
    for sample in samples:
        ids = (*context, *sample.ids)
        at = len(context)
        scores = model(torch.tensor([ids])).logits[0].log_softmax(-1)
        targets = [at + k for k, is_target in enumerate(sample.trained) if is_target]
        found.append([scores[k - 1, ids[k]].item() for k in targets])
    return found


def same(opened: Opened, wanted: list[list[float]]) -> None:
    scored = score_references(attach(opened), opened.rendered("test"))
    assert len(scored) == len(wanted) >= 3
    for own, values in zip(scored, wanted, strict=True):
        assert own.n == len(values)
        assert own.sum == pytest.approx(sum(values), abs=1e-4)
        assert own.min == pytest.approx(min(values), abs=1e-4)


def whole(opened: Opened) -> list[Rendered]:
    return [opened.whole.render(example) for example in opened.dataset.test]


def test_template_of_its_own_length(opened: Any) -> None:
    found = opened(length="auto", init="template", absorb=True)
    assert found.start.absorbed == found.start.ids != ()
    same(found, expected(found, whole(found)))


def test_template_with_a_projection_starts_at_the_same_place(opened: Any) -> None:
    found = opened(length="auto", init="template", absorb=True, projection=8)
    same(found, expected(found, whole(found)))


def test_a_longer_prefix_is_the_base_with_the_filled_text(opened: Any) -> None:
    found = opened(length=50, init="template", absorb=True)
    common = found.start.absorbed
    assert len(found.start.ids) == 50 > len(common)
    assert found.start.ids[-len(common) :] == common
    same(found, expected(found, found.rendered("test"), found.start.ids))


def test_a_shorter_prefix_keeps_the_rest_in_the_prompt(opened: Any) -> None:
    found = opened(length=3, init="template", absorb=True)
    assert len(found.start.absorbed) == 3
    assert "the first 3 of" in found.start.note
    lengths = [len(r) + 3 for r in found.rendered("test")]
    assert lengths == [len(r) for r in whole(found)]
    same(found, expected(found, whole(found)))


def test_without_absorbing_the_beginning_comes_twice(opened: Any) -> None:
    found = opened(length="auto", init="template", absorb=False)
    assert found.start.absorbed == ()
    assert found.format is found.whole
    same(found, expected(found, whole(found), found.start.ids))


@pytest.mark.parametrize("length", ["auto", 20])
def test_a_text(opened: Any, length: Any) -> None:
    found = opened(length=length, init={"text": "城市 of companies:"})
    ids = found.whole.encode_text("城市 of companies:")
    assert found.start.ids[-len(ids) :] == ids
    same(found, expected(found, whole(found), found.start.ids))


def test_full_tuning_starts_at_the_base(
    opened: Any, combination: dict[str, Any], recipe_file: RecipeFile
) -> None:
    path = recipe_file(**combination)
    path.write_text(path.read_text("utf-8").replace("  length: 4\n", "  kind: full\n"), "utf-8")
    found = open_recipe(resolve(path))
    assert found.start is None
    same(found, expected(found, whole(found)))


@pytest.mark.parametrize("init", ["random", "zeros"])
@pytest.mark.parametrize("projection", [None, 8])
def test_starts_without_a_text(opened: Any, init: str, projection: int | None) -> None:
    found = opened(length="auto", init=init, projection=projection)
    tuned = attach(found)
    assert tuned.prefix is not None
    kv = tuned.prefix.folded()
    assert kv.shape == PrefixShape.of(found.base.model.config, 64).tensor
    assert kv.dtype == torch.float32
    assert bool((kv == 0).all()) == (init == "zeros")
    assert torch.equal(kv, attach(found).prefix.folded())  # type: ignore[union-attr]


# ---------------------------------------------------------------------------------- not enough room


@pytest.mark.parametrize(
    "method",
    [
        {"length": 240},
        {"length": "auto", "init": "zeros"},
        {"length": "auto", "init": {"text": "x" * 70}},
        {"length": "auto", "init": "template", "absorb": False},
    ],
    ids=["given", "zeros", "text", "template"],
)
def test_prefix_and_sample_fit_into_the_positions_of_the_base(
    method: dict[str, Any], recipe_file: RecipeFile, rows: list[dict[str, Any]]
) -> None:
    """Positions run out only behind the prefix: each sample alone would fit."""
    long = [{**row, "question": f"{row['question']} {'z' * 190}"} for row in rows]
    with pytest.raises(DataError, match="longer than") as error:
        open_recipe(resolve(recipe_file(rows=long, method=method)))
    assert "rows.json, row 1" in str(error.value)
    assert "max_length" in (error.value.remedy or "")
    sound = open_recipe(resolve(recipe_file(rows=long, method={"length": "auto", "init": "template"})))
    assert max(len(r) for r in whole(sound)) > 256 - 64


def test_a_prefix_that_fills_the_base_is_refused(recipe_file: RecipeFile) -> None:
    with pytest.raises(ConfigError, match=r"method\.length.*256"):
        open_recipe(resolve(recipe_file(method={"length": 256})))


def test_no_common_beginning(recipe_file: RecipeFile) -> None:
    with pytest.raises(ConfigError, match=r"method\.init"):
        open_recipe(resolve(recipe_file(format=PLAIN, data={"prompt": "{{ question[2:] }}"})))


# ---------------------------------------------------------------------------------- where the base is


@pytest.mark.parametrize("beside", ["recipe", "current folder"])
def test_a_relative_base_is_remembered_absolutely(
    beside: str, recipe_file: RecipeFile, base_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = recipe_file(folder=tmp_path / "recipes", base={"path": "models/tiny"})
    place = recipe.parent if beside == "recipe" else tmp_path
    (place / "models").mkdir()
    (place / "models" / "tiny").symlink_to(base_folder)
    monkeypatch.chdir(tmp_path)
    assert open_recipe(resolve(recipe)).base.path == str(place / "models" / "tiny")


def test_a_folder_does_not_hide_the_embedded_base(recipe_file: RecipeFile) -> None:
    recipe = recipe_file(base={"path": EMBEDDED})
    (recipe.parent / EMBEDDED).mkdir()
    resolved = resolve(recipe)
    assert _located(resolved.value, resolved.root).path == EMBEDDED


def test_what_a_prefix_of_fixed_length_absorbs_makes_room_for_it(
    opened: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sample that fits behind the prefix once the shared beginning is out of it is not refused."""
    free = opened(length="auto", init="template", absorb=True)
    longest = max(len(r) for part in ("train", "dev", "test") for r in free.rendered(part))
    load = opening.load_base

    def small(*args: Any, **kwargs: Any) -> Any:
        return replace(load(*args, **kwargs), max_positions=longest + 40)

    monkeypatch.setattr(opening, "load_base", small)
    assert opened(length=40, init="template", absorb=True).prefix_length == 40
    with pytest.raises(DataError, match="positions"):
        opened(length=41, init="template", absorb=True)
