"""Recipes from training scripts: every flag is understood or listed, and the result loads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weitiao.config import FullConfig, InitAdapter, PrefixConfig, Recipe
from weitiao.data.template import compile_expression
from weitiao.errors import ConfigError
from weitiao.recipe import load_recipe
from weitiao.recipe.chatglm import NAMES
from weitiao.recipe.from_script import convert, recipe_from_script
from weitiao.recipe.script_flags import FLAGS
from weitiao.recipe.shell_script import Command, parse_script

TRAIN = r"""PRE_SEQ_LEN=128
LR=2e-2
NUM_GPUS=1

#    --max_steps 10 \
torchrun --standalone --nnodes=1 --nproc-per-node=$NUM_GPUS main.py \
    --do_train \
    --train_file data/train.json \
    --validation_file data/dev.json \
    --preprocessing_num_workers 10 \
    --prompt_column content \
    --response_column summary \
    --history_column past \
    --overwrite_cache \
    --model_name_or_path models/chatglm2-6b \
    --output_dir output/adgen-$PRE_SEQ_LEN-${LR} \
    --overwrite_output_dir \
    --max_source_length 64 \
    --max_target_length 128 \
    --per_device_train_batch_size 1 \
    --per_device_eval_batch_size 2 \
    --gradient_accumulation_steps 16 \
    --predict_with_generate \
    --max_steps 3000 \
    --logging_steps 10 \
    --save_steps 1000 \
    --learning_rate $LR \
    --pre_seq_len $PRE_SEQ_LEN \
    --quantization_bit 4

"""

FULL = r"""
LR=1e-4
MASTER_PORT=$(shuf -n 1 -i 10000-65535)
deepspeed --num_gpus=4 --master_port $MASTER_PORT main.py \
    --deepspeed deepspeed.json \
    --do_train \
    --train_file data/train.json --test_file data/dev.json \
    --prompt_column content --response_column summary \
    --model_name_or_path models/chatglm-6b \
    --output_dir ./output/adgen-$LR \
    --max_source_length 64 --max_target_length 64 \
    --per_device_train_batch_size 4 --per_device_eval_batch_size 1 \
    --gradient_accumulation_steps 2 \
    --predict_with_generate \
    --max_steps 5000 --logging_steps 10 --save_steps 1000 \
    --learning_rate $LR \
    --fp16
"""

EVALUATE = r"""
PRE_SEQ_LEN=128
CHECKPOINT=adgen
STEP=3000
CUDA_VISIBLE_DEVICES=0 python3 main.py \
    --do_predict \
    --validation_file data/dev.json \
    --test_file data/dev.json \
    --overwrite_cache \
    --prompt_column content \
    --response_column summary \
    --model_name_or_path models/chatglm-6b \
    --ptuning_checkpoint ./output/$CHECKPOINT/checkpoint-$STEP \
    --output_dir ./output/$CHECKPOINT \
    --overwrite_output_dir \
    --max_source_length 64 \
    --max_target_length 64 \
    --per_device_eval_batch_size 1 \
    --predict_with_generate \
    --pre_seq_len $PRE_SEQ_LEN \
    --quantization_bit 4
"""


def loaded(tmp_path: Path, script: str) -> tuple[Recipe, str, Any]:
    path = tmp_path / "train.sh"
    path.write_text(script, encoding="utf-8")
    text, conversion = recipe_from_script(path)
    out = tmp_path / "recipe.yaml"
    out.write_text(text, encoding="utf-8")
    return load_recipe(out).value, text, conversion


def test_the_prefix_script(tmp_path: Path) -> None:
    recipe, text, conversion = loaded(tmp_path, TRAIN)
    assert conversion.unknown == []
    assert recipe.name == "adgen-128-2e-2"
    assert recipe.base.path == "models/chatglm2-6b"
    assert [s.file for s in (*recipe.data.train, *recipe.data.dev)] == ["data/train.json", "data/dev.json"]
    assert (recipe.data.prompt, recipe.data.response, recipe.data.history) == ("content", "summary", "past")
    assert (recipe.data.max_length, recipe.data.truncate) == (192, "right")
    assert recipe.method == PrefixConfig(length=128, init="random", absorb=False, dropout=0.1)
    train = recipe.train
    assert (train.batch_size, train.micro_batch_size, train.max_steps) == (16, 1, 3000)
    assert (train.learning_rate, train.scheduler, train.warmup) == (0.02, "linear", 0)
    assert (train.save_steps, train.logging_steps, train.early_stopping) == (1000, 10, None)
    assert (recipe.evaluate.decode.max_new_tokens, recipe.evaluate.decode.batch_size) == (128, 2)
    assert recipe.seed == 42
    assert "# Run it: weitiao run RECIPE --out output/adgen-128-2e-2\n" in text
    assert "#   --pre_seq_len 128 -> method.length: virtual tokens; it does not truncate the input\n" in text
    assert "#   --quantization_bit 4: " in text
    assert "--max_steps 10" not in text


def test_every_flag_of_the_script_is_in_the_comments(tmp_path: Path) -> None:
    for script in (TRAIN, FULL, EVALUATE):
        _, text, _ = loaded(tmp_path, script)
        comments = "".join(line for line in text.splitlines(keepends=True) if line.startswith("#"))
        for flag in parse_script(script).flags:
            assert f"--{flag} " in comments or f"--{flag}:" in comments, flag


def test_the_full_script_counts_its_processes(tmp_path: Path) -> None:
    recipe, text, conversion = loaded(tmp_path, FULL)
    assert conversion.unknown == []
    assert recipe.method == FullConfig()
    assert (recipe.train.batch_size, recipe.train.micro_batch_size) == (4 * 2 * 4, 4)
    assert "there is no pre_seq_len: all weights train" in text
    without = FULL.replace("--num_gpus=4 ", "")
    recipe, text, _ = loaded(tmp_path, without)
    assert recipe.train.batch_size == 8
    assert "the launcher takes every GPU there is" in text
    recipe, _, _ = loaded(tmp_path, FULL.replace("--num_gpus=4", "--include=localhost:0,3"))
    assert recipe.train.batch_size == 16


def test_a_script_that_only_measures_names_the_command(tmp_path: Path) -> None:
    recipe, text, conversion = loaded(tmp_path, EVALUATE)
    assert conversion.unknown == []
    assert isinstance(recipe.method, PrefixConfig)
    assert recipe.method.init == InitAdapter(adapter="./output/adgen/checkpoint-3000")
    assert "# Run it: weitiao eval --adapter ./output/adgen/checkpoint-3000 --data data/dev.json" in text
    assert "the script names no train_file" in text


def test_unknown_and_impossible_things_are_listed_not_dropped(tmp_path: Path) -> None:
    script = """
python main.py stray --train_file a.json --lora_rank 8 --num_beams 4 --learning_rate 5 --save_steps 0.5 \\
  --pre_seq_len $1 --lr_scheduler_type polynomial --warmup_steps 10 --seed 1 --seed 2 --report_to wandb tensorboard
"""
    recipe, text, conversion = loaded(tmp_path, script)
    told = "\n".join(conversion.unknown)
    for part in (
        "--lora_rank 8: not a flag",
        "--num_beams 4: beam search",
        "train.learning_rate: 5.0 is not possible",
        "--save_steps 0.5: expected a whole number",
        "--pre_seq_len $1: the value is only known when the script runs",
        "--lr_scheduler_type polynomial: expected one of",
        "--warmup_steps 10: a share of all steps",
        "--seed: stands there several times",
        "stray: a word that belongs to no flag",
    ):
        assert part in told
        assert part in text
    assert (recipe.seed, recipe.train.report_to) == (2, ("wandb", "tensorboard"))
    assert isinstance(recipe.method, PrefixConfig)


@pytest.mark.parametrize(
    ("flags", "key", "value"),
    [
        ("--prefix_projection", "method.projection", 4096),
        ("--prefix_projection true", "method.projection", 4096),
        ("--prefix_projection False", "method.projection", None),
        ("--warmup_steps 30 --max_steps 300", "train.warmup", 0.1),
        ("--warmup_ratio 0.2", "train.warmup", 0.2),
        ("--max_steps -1 --num_train_epochs 2", "train.max_steps", None),
        ("--max_train_samples 50", "data.train.0.limit", 50),
        ("--max_predict_samples 5", "evaluate.limit", 5),
        ("--bf16", "train.precision", "bfloat16"),
        ("--report_to none", "train.report_to", ()),
        ("--weight_decay=0.1", "train.weight_decay", 0.1),
        ("--num_beams 1", "evaluate.decode.temperature", 0),
        ("--max-seq-length 2048", "data.max_length", 2048),
        ("--gradient_accumulation_steps 3", "train.batch_size", 24),
    ],
)
def test_single_flags(tmp_path: Path, flags: str, key: str, value: Any) -> None:
    recipe, _, conversion = loaded(tmp_path, f"python main.py --pre_seq_len 8 {flags} --train_file a.json\n")
    assert conversion.unknown == []
    found: Any = recipe
    for name in key.split("."):
        found = found[int(name)] if name.isdigit() else getattr(found, name)
    assert found == value


@given(prefix=st.text(min_size=1).filter(str.strip), column=st.sampled_from(["q", "问题", 'a "b"']))
def test_a_source_prefix_becomes_a_template_that_writes_it(prefix: str, column: str) -> None:
    if set("$`") & set(prefix):
        return
    command = Command("main.py", {"source_prefix": (prefix,), "prompt_column": (column,)})
    template = convert(command).recipe["data"]["prompt"]
    made = compile_expression(template, name="prompt", columns=[column])
    # jinja2 reads every line end as \n
    assert made.text_of({column: "x"}) == "\n".join(prefix.replace("\r\n", "\n").split("\r")) + "x"


def test_the_table_of_names_is_understood() -> None:
    assert set(NAMES) <= set(FLAGS)


def test_shell() -> None:
    command = parse_script(
        """
export A="x y"   # said
B='z'
cd somewhere || exit
#python other.py --not_this 1
nohup python -u a/b.py --one "$A" --two=${B} --three ${C:-d} --four $D \\
    # --five 5 \\
    --six 'it # is' > log.txt 2>&1 &
""",
        "t.sh",
    )
    assert command.program == "a/b.py"
    assert command.flags == {
        "one": ("x y",),
        "two": ("z",),
        "three": ("d",),
        "four": ("$D",),
        "six": ("it # is",),
    }
    assert command.processes is None


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("", "expected a command such as"),
        ("python main.py\n", "expected a command such as"),
        ("python a.py --x 1\npython b.py --x 1\n", "has 2 Python commands, expected one"),
        ("python a.py --x 'open\n", "line 1: No closing quotation"),
    ],
)
def test_scripts_without_one_command(script: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_script(script, "t.sh")


def test_files_that_are_no_scripts(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        recipe_from_script(tmp_path / "none.sh")
    (tmp_path / "x.sh").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="not UTF-8"):
        recipe_from_script(tmp_path / "x.sh")


def test_the_command_line(tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from weitiao.cli import app

    path = tmp_path / "train.sh"
    path.write_text(TRAIN.replace("--do_train", "--do_train --mystery 1"), encoding="utf-8")
    done = CliRunner().invoke(app, ["recipe", "from-script", str(path)])
    assert done.exit_code == 0
    assert "method:\n  kind: prefix\n  length: 128\n" in done.stdout
    assert "not understood: --mystery 1: not a flag of these scripts" in done.stderr
