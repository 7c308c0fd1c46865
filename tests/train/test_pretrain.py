"""A toy base from scratch: it learns, resumes to the same bits, and says what is wrong."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback
from typer.testing import CliRunner

from weitiao.errors import TrainError
from weitiao.recipe import dump, load_recipe
from weitiao.train import pretrain_trainer
from weitiao.train.pretrain import build_model, last_checkpoint, pretrain
from weitiao.train.pretrain_config import PretrainRecipe
from weitiao.train.pretrain_data import Probe
from weitiao.train.pretrain_trainer import copy_accuracy

RECIPES = Path(__file__).resolve().parents[2] / "recipes"
STEPS = 8


def make_recipe(folder: Path | None = None, **train: Any) -> PretrainRecipe:
    train = {"steps": STEPS, "batch_rows": 16, "micro_rows": 8, "warmup_steps": 2, "save_steps": 3} | train
    content = {
        "name": "toy",
        "tokenizer": {"vocab_size": 800, "han_tokens": 60, "han_coverage": 0, "sample_characters": 20_000},
        "model": {"hidden": 32, "layers": 2, "heads": 2, "intermediate": 48, "max_position": 64},
        "data": {
            "folder": folder,
            "generated": {"share": 0.5 if folder else 1.0},
            "row_tokens": 64,
            "validation": 0.2,
            "validation_rows": 2,
            "probe_documents": 3,
            "card": "Made up by a test.",
        },
        "train": {"eval_steps": 4, "log_steps": 1, "threads": 1} | train,
    }
    return PretrainRecipe.model_validate(content)


def quiet(line: str) -> None:
    pass


@dataclasses.dataclass
class At(TrainerCallback):
    """Sends a signal to this process during a step."""

    step: int
    number: int = signal.SIGINT

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if state.global_step == self.step - 1:
            os.kill(os.getpid(), self.number)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder with tokenizer and rows, stopped before its first checkpoint was needed again."""
    out = tmp_path_factory.mktemp("prepared") / "run"
    pretrain(make_recipe(), out, note=quiet, callbacks=[At(1)])
    shutil.rmtree(out / "checkpoints")
    return out


@pytest.fixture(scope="module")
def whole(prepared: Path) -> Path:
    """An uninterrupted run."""
    out = prepared.with_name("whole")
    shutil.copytree(prepared, out)
    assert pretrain(make_recipe(), out, note=quiet, command="weitiao pretrain toy.yaml") == out / "model"
    return out


@pytest.fixture
def out(prepared: Path, tmp_path: Path) -> Path:
    shutil.copytree(prepared, tmp_path / "run")
    return tmp_path / "run"


def weights(out: Path) -> dict[str, torch.Tensor]:
    return load_file(out / "model" / "model.safetensors")


def assert_same_weights(one: Path, two: Path) -> None:
    a, b = weights(one), weights(two)
    assert a.keys() == b.keys()
    assert all(torch.equal(a[name], b[name]) for name in a)


def test_it_learns_and_every_tensor_moves(whole: Path) -> None:
    curve = json.loads((whole / "loss_curve.json").read_text())["train"]
    assert [step for step, _ in curve] == list(range(1, STEPS + 1))
    assert curve[-1][1] < curve[0][1] - 0.2
    torch.manual_seed(make_recipe().seed)
    fresh = build_model(make_recipe().model, AutoTokenizer.from_pretrained(str(whole / "tokenizer")))
    for name, tensor in weights(whole).items():
        assert not torch.equal(tensor, fresh.state_dict()[name].bfloat16()), name


def test_the_model_folder_is_complete(whole: Path) -> None:
    model = AutoModelForCausalLM.from_pretrained(str(whole / "model"))
    assert model.dtype is torch.bfloat16
    assert model.config.tie_word_embeddings
    assert {t.dtype for t in weights(whole).values()} == {torch.bfloat16}
    tokenizer = AutoTokenizer.from_pretrained(str(whole / "model"))
    assert len(tokenizer) == model.config.vocab_size
    assert model.config.eos_token_id == model.generation_config.eos_token_id == tokenizer.eos_token_id
    ids = tokenizer.apply_chat_template(
        [{"role": "user", "content": "公司"}], add_generation_prompt=True, return_tensors="pt"
    )["input_ids"]
    assert model(ids).logits.shape == (1, ids.shape[1], len(tokenizer))
    assert not list(whole.rglob("training_args.bin"))


def test_the_stored_weights_are_the_trained_ones(whole: Path) -> None:
    trained = load_file(whole / "checkpoints" / f"checkpoint-{STEPS}" / "model.safetensors")
    stored = weights(whole)
    for name, tensor in trained.items():
        assert tensor.dtype is torch.float32
        assert torch.equal(tensor.bfloat16(), stored[name])


def test_metrics_and_card_agree(whole: Path) -> None:
    metrics = json.loads((whole / "metrics.json").read_text())
    assert metrics["steps"] == STEPS
    assert metrics["tokens"] == STEPS * 16 * 64
    assert metrics["generated_perplexity"] == pytest.approx(2.718281828 ** metrics["generated_loss"])
    assert 0 <= metrics["copy_accuracy"] <= 1
    assert metrics["seconds"] > 0
    card = (whole / "model" / "README.md").read_text("utf-8")
    for part in (f"{metrics['tokens']:,} tokens", f"{metrics['generated_loss']:.3f}", "Made up by a test.",
                 "weitiao pretrain toy.yaml", "seed 7", "torch 2"):  # fmt: skip
        assert part in card
    assert (whole / "model" / "loss_curve.png").read_bytes().startswith(b"\x89PNG")
    state = json.loads((whole / "trainer_state.json").read_text())
    assert state["global_step"] == STEPS
    assert [e["step"] for e in state["log_history"] if "eval_loss" in e] == [4, 8]
    rates = {e["step"]: e["learning_rate"] for e in state["log_history"] if "learning_rate" in e}
    assert rates[1] == 0
    assert max(rates.values()) == rates[3]
    assert rates[8] < rates[7] < rates[6] == rates[5]


@pytest.mark.parametrize("step", [1, 3, 5])
def test_interrupted_and_resumed_equals_uninterrupted(whole: Path, out: Path, step: int) -> None:
    lines: list[str] = []
    assert pretrain(make_recipe(), out, note=lines.append, callbacks=[At(step)]) is None
    assert lines[-1] == f"stopped at step {step} with a checkpoint; go on with --resume"
    assert pretrain(make_recipe(save_steps=50), out, note=lines.append, resume=True)
    assert f"resuming from checkpoint-{step}" in lines
    assert_same_weights(whole, out)
    curves = [json.loads((folder / "loss_curve.json").read_text())["train"] for folder in (whole, out)]
    assert curves[0] == curves[1]


def test_another_seed_gives_other_weights(whole: Path, out: Path) -> None:
    """The control of the law above."""
    other = make_recipe().model_copy(update={"seed": 8})
    pretrain(other, out, note=quiet)
    assert any(not torch.equal(a, weights(out)[name]) for name, a in weights(whole).items())


KILLED = """
import sys
from pathlib import Path
from weitiao.recipe import load_recipe
from weitiao.train.pretrain import pretrain
from weitiao.train.pretrain_config import PretrainRecipe
sys.path[:0] = [sys.argv[3]]
from train.test_pretrain import At
pretrain(load_recipe(sys.argv[1], (), PretrainRecipe).value, Path(sys.argv[2]), callbacks=[At(5, 9)])
"""


@pytest.mark.slow
def test_killed_and_resumed_equals_uninterrupted(whole: Path, out: Path) -> None:
    (out.parent / "toy.yaml").write_text(dump(make_recipe()), "utf-8")
    tests = Path(__file__).resolve().parents[1]
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(out.parent / "toy.yaml"), str(out), str(tests)],
        capture_output=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    assert not (out / "model").exists()
    assert last_checkpoint(out / "checkpoints") == out / "checkpoints" / "checkpoint-3"
    pretrain(make_recipe(), out, note=quiet, resume=True)
    assert_same_weights(whole, out)


def test_half_written_checkpoints_are_passed_over(tmp_path: Path) -> None:
    for name, state in (
        ("checkpoint-3", '{"global_step": 3}'),
        ("checkpoint-9", '{"global_step": 9'),
        ("checkpoint-12", None),
        ("checkpoint-15", '{"global_step": 14}'),
    ):
        (tmp_path / name).mkdir()
        if state:
            (tmp_path / name / "trainer_state.json").write_text(state)
    assert last_checkpoint(tmp_path) == tmp_path / "checkpoint-3"
    assert last_checkpoint(tmp_path / "absent") is None


def test_a_run_is_not_started_over_or_continued_with_another_recipe(whole: Path, out: Path) -> None:
    pretrain(make_recipe(), out, note=quiet, callbacks=[At(2)])
    with pytest.raises(TrainError, match=r"stopped at checkpoint-2\n.*--resume"):
        pretrain(make_recipe(), out, note=quiet)
    with pytest.raises(TrainError, match=r"train\.steps: was 8, is 9"):
        pretrain(make_recipe(steps=9), out, note=quiet, resume=True)
    shutil.rmtree(out / "data")
    with pytest.raises(TrainError, match="does not hold the rows that the run was started with"):
        pretrain(make_recipe(), out, note=quiet, resume=True)
    with pytest.raises(TrainError, match="holds a finished run"):
        pretrain(make_recipe(), whole, note=quiet, resume=True)


def test_a_diverged_run_says_what_to_change(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = pretrain_trainer.row_loss
    monkeypatch.setattr(pretrain_trainer, "row_loss", lambda *a, **k: plain(*a, **k) * float("nan"))
    with pytest.raises(TrainError, match=r"(?s)the loss is nan after step 0.*lower optimizer\."):
        pretrain(make_recipe(), out, note=quiet)


def test_a_full_disk_leaves_older_checkpoints(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = pretrain_trainer.PretrainTrainer._save_optimizer_and_scheduler

    def full(self: Any, folder: str) -> None:
        if self.state.global_step > 3:
            raise OSError(28, "No space left on device")
        plain(self, folder)

    monkeypatch.setattr(pretrain_trainer.PretrainTrainer, "_save_optimizer_and_scheduler", full)
    with pytest.raises(TrainError, match=r"(?s)checkpoint-6 cannot be written.*No space left.*--resume"):
        pretrain(make_recipe(), out, note=quiet)
    assert [p.name for p in (out / "checkpoints").iterdir()] == ["checkpoint-3"]


def test_gpt2_shape(tmp_path: Path) -> None:
    recipe = make_recipe(steps=2, bf16=False)
    shape = recipe.model.model_copy(update={"family": "gpt2"})
    pretrain(recipe.model_copy(update={"model": shape}), tmp_path / "run", note=quiet)
    model = AutoModelForCausalLM.from_pretrained(str(tmp_path / "run" / "model"))
    assert model.config.model_type == "gpt2"
    assert model.transformer.wpe.weight.shape == (64, 32)
    tokenizer = AutoTokenizer.from_pretrained(str(tmp_path / "run" / "model"))
    assert model.generation_config.eos_token_id == tokenizer.eos_token_id


class Oracle(torch.nn.Module):
    """Predicts every next token, except where it is ``wrong``."""

    def __init__(self, wrong: int) -> None:
        super().__init__()
        self.wrong, self.unused = wrong, torch.nn.Parameter(torch.zeros(()))

    def base_model(self, input_ids: torch.Tensor, use_cache: bool) -> SimpleNamespace:
        following = input_ids.roll(-1, dims=1)
        following = torch.where(following == self.wrong, 0, following)
        return SimpleNamespace(last_hidden_state=torch.nn.functional.one_hot(following, 50).float())

    def get_output_embeddings(self) -> torch.nn.Module:
        return torch.nn.Identity()


def test_copy_accuracy_counts_whole_answers() -> None:
    probes = [Probe([1, 7, 8, 9, 2], 3), Probe([1, 7, 11, 9, 2, 6, 2], 2), Probe([1, 5, 2], 1)]
    assert copy_accuracy(Oracle(wrong=49), probes) == 1
    assert copy_accuracy(Oracle(wrong=7), probes) == 1  # only in questions
    assert copy_accuracy(Oracle(wrong=11), probes) == pytest.approx(2 / 3)
    assert copy_accuracy(Oracle(wrong=2), probes) == 0


@pytest.mark.parametrize("name", ["pretrain_tiny.yaml", "pretrain_gpt2.yaml"])
def test_the_recipes_are_valid(name: str, prepared: Path) -> None:
    recipe = load_recipe(RECIPES / name, (), PretrainRecipe).value
    tokenizer = SimpleNamespace(bos_token_id=1, eos_token_id=2, pad_token_id=0)
    sized = type("Sized", (SimpleNamespace,), {"__len__": lambda _: recipe.tokenizer.vocab_size})
    with torch.device("meta"):
        model = build_model(recipe.model, sized(**vars(tokenizer)))
    if name == "pretrain_tiny.yaml":
        assert 8e6 < model.num_parameters() < 16e6
        assert recipe.rooted(RECIPES).data.folder == RECIPES / "corpus"
    assert model.config.model_type == recipe.model.family


def test_command_line(tmp_path: Path) -> None:
    from weitiao.cli import app

    folder = tmp_path / "corpus"
    folder.mkdir()
    texts = [json.dumps({"text": f"Company {k} of 北京 made {k} dollars."}) for k in range(40)]
    (folder / "a.jsonl").write_text("\n".join(texts), "utf-8")
    recipe = make_recipe(Path("corpus"))
    (tmp_path / "toy.yaml").write_text(dump(recipe), "utf-8")
    arguments = ["pretrain", str(tmp_path / "toy.yaml"), "--out", str(tmp_path / "run")]
    result = CliRunner().invoke(app, [*arguments, "--set", "train.steps=2", "--set", "train.bf16=false"])
    assert result.exit_code == 0, result.output
    assert str(tmp_path / "run" / "model") in result.output
    card = (tmp_path / "run" / "model" / "README.md").read_text("utf-8")
    assert "weitiao pretrain" in card
    assert "--set train.steps=2" in card
    assert "corpus_en" in card
    again = CliRunner().invoke(app, [*arguments, "--resume"])
    assert again.exit_code == 2
    assert "holds a finished run" in again.output
    wrong = CliRunner().invoke(app, [*arguments, "--set", "train.step=2"])
    assert wrong.exit_code == 2
    assert "train.step" in wrong.output
