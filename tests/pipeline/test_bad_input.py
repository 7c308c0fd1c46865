"""What people get wrong: one error that names the place and a way out, exit code 2, and nothing half-written."""

from __future__ import annotations

import errno
import json
import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

import weitiao
from pipeline.conftest import RecipeFile, Rows, save_rows, write_recipe
from weitiao.pipeline.running import RunResult

Command = Callable[..., Any]
UNFINISHED = re.compile(r"\.(new|partial|tmp|old)$")


def unfinished(*folders: Path) -> list[str]:
    return [str(p) for folder in folders for p in folder.rglob("*") if UNFINISHED.search(p.name)]


def complaint(result: Any, *named: str) -> str:
    """The one error of a command: exit code 2, the places it must name, a remedy, no traceback."""
    assert result.exit_code == 2, f"{result.exit_code}: {result.output}"
    assert "Traceback" not in result.output
    assert result.stderr.count("error: ") == 1
    for place in named:
        assert place in result.stderr
    assert re.search(r"^  -> \S", result.stderr, re.MULTILINE), result.stderr
    return result.stderr


@pytest.fixture
def refused(command: Command, tmp_path: Path) -> Callable[..., str]:
    """``weitiao run`` must refuse; nothing of the run stays."""

    def run(recipe: Path, *named: str, sets: Sequence[str] = ()) -> str:
        out = tmp_path / "runs" / "bad"
        arguments = [word for value in sets for word in ("--set", value)]
        said = complaint(command("run", recipe, "--out", out, "--quiet", *arguments), *named)
        assert not out.exists()
        assert unfinished(tmp_path) == []
        return said

    return run


@pytest.fixture(scope="session")
def done(tmp_path_factory: pytest.TempPathFactory, base_folder: Path, rows: Rows) -> RunResult:
    """A finished run of one step."""
    recipe = write_recipe(
        tmp_path_factory.mktemp("recipe"), base_folder, rows, train={"max_steps": 1, "precision": "float32"}
    )
    return weitiao.run(recipe, out=tmp_path_factory.mktemp("runs") / "done", sets=["evaluate.before=false"])


# ------------------------------------------------------------------------------------------- data


@pytest.mark.parametrize("suffix", [".json", ".jsonl", ".csv", ".xlsx"])
def test_missing_column(suffix: str, recipe_file: RecipeFile, refused: Any) -> None:
    said = refused(recipe_file(suffix=suffix, data={"response": "anwser"}), f"rows{suffix}", "anwser")
    assert 'did you mean "answer"?' in said
    assert "data.response" in said


def test_template_with_an_unknown_field(recipe_file: RecipeFile, refused: Any) -> None:
    refused(recipe_file(data={"prompt": "Q: {{ qestion }} {{ town }}"}), "rows.json", "qestion", "prompt")


def test_template_that_does_not_parse(recipe_file: RecipeFile, refused: Any) -> None:
    refused(recipe_file(data={"prompt": "Q: {{ question"}), "prompt")


def test_empty_sheet(recipe_file: RecipeFile, refused: Any) -> None:
    from openpyxl import Workbook

    recipe = recipe_file(data={"sources": [{"file": "empty.xlsx", "sheet": "leer"}]})
    workbook = Workbook()
    workbook.create_sheet("leer")
    workbook.save(recipe.parent / "empty.xlsx")
    refused(recipe, "empty.xlsx", "leer")


@pytest.mark.parametrize("text", ["", "[]", "question,answer\n"], ids=["nothing", "array", "header"])
def test_empty_file(text: str, recipe_file: RecipeFile, refused: Any) -> None:
    name = "empty.csv" if "," in text else "empty.json"
    recipe = recipe_file(data={"sources": [{"file": name}]})
    (recipe.parent / name).write_text(text, "utf-8")
    refused(recipe, name)


def test_broken_json_line_17(recipe_file: RecipeFile, rows: Rows, refused: Any) -> None:
    recipe = recipe_file(suffix=".jsonl")
    lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    lines[16] = lines[16][:-9]
    lines[20] = "[1, 2]"
    (recipe.parent / "rows.jsonl").write_text("\n".join(lines), "utf-8")
    refused(recipe, "rows.jsonl", "row 17", "row 21")


def test_broken_json_array(recipe_file: RecipeFile, rows: Rows, refused: Any) -> None:
    recipe = recipe_file()
    lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    lines[15] = lines[15][:-1]
    (recipe.parent / "rows.json").write_text("[\n" + ",\n".join(lines) + "\n]", "utf-8")
    refused(recipe, "rows.json", "line 1")


def test_empty_answers(recipe_file: RecipeFile, rows: Rows, refused: Any) -> None:
    gaps = [{**row, "answer": " " if row["no"] in (4, 11) else row["answer"]} for row in rows]
    refused(recipe_file(rows=gaps), "rows.json", "row 5", "row 12", "response")


def test_a_file_that_is_not_there(recipe_file: RecipeFile, refused: Any) -> None:
    refused(recipe_file(data={"sources": [{"file": "row.json"}]}), "row.json")


def test_two_sources_with_different_columns(recipe_file: RecipeFile, rows: Rows, refused: Any) -> None:
    recipe = recipe_file(data={"sources": [{"file": "rows.json"}, {"file": "other.csv"}]})
    save_rows(recipe.parent / "other.csv", [{"q": r["question"], "answer": r["answer"]} for r in rows])
    refused(recipe, "other.csv", "question", "rows.json has it")


def test_all_files_are_complained_about_together(recipe_file: RecipeFile, refused: Any) -> None:
    recipe = recipe_file(data={"sources": [{"file": "one.json"}, {"file": "two.jsonl"}]})
    (recipe.parent / "one.json").write_text('[{"question": 1,', "utf-8")
    (recipe.parent / "two.jsonl").write_text('{"question": "a", "answer": "b"}\nno\n', "utf-8")
    refused(recipe, "one.json", "two.jsonl", "row 2")


@pytest.mark.parametrize("suffix", [".jsonl", ".csv"])
def test_a_cell_of_50_mb(suffix: str, recipe_file: RecipeFile, rows: Rows, refused: Any) -> None:
    huge = [*rows[:5], {"no": 99, "question": "z" * 50_000_000, "answer": "Beijing"}, *rows[5:]]
    said = refused(
        recipe_file(rows=huge, suffix=suffix), f"rows{suffix}", "row 7" if suffix == ".csv" else "row 6"
    )
    assert len(said) < 2000


def test_samples_that_are_too_long(recipe_file: RecipeFile, rows: Rows, refused: Any) -> None:
    long = [{**row, "question": row["question"] + "z" * 400 * (row["no"] in (2, 7))} for row in rows]
    refused(
        recipe_file(rows=long), "rows.json, row 3", "rows.json, row 8", "data.max_length", "data.truncate"
    )


def test_answers_without_room(recipe_file: RecipeFile, refused: Any) -> None:
    refused(recipe_file(evaluate={"decode": {"max_new_tokens": 250}}), "rows.json, row", "max_new_tokens")


@pytest.mark.parametrize("number", [2, 3])
def test_a_split_that_leaves_a_part_empty(
    number: int, recipe_file: RecipeFile, rows: Rows, refused: Any
) -> None:
    recipe = recipe_file(rows=rows[:number], data={"split": {"dev": 0.01, "test": 0.01}})
    refused(recipe, "data.split", "dev", "test", "empty")


def test_the_training_part_is_empty(recipe_file: RecipeFile, rows: Rows, refused: Any) -> None:
    recipe = recipe_file(rows=[rows[0]] * 5, data={"split": {"dev": 0.0, "test": 0.9}})
    refused(recipe, "data.split", "train")


def test_an_encoding_that_does_not_fit(recipe_file: RecipeFile, refused: Any) -> None:
    recipe = recipe_file(suffix=".csv", data={"sources": [{"file": "rows.csv", "encoding": "ascii"}]})
    refused(recipe, "rows.csv", "offset", "encoding")


# ------------------------------------------------------------------------------------------ recipe


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ("method.length=0", "method.length"),
        ("train.learning_rate=1e3", "train.learning_rate"),
        ("train.batch_size=0", "train.batch_size"),
        ("data.split.dev=0.8", "data.split"),
        ("train.dev_metric=accuracy", "train.dev_metric"),
        ("evaluate.metrics=[exakt]", "evaluate.metrics"),
        ("train.epoch=3", "train.epoch"),
    ],
)
def test_values_out_of_range(value: str, path: str, recipe_file: RecipeFile, refused: Any) -> None:
    refused(recipe_file(), path, sets=[value])


def test_values_of_the_file(recipe_file: RecipeFile, refused: Any) -> None:
    recipe = recipe_file(method={"length": 0}, train={"learning_rate": 1e3})
    refused(recipe, "recipe.yaml", "method.length", "train.learning_rate")


def test_unknown_key(recipe_file: RecipeFile, refused: Any) -> None:
    said = refused(recipe_file(train={"learning_rat": 0.1}, metod={}), "train.learning_rat", "metod")
    assert "learning_rate" in said


def test_no_recipe(tmp_path: Path, refused: Any) -> None:
    refused(tmp_path / "my.yaml", "my.yaml")


def test_a_recipe_that_is_no_yaml(tmp_path: Path, refused: Any) -> None:
    (tmp_path / "my.yaml").write_text("data: [1,\nbase: {", "utf-8")
    refused(tmp_path / "my.yaml", "my.yaml", "line")


def test_an_output_folder_that_is_not_empty(
    recipe_file: RecipeFile, command: Command, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    out.mkdir()
    (out / "thesis.txt").write_text("mine", "utf-8")
    complaint(command("run", recipe_file(), "--out", out), "--out", "not empty", "--resume")
    assert [p.name for p in out.iterdir()] == ["thesis.txt"]


def test_an_output_that_is_a_file(recipe_file: RecipeFile, command: Command, tmp_path: Path) -> None:
    (tmp_path / "run").write_text("mine", "utf-8")
    complaint(command("run", recipe_file(), "--out", tmp_path / "run"), "--out", "is a file")
    complaint(command("run", recipe_file(), "--out", tmp_path / "run" / "a"), "--out")
    assert (tmp_path / "run").read_text("utf-8") == "mine"


# -------------------------------------------------------------------------------------------- base


@pytest.mark.parametrize(
    ("pattern", "named"),
    [("tokenizer*", "a tokenizer"), ("*.safetensors", "weights"), ("config.json", "config.json")],
)
def test_an_incomplete_base(
    pattern: str, named: str, base_folder: Path, recipe_file: RecipeFile, refused: Any, tmp_path: Path
) -> None:
    folder = tmp_path / "base"
    shutil.copytree(base_folder, folder, ignore=shutil.ignore_patterns(pattern))
    refused(recipe_file(base={"path": str(folder)}), "base.path", str(folder), named)


def test_a_base_that_is_not_there(recipe_file: RecipeFile, base_folder: Path, refused: Any) -> None:
    said = refused(recipe_file(base={"path": f"{base_folder}x"}), "base.path", "is no folder")
    assert str(base_folder) in said


@pytest.mark.parametrize("damage", ["cut", "config"])
def test_a_damaged_base(
    damage: str, base_folder: Path, recipe_file: RecipeFile, refused: Any, tmp_path: Path
) -> None:
    folder = tmp_path / "base"
    shutil.copytree(base_folder, folder)
    broken = next(folder.glob("*.safetensors")) if damage == "cut" else folder / "config.json"
    broken.write_bytes(broken.read_bytes()[: broken.stat().st_size // 2])
    refused(recipe_file(base={"path": str(folder)}), "base.path", str(folder))


def test_a_device_that_is_not_there(recipe_file: RecipeFile, refused: Any) -> None:
    refused(recipe_file(base={"device": "tpu9"}), "base.device")


# ----------------------------------------------------------------------------------------- adapter


@pytest.fixture
def adapter(done: RunResult, tmp_path: Path) -> Path:
    """A copy that may be damaged."""
    return Path(shutil.copytree(done.adapter, tmp_path / "adapter"))


@pytest.fixture
def unusable(command: Command, adapter: Path, tmp_path: Path, rows: Rows) -> Callable[..., None]:
    """Every command that takes an adapter must refuse this one."""
    questions = save_rows(tmp_path / "questions.csv", rows[:3])

    def check(*named: str, options: Sequence[object] = ()) -> None:
        answers, report = tmp_path / "answers.csv", tmp_path / "eval"
        predict = ("predict", "--adapter", adapter, "--input", questions, "--output", answers)
        complaint(command(*predict, *options), *named)
        complaint(
            command("eval", "--adapter", adapter, "--data", questions, "--out", report, *options), *named
        )
        assert not answers.exists()
        assert not report.exists()
        assert unfinished(tmp_path) == []
        assert list(tmp_path.glob("*.partial*")) == []

    return check


@pytest.mark.parametrize("where", [100, -1], ids=["header", "last byte"])
def test_a_changed_byte_in_an_adapter(where: int, adapter: Path, unusable: Any) -> None:
    path = adapter / "adapter_model.safetensors"
    data = bytearray(path.read_bytes())
    data[where] ^= 1
    path.write_bytes(data)
    unusable(str(path), "checksum")


@pytest.mark.parametrize("name", ["adapter_model.safetensors", "adapter_config.json"])
def test_a_file_of_an_adapter_is_missing(name: str, adapter: Path, unusable: Any) -> None:
    (adapter / name).unlink()
    unusable(str(adapter), name)


@pytest.mark.parametrize(
    "text", ['{"schema_version": 1', "[]", "{}", '{"schema_version": 99}', '{"schema_version": 1}']
)
def test_a_damaged_adapter_configuration(text: str, adapter: Path, unusable: Any) -> None:
    (adapter / "adapter_config.json").write_text(text, "utf-8")
    unusable(str(adapter))


def test_the_wrong_base_for_an_adapter(base_folder_gpt2: Path, unusable: Any) -> None:
    unusable("was trained on", "LlamaForCausalLM", options=["--base", base_folder_gpt2])


def test_other_weights_of_the_same_shape(unusable: Any, base_folder: Path, tmp_path: Path) -> None:
    from bases import tiny_base

    other = tmp_path / "other"
    shutil.copytree(base_folder, other)
    tiny_base(seed=9, vocab_size=320).save_pretrained(other)
    unusable("the same shape, but other weights", options=["--base", other])


def test_another_chat_template(unusable: Any, base_folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(base_folder, other)
    path = other / "chat_template.jinja"
    path.write_text(path.read_text("utf-8").replace("<|end|>", "<|end|>\n", 1), "utf-8")
    unusable("another chat format", "template", options=["--base", other])


# ---------------------------------------------------------------------------------------- full disk


def no_space(*_: Any, **__: Any) -> Any:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_the_disk_is_full_while_a_checkpoint_is_written(
    recipe_file: RecipeFile, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing half-written stays, and with room again the run goes on to the same adapter."""
    import weitiao.train.trainer as trainer

    recipe, out = recipe_file(evaluate={"before": False, "limit": 2}), tmp_path / "run"
    monkeypatch.setattr(trainer, "save_file", no_space)
    said = complaint(
        command("run", recipe, "--out", out, "--quiet"), "checkpoint-", "No space left", "--resume"
    )
    assert "MiB" in said
    assert unfinished(out) == []
    assert not (out / "adapter").exists()
    assert not (out / "report.json").exists()
    monkeypatch.undo()
    result = command("run", recipe, "--out", out, "--resume", "--quiet")
    assert result.exit_code == 0, result.output
    whole = weitiao.run(recipe, out=tmp_path / "whole")
    saved = "adapter/adapter_model.safetensors"
    assert (out / saved).read_bytes() == (whole.out / saved).read_bytes()


@pytest.mark.parametrize(
    ("target", "named"),
    [
        ("weitiao.pipeline.running.save", "dataset"),
        ("weitiao.pipeline.running.write_report", "report"),
        ("weitiao.tuning.adapter.to_bytes", "adapter"),
        ("weitiao.data.whole.os.replace", "recipe.yaml"),
    ],
)
def test_the_disk_is_full_later(
    target: str,
    named: str,
    recipe_file: RecipeFile,
    command: Command,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    recipe, out = (
        recipe_file(train={"max_steps": 1}, evaluate={"before": False, "limit": 2}),
        tmp_path / "run",
    )
    monkeypatch.setattr(target, no_space)
    complaint(command("run", recipe, "--out", out, "--quiet"), named, "No space left", "--resume")
    assert unfinished(out) == []
    assert not (out / "report.json").exists()
    monkeypatch.undo()
    result = command("run", recipe, "--out", out, "--resume", "--quiet")
    assert result.exit_code == 0, result.output
    assert (out / "report.json").is_file()


# ------------------------------------------------------------------------------------ other commands


def test_data_show_refuses_alike(recipe_file: RecipeFile, command: Command) -> None:
    complaint(command("data", "show", recipe_file(data={"prompt": "qestion"})), "rows.json", "qestion")


def test_eval_of_a_file_without_the_columns(done: RunResult, command: Command, tmp_path: Path) -> None:
    file = save_rows(tmp_path / "other.csv", [{"q": "a", "a": "b"}])
    complaint(command("eval", "--adapter", done.adapter, "--data", file), "other.csv", "question", "answer")


def test_eval_with_an_unknown_metric(done: RunResult, command: Command) -> None:
    file = done.out / "dataset" / "test.jsonl"
    complaint(command("eval", "--adapter", done.adapter, "--data", file, "--metrics", "f1"), "f1", "exact")


def test_predict_without_the_column(done: RunResult, command: Command, tmp_path: Path) -> None:
    file = save_rows(tmp_path / "other.csv", [{"q": "a"}])
    target = tmp_path / "answers.csv"
    complaint(command("predict", "--adapter", done.adapter, "--input", file, "--output", target), "other.csv")
    assert not target.exists()
