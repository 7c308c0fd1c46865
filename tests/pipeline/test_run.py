"""The whole run, from rows to a report, on a tiny base."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

import weitiao
from pipeline.conftest import RecipeFile, Rows, write_recipe
from weitiao.chat import make_format
from weitiao.data import dataset_hash, load
from weitiao.data import read_examples as stored_examples
from weitiao.errors import ConfigError, DataError, TrainError
from weitiao.evaluate.report import problems
from weitiao.pipeline.running import RunResult
from weitiao.recipe import resolve
from weitiao.types import Message

FILES = {
    "recipe.yaml",
    "dataset/train.jsonl",
    "dataset/dev.jsonl",
    "dataset/test.jsonl",
    "dataset/card.json",
    "adapter/adapter_model.safetensors",
    "adapter/adapter_config.json",
    "trainer_state.json",
    "predictions.jsonl",
    "report.json",
    "report.html",
}
SUMMARY = {"sum", "mean", "min", "n"}


def predictions(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "predictions.jsonl").read_text("utf-8").splitlines()]


def leftovers(folder: Path) -> list[str]:
    return [p.name for p in folder.rglob("*") if p.name.endswith((".new", ".partial", ".tmp", ".old"))]


@pytest.fixture(scope="session")
def recipe_path(tmp_path_factory: pytest.TempPathFactory, base_folder: Path, rows: Rows) -> Path:
    return write_recipe(tmp_path_factory.mktemp("recipe"), base_folder, rows)


@pytest.fixture(scope="session")
def done(recipe_path: Path, tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    """One finished run, read by many tests."""
    return weitiao.run(recipe_path, out=tmp_path_factory.mktemp("runs") / "prefix")


@pytest.fixture(scope="session")
def full(base_folder: Path, rows: Rows, tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    """The same with full tuning."""
    train = {"max_steps": 3, "batch_size": 4, "learning_rate": 0.01, "precision": "float32"}
    recipe = write_recipe(
        tmp_path_factory.mktemp("recipe"),
        base_folder,
        rows,
        method={"kind": "full", "length": 4},
        train=train,
    )
    text = recipe.read_text("utf-8").replace("  length: 4\n", "")
    recipe.write_text(text, "utf-8")
    return weitiao.run(recipe, out=tmp_path_factory.mktemp("runs") / "full")


# ------------------------------------------------------------------------------------- the folder


def test_every_promised_file_is_there(done: RunResult) -> None:
    found = {p.relative_to(done.out).as_posix() for p in done.out.rglob("*") if p.is_file()}
    assert found >= FILES
    assert any(name.startswith("checkpoints/checkpoint-") for name in found)
    assert leftovers(done.out) == []


def test_the_report_has_what_is_promised(done: RunResult) -> None:
    report = json.loads((done.out / "report.json").read_text("utf-8"))
    assert report == done.report
    assert problems(report) == []
    n = report["data"]["test"]
    for side in ("before", "after"):
        for name in ("exact", "bleu_char", "rouge_1", "rouge_l"):
            estimate = report["metrics"][side]["test"][name]
            assert estimate["low"] <= estimate["value"] <= estimate["high"]
            assert estimate["n"] == n
    assert report["seed"] == 3
    assert {"weitiao", "python", "torch", "transformers"} <= set(report["versions"])


def test_the_report_counts_what_was_done(done: RunResult) -> None:
    report, dataset = done.report, load(done.out / "dataset")
    assert report["train"]["steps"] == 3
    assert report["train"]["samples"] == 12
    assert 0 < report["train"]["tokens_computed"] <= report["train"]["tokens_rendered"]
    parts = {part: len(getattr(dataset, part)) for part in ("train", "dev", "test")}
    assert report["data"] == {"sha256": dataset_hash(dataset), **parts}
    assert sum(parts.values()) == 30
    weights = done.adapter / "adapter_model.safetensors"
    assert report["adapter"]["bytes"] == weights.stat().st_size
    assert report["adapter"]["parameters"] == load_file(weights)["kv"].numel() == 2 * 2 * 2 * 4 * 8


def test_the_recipe_loads_back(done: RunResult, recipe_path: Path) -> None:
    assert weitiao.load_recipe(done.out / "recipe.yaml").value == resolve(recipe_path).value


def test_the_page_is_one_file(done: RunResult) -> None:
    page = (done.out / "report.html").read_text("utf-8")
    assert "tiny" in page
    assert 'src="http' not in page
    assert "<link" not in page


def test_prediction_rows(done: RunResult) -> None:
    found, dataset = predictions(done.out), load(done.out / "dataset")
    assert [row["id"] for row in found] == [example.id for example in dataset.test]
    for row, example in zip(found, dataset.test, strict=True):
        assert row["prompt"] == example.prompt[-1].content
        assert row["reference"] == example.reference
        assert example.origin is not None
        assert row["origin"]["row"] == example.origin.row
        for side in ("before", "after"):
            assert isinstance(row[side]["text"], str)
            assert set(row[side]["logprob"]) == SUMMARY
            assert set(row["reference_logprob"][side]) == SUMMARY
            assert row["reference_logprob"][side]["sum"] < 0


@pytest.mark.parametrize("suffix", [".csv", ".xlsx"])
def test_tables_give_the_run_of_the_json(
    suffix: str, recipe_file: RecipeFile, tmp_path: Path, done: RunResult
) -> None:
    result = weitiao.run(recipe_file(suffix=suffix), out=tmp_path / "run")
    assert result.report["data"] == done.report["data"]
    assert result.report["metrics"] == done.report["metrics"]
    saved = "adapter/adapter_model.safetensors"
    assert (result.out / saved).read_bytes() == (done.out / saved).read_bytes()


def test_sets_go_over_the_file(recipe_path: Path, tmp_path: Path) -> None:
    result = weitiao.run(
        recipe_path,
        out=tmp_path / "run",
        sets=["train.max_steps=1", "evaluate.limit=2", "evaluate.before=false"],
    )
    assert result.report["train"]["steps"] == 1
    assert result.report["metrics"]["before"] is None
    found = predictions(result.out)
    assert len(found) == 2
    assert {row["before"] for row in found} == {None}


# ------------------------------------------------------------------- before and after, checked apart


def test_before_is_the_untouched_base_on_the_full_prompt(done: RunResult, base_folder: Path) -> None:
    """Against transformers' own greedy search and forward pass, one prompt at a time."""
    model = AutoModelForCausalLM.from_pretrained(base_folder, dtype=torch.float32).eval()
    format = make_format("auto", AutoTokenizer.from_pretrained(base_folder))
    for row, example in zip(predictions(done.out), load(done.out / "dataset").test, strict=True):
        ids = torch.tensor([format.render_prompt(example.prompt)])
        with torch.no_grad():
            said = model.generate(
                ids, attention_mask=torch.ones_like(ids), max_new_tokens=6, do_sample=False,
                eos_token_id=list(format.stop_ids), pad_token_id=format.pad_id,
            )  # fmt: skip
        assert row["before"]["text"] == format.decode(said[0, ids.shape[1] :].tolist())
        sample = format.render(example)
        assert row["reference_logprob"]["before"]["sum"] == pytest.approx(
            sum(logprobs(model, sample.ids, sample.trained)), abs=1e-4
        )


def logprobs(model: Any, ids: tuple[int, ...], trained: tuple[bool, ...]) -> list[float]:
    """Log-probability of each target by a plain forward pass."""
    with torch.no_grad():
        found = model(torch.tensor([ids])).logits[0].float().log_softmax(-1)
    return [found[k - 1, ids[k]].item() for k in range(len(ids)) if trained[k]]


def test_training_changed_the_model(done: RunResult) -> None:
    gained = [
        r["reference_logprob"]["after"]["sum"] - r["reference_logprob"]["before"]["sum"]
        for r in predictions(done.out)
    ]
    assert sum(gained) > 0


@pytest.mark.parametrize("kind", ["done", "full"])
def test_a_loaded_adapter_gives_the_answers_of_the_report(kind: str, request: pytest.FixtureRequest) -> None:
    result: RunResult = request.getfixturevalue(kind)
    tuned, found = weitiao.load(result.adapter), predictions(result.out)
    asked = [[Message(m["role"], m["content"]) for m in row["messages"]] for row in found]
    assert tuned.generate(asked) == [row["after"]["text"] for row in found]
    assert tuned.generate(asked, adapter=False) == [row["before"]["text"] for row in found]


def test_columns_and_texts_are_prompts_too(done: RunResult, rows: Rows) -> None:
    tuned, found = weitiao.load(done.adapter), predictions(done.out)[0]
    row = next(row for row in rows if row["question"] in found["prompt"])
    assert tuned.generate(row) == tuned.generate(row["question"]) == found["after"]["text"]


def test_predict_file_gives_the_answers_of_the_report(
    done: RunResult, rows: Rows, tmp_path: Path, write_rows: Callable[[Path, Rows], Path]
) -> None:
    found = predictions(done.out)
    asked = [row for row in rows if any(row["question"] in f["prompt"] for f in found)]
    source = write_rows(tmp_path / "questions.xlsx", [{"question": row["question"]} for row in asked])
    target = tmp_path / "answers.jsonl"
    weitiao.predict_file(done.adapter, source, target)
    said = [json.loads(line) for line in target.read_text("utf-8").splitlines()]
    assert [(s["question"], s["answer"]) for s in said] == [
        (row["question"], next(f["after"]["text"] for f in found if row["question"] in f["prompt"]))
        for row in asked
    ]


@pytest.mark.parametrize("kind", ["done", "full"])
def test_eval_gives_the_metrics_of_the_report(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    result: RunResult = request.getfixturevalue(kind)
    again = weitiao.evaluate_adapter(
        result.adapter, result.out / "dataset" / "test.jsonl", out=tmp_path / "eval"
    )
    for side in ("before", "after"):
        expected = result.report["metrics"][side]["test"]
        found = again["metrics"][side]["test"]
        assert {k: v["value"] for k, v in found.items()} == {k: v["value"] for k, v in expected.items()}
    assert [r["after"] for r in predictions(tmp_path / "eval")] == [
        r["after"] for r in predictions(result.out)
    ]
    assert not any("training" in note for note in again["notes"])


def test_eval_on_the_training_part_says_so(done: RunResult) -> None:
    path = done.out / "dataset" / "train.jsonl"
    n = len(list(stored_examples(path)))
    report = weitiao.evaluate_adapter(done.adapter, path, before=False, metrics=["exact"])
    assert any(f"{n} of {n} prompts were in the training part" in note for note in report["notes"])
    assert report["metrics"]["before"] is None


def test_eval_on_a_users_file(
    done: RunResult, rows: Rows, tmp_path: Path, write_rows: Callable[[Path, Rows], Path]
) -> None:
    file = write_rows(tmp_path / "other.csv", [{"q": r["question"], "a": r["answer"]} for r in rows[:4]])
    report = weitiao.evaluate_adapter(
        done.adapter, file, prompt="Please answer in one word: {{ q }}", response="a", before=False
    )
    assert report["data"]["test"] == 4


# ------------------------------------------------------------------------- determinism and resuming


def test_the_same_seed_gives_the_same_bytes(recipe_path: Path, done: RunResult, tmp_path: Path) -> None:
    again = weitiao.run(recipe_path, out=tmp_path / "again")
    saved = "adapter_model.safetensors"
    assert (again.adapter / saved).read_bytes() == (done.adapter / saved).read_bytes()
    assert (again.out / "predictions.jsonl").read_bytes() == (done.out / "predictions.jsonl").read_bytes()
    other = weitiao.run(recipe_path, out=tmp_path / "other", sets=["seed=4", "evaluate.before=false"])
    assert (other.adapter / saved).read_bytes() != (done.adapter / saved).read_bytes()


def test_resuming_a_finished_run_changes_nothing(recipe_path: Path, tmp_path: Path) -> None:
    first = weitiao.run(recipe_path, out=tmp_path / "run")
    saved = (first.adapter / "adapter_model.safetensors").read_bytes()
    answers = (first.out / "predictions.jsonl").read_bytes()
    again = weitiao.run(recipe_path, out=tmp_path / "run", resume=True)
    assert (again.adapter / "adapter_model.safetensors").read_bytes() == saved
    assert (again.out / "predictions.jsonl").read_bytes() == answers
    assert again.report["metrics"] == first.report["metrics"]


def test_resuming_with_another_recipe_is_refused_and_touches_nothing(
    recipe_path: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    weitiao.run(recipe_path, out=out)
    before = {p: p.read_bytes() for p in out.rglob("*") if p.is_file()}
    with pytest.raises(TrainError, match="learning_rate"):
        weitiao.run(recipe_path, out=out, sets=["train.learning_rate=0.01"], resume=True)
    assert {p: p.read_bytes() for p in out.rglob("*") if p.is_file()} == before


def test_answers_of_another_base_are_not_taken_over(
    recipe_path: Path, tmp_path: Path, base_folder_gpt2: Path
) -> None:
    """Killed before the first checkpoint, then resumed with another base: `before` is measured again."""
    from weitiao.pipeline.opening import open_recipe
    from weitiao.pipeline.running import _Run

    out = tmp_path / "run"
    sets = [["evaluate.limit=2"], ["evaluate.limit=2", f"base.path={base_folder_gpt2}"]]
    found = []
    for given in sets:
        run = _Run(open_recipe(resolve(recipe_path, given)), out, True, None)
        found.append(run._before(list(run.opened.dataset.test[:2])))
    assert found[0] != found[1]


# ---------------------------------------------------------------------------------- smaller things


@pytest.mark.parametrize(
    "method",
    [
        {"length": 3, "init": "random"},
        {"length": 3, "init": "zeros"},
        {"length": "auto", "init": "template", "projection": 8},
        {"length": 5, "init": {"text": "城市 of the company"}, "projection": 8, "dropout": 0.1},
    ],
    ids=lambda m: f"{m['init']}-{m['length']}",
)
def test_every_method_runs_and_loads(method: dict[str, Any], recipe_file: RecipeFile, tmp_path: Path) -> None:
    recipe = recipe_file(method=method, train={"max_steps": 1}, evaluate={"limit": 2, "before": False})
    result = weitiao.run(recipe, out=tmp_path / "run")
    tuned, found = weitiao.load(result.adapter), predictions(result.out)
    asked = [[Message(m["role"], m["content"]) for m in row["messages"]] for row in found]
    assert tuned.generate(asked) == [row["after"]["text"] for row in found]


@pytest.mark.parametrize("metric", ["exact", "bleu", "rouge"])
def test_dev_metrics(metric: str, recipe_file: RecipeFile, tmp_path: Path) -> None:
    train = {"max_steps": 1, "dev_metric": metric, "dev_samples": 3}
    result = weitiao.run(
        recipe_file(train=train, evaluate={"limit": 1, "before": False}), out=tmp_path / "run"
    )
    assert result.report["train"]["best"]["metric"] == metric


def test_accuracy_as_dev_metric_needs_a_closed_set(
    recipe_file: RecipeFile, rows: Rows, tmp_path: Path
) -> None:
    free = [{**row, "answer": f"{row['answer']} {row['no']}"} for row in rows]
    recipe = recipe_file(
        rows=free,
        train={"dev_metric": "accuracy"},
        evaluate={"metrics": ["accuracy"], "limit": 1, "before": False},
    )
    with pytest.raises(ConfigError, match=r"train\.dev_metric"):
        weitiao.run(recipe, out=tmp_path / "run")


def test_without_a_test_part(recipe_file: RecipeFile, tmp_path: Path) -> None:
    recipe = recipe_file(data={"split": {"dev": 0.0, "test": 0.0}}, train={"max_steps": 1})
    result = weitiao.run(recipe, out=tmp_path / "run")
    assert predictions(result.out) == []
    assert result.report["data"]["test"] == 0
    assert weitiao.load(result.adapter).generate(["a city?"])


def test_a_prompt_without_room_for_the_answer_is_found_before_anything_is_written(
    recipe_file: RecipeFile, tmp_path: Path
) -> None:
    recipe = recipe_file(evaluate={"decode": {"max_new_tokens": 250}})
    with pytest.raises(DataError, match="too long"):
        weitiao.run(recipe, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_preview_shows_what_is_trained(recipe_path: Path, done: RunResult) -> None:
    shown, format = weitiao.preview(recipe_path, part="dev", n=2)
    assert [example for example, _ in shown] == list(load(done.out / "dataset").dev[:2])
    for example, rendered in shown:
        targets = [i for i, on in zip(rendered.ids, rendered.trained, strict=True) if on]
        assert format.decode(targets) == example.reference
