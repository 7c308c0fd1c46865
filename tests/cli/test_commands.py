"""Each command passes on what it was given and prints what came back."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

from weitiao.config import DecodeConfig
from weitiao.recipe import load_recipe


def test_run(api, command, recipe: Path, result) -> None:
    api.answers["run"] = result
    done = command("run", recipe, "--out", "o", "--set", "a=1", "--set", "b=2", "--resume")
    assert done.exit_code == 0, done.stderr
    name, args, kwargs = api.calls[0]
    kwargs.pop("console")
    assert (name, args) == ("run", (recipe,))
    assert kwargs == {"out": Path("o"), "sets": ("a=1", "b=2"), "resume": True, "folds": None}
    exact = next(line for line in done.stdout.splitlines() if "exact" in line)
    for part in ("0.100 [0.050, 0.150]", "0.700 [0.650, 0.750]", "+0.600 [+0.550, +0.650]"):
        assert part in exact
    assert "-0.050" in next(line for line in done.stdout.splitlines() if "rouge_l" in line)
    assert "90 samples" in done.stdout
    assert "note: 3 of 90 prompts [b] were in the training part\n" in done.stdout
    assert str(result.out / "report.html") in done.stdout


def test_run_over_folds(api, command, recipe: Path, result) -> None:
    spread = {"exact": {"values": [0.5, None, 0.7], "mean": 0.6, "sd": 0.1414}}
    result.report |= {"folds": [{"fold": n} for n in (1, 2, 3)], "spread": {"after": spread}}
    api.answers["run"] = result
    done = command("run", recipe, "--out", "o", "--folds", "3")
    assert done.exit_code == 0, done.stderr
    assert api.calls[0][2]["folds"] == 3
    row = done.stdout.partition("after tuning, by fold")[2]
    assert [word for word in row.split() if word[0].isdigit() or word == "-"][3:] == [
        *("0.500", "-", "0.700", "0.600", "0.141")
    ]
    assert "adapter  " not in done.stdout
    assert command("run", recipe, "--out", "o", "--folds", "1").exit_code == 2


def test_run_without_a_test_part(api, command, recipe: Path, result) -> None:
    result.report["metrics"] = {"before": None, "after": {}}
    api.answers["run"] = result
    done = command("run", recipe, "--out", "o")
    assert done.exit_code == 0
    assert "no test samples" in done.stdout


def test_run_without_before(api, command, recipe: Path, result) -> None:
    del result.report["metrics"]["before"]
    api.answers["run"] = result
    assert "0.700 [0.650, 0.750]" in command("run", recipe, "--out", "o").stdout


def test_predict(api, command) -> None:
    api.answers["predict_file"] = {"rows": 1200, "answer_column": "answer", "seconds": 3.14159}
    api.answers["load"] = loaded = SimpleNamespace(decode_config=lambda **given: DecodeConfig(**given))
    done = command(
        *("predict", "--adapter", "ad", "--input", "q.xlsx", "--output", "a.csv", "--column", "问题"),
        *("--batch-size", 4, "--temperature", 0.5, "--top-p", 0.9, "--max-new-tokens", 7, "--stop", "。"),
        *("--base", "b", "--no-adapter", "--limit", 9, "--seed", 3),
    )
    assert done.exit_code == 0, done.stderr
    assert api.calls[0] == ("load", (Path("ad"),), {"base": "b"})
    _, args, kwargs = api.calls[1]
    kwargs.pop("console")
    assert args == (Path("ad"), Path("q.xlsx"), Path("a.csv"))
    decode = DecodeConfig(max_new_tokens=7, temperature=0.5, top_p=0.9, stop=("。",), batch_size=4)
    assert kwargs == {"prompt": "问题", "base": "b", "decode": decode, "with_adapter": False} | {
        "limit": 9,
        "seed": 3,
        "loaded": loaded,
    }
    assert done.stdout == "a.csv: rows 1,200, answer column answer, seconds 3.14\n"


def test_predict_decodes_as_evaluated_unless_told_otherwise(api, command) -> None:
    api.answers["predict_file"] = {"rows": 1}
    command("predict", "--adapter", "ad", "--input", "q.xlsx", "--output", "a.csv")
    (call,) = api.calls
    assert call[0] == "predict_file"
    assert call[2]["decode"] is None


def test_eval(api, command, report) -> None:
    api.answers["evaluate_adapter"] = report
    arguments = [
        "eval",
        "--adapter",
        "ad",
        "--data",
        "t.jsonl",
        "--metrics",
        "exact,bleu",
        "--metrics",
        "rouge",
    ]
    done = command(*arguments, "--no-before", "--out", "o")
    assert done.exit_code == 0, done.stderr
    _, args, kwargs = api.calls[0]
    kwargs.pop("console")
    assert args == (Path("ad"), Path("t.jsonl"))
    assert kwargs == {
        "prompt": None,
        "response": None,
        "metrics": ("exact", "bleu", "rouge"),
        "before": False,
        "out": Path("o"),
        "base": None,
    }
    assert "0.700" in done.stdout
    assert json.loads(command(*arguments, "--json").stdout) == report
    assert command("eval", "--adapter", "ad", "--data", "t").exit_code == 0
    assert api.calls[-1][2]["metrics"] is None


def test_config_show(command, recipe: Path) -> None:
    done = command("config", "show", recipe, "--set", "train.epochs=2")
    assert done.exit_code == 0, done.stderr
    rows = {line.split()[0]: line.split()[1:] for line in done.stdout.splitlines()}
    assert rows["name"] == ['"kw"', "my.yaml:1"]
    assert rows["train.epochs"] == ["2.0", "--set"]
    assert rows["seed"] == ["0", "default"]


def test_config_show_json_holds_every_value(command, recipe: Path) -> None:
    plain = json.loads(command("config", "show", recipe, "--json").stdout)
    assert {name: entry["origin"] for name, entry in plain.items()} == dict(load_recipe(recipe).origins)
    assert plain["evaluate.metrics"]["value"] == ["exact", "bleu", "rouge"]


def test_config_of_a_pretraining_recipe(command, tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text("name: tiny\ntrain: {steps: 5}\n", encoding="utf-8")
    plain = json.loads(command("config", "show", path, "--pretrain", "--json").stdout)
    assert plain["train.steps"] == {"value": 5, "origin": "p.yaml:2"}
    assert "steps" in command("config", "schema", "--pretrain").stdout


def test_config_schema_knows_the_sections(command) -> None:
    schema = json.loads(command("config", "schema").stdout)
    assert {"base", "data", "format", "method", "train", "evaluate"} <= set(schema["properties"])


def test_a_wrong_recipe_is_one_error(command, recipe: Path) -> None:
    done = command("config", "show", recipe, "--set", "train.lr=1", "--set", "seed=x")
    assert done.exit_code == 2
    assert done.stderr.startswith("error: my.yaml has 2 problems:\n")
    assert done.stdout == ""
