"""The flags of the ChatGLM scripts: which key of a recipe each becomes, and how its value is read.

They are the scripts' own arguments and those of the Hugging Face trainer behind them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from weitiao.recipe.shell_script import Command

_HIDDEN = 4096  # of the 6B models; the scripts' MLP is that wide
_SCHEDULERS = ("cosine", "linear", "constant")

NO_COUNTERPART: dict[str, str] = {
    "do_train": "`weitiao run` trains and measures",
    "do_eval": "the dev part is measured during training, the test part at the end",
    "do_predict": "`weitiao run` measures the test part; `weitiao predict` answers a file",
    "predict_with_generate": "answers are always generated, before and after training",
    "overwrite_output_dir": "a folder that is not empty is refused",
    "overwrite_cache": "nothing is cached between runs",
    "preprocessing_num_workers": "not needed",
    "dataloader_num_workers": "not needed",
    "remove_unused_columns": "not needed",
    "ignore_pad_token_for_loss": "padding is never a target",
    "pad_to_max_length": "nothing is padded that need not be",
    "cache_dir": "the cache is that of the Hub client",
    "config_name": "taken from the base",
    "tokenizer_name": "taken from the base",
    "use_fast_tokenizer": "taken from the base",
    "use_auth_token": "the Hub client's own login is used",
    "trust_remote_code": "code from a model repository is never run",
    "resize_position_embeddings": "not needed",
    "lang": "not needed",
    "forced_bos_token": "not needed",
    "quantization_bit": "a base that is stored quantised stays so (base.quantised); others are not quantised for "
    "training",
    "deepspeed": "one device, or base.device_map",
    "local_rank": "set by launchers",
    "ddp_find_unused_parameters": "one process",
    "ddp_timeout": "one process",
    "fp16": "train.precision is auto: bfloat16 where the processor has it; the prefix is float32 in any case",
    "fp16_full_eval": "see fp16",
    "half_precision_backend": "see fp16",
    "gradient_checkpointing": "train.gradient_checkpointing",
    "evaluation_strategy": "the dev part is measured whenever a checkpoint is saved",
    "eval_strategy": "the dev part is measured whenever a checkpoint is saved",
    "eval_steps": "the dev part is measured whenever a checkpoint is saved",
    "save_strategy": "train.save_steps: every so many steps, or once an epoch without it",
    "logging_strategy": "train.logging_steps",
    "logging_dir": "inside --out",
    "logging_first_step": "not needed",
    "load_best_model_at_end": "the best checkpoint is always the result",
    "metric_for_best_model": "train.dev_metric",
    "greater_is_better": "known of each metric",
    "run_name": "name",
    "optim": "AdamW",
    "adam_beta1": "AdamW's usual values",
    "adam_beta2": "AdamW's usual values",
    "adam_epsilon": "AdamW's usual values",
    "disable_tqdm": "--quiet",
    "max_eval_samples": "train.dev_samples",
    "eval_accumulation_steps": "not needed",
    "prediction_loss_only": "not needed",
    "generation_max_length": "evaluate.decode.max_new_tokens",
    "group_by_length": "not needed: nothing is padded that need not be",
    "dataset_name": "only files are read: download the data set",
    "dataset_config_name": "only files are read: download the data set",
    "train_format": "data.shape is found out from the file",
}
"""Flags that need no key of their own, and why."""


@dataclass(frozen=True)
class Became:
    """What one flag became.

    Attributes:
        flag: As the script has it, with its value.
        key: Where it went; empty where it has no counterpart.
        remark: What to know about it.
    """

    flag: str
    key: str
    remark: str = ""


@dataclass
class Conversion:
    """A recipe in the making.

    Attributes:
        recipe: Sections as a YAML file holds them.
        became: What each flag became, in the order of the script.
        added: Values that no flag names, and why.
        unknown: Flags that are none of the scripts' or have a value that cannot be used, with the reason.
        command: What to type.
    """

    recipe: dict[str, Any] = field(default_factory=dict)
    became: list[Became] = field(default_factory=list)
    added: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    command: str = ""

    def put(self, key: str, value: Any) -> None:
        """Set a dotted key."""
        *sections, last = key.split(".")
        place = self.recipe
        for section in sections:
            place = place.setdefault(section, {})
        place[last] = value

    def add(self, key: str, value: Any, why: str = "") -> None:
        """Set a key that the script does not name, and say so."""
        self.put(key, value)
        shown = "null" if value is None else value
        self.added.append(f"{key}: {shown}{f' ({why})' if why else ''}")


class Unusable(ValueError):
    """A flag's value has the wrong form; says what was expected."""


class Script:
    """A command's flags, read as numbers, texts and switches."""

    def __init__(self, command: Command, done: Conversion) -> None:
        self.command = command
        self.done = done
        self.flags = command.flags

    def text(self, name: str) -> str | None:
        """Value of a flag, None where it is absent, bare, or not known."""
        values = self.flags.get(name)
        value = " ".join(values) if values else None
        return None if value is None or "$" in value or "`" in value else value

    def number(self, name: str, default: float) -> float:
        """Value of a flag as a number; the default where it is absent or none."""
        value = self.text(name)
        try:
            return default if value is None else float(value)
        except ValueError:
            return default

    def switch(self, name: str) -> bool:
        """Whether a switch is on: bare, or with a value that is not false."""
        values = self.flags.get(name)
        return values is not None and (not values or values[0].lower() not in ("false", "0", "no"))


Handler = Callable[[Script, str | None], tuple[str, str]]


def _given(value: str | None) -> str:
    if value is None:
        raise Unusable("expected a value")
    if "$" in value or "`" in value:
        raise Unusable("the value is only known when the script runs; put it in by hand")
    return value


def _text(key: str, remark: str = "") -> Handler:
    def handle(script: Script, value: str | None) -> tuple[str, str]:
        script.done.put(key, _given(value))
        return key, remark

    return handle


def _number(key: str, kind: type[int] | type[float], remark: str = "") -> Handler:
    def handle(script: Script, value: str | None) -> tuple[str, str]:
        script.done.put(key, _as(kind, value))
        return key, remark

    return handle


def _as(kind: type[int] | type[float], value: str | None) -> int | float:
    try:
        number = float(_given(value))
    except Unusable:
        raise
    except ValueError:
        raise Unusable("expected a number") from None
    if kind is int and (number != int(number) or number < 1):
        raise Unusable("expected a whole number above 0")
    return int(number) if kind is int else number


def _part(part: str) -> Handler:
    def handle(script: Script, value: str | None) -> tuple[str, str]:
        script.done.put(f"data.{part}", [{"file": _given(value)}])
        return f"data.{part}", ""

    return handle


def _said(key: str, remark: str) -> Handler:
    """A flag that `Script.finish` uses with others."""

    def handle(script: Script, value: str | None) -> tuple[str, str]:
        _given(value)
        return key, remark

    return handle


def _counted(key: str, remark: str) -> Handler:
    def handle(script: Script, value: str | None) -> tuple[str, str]:
        _as(int, value)
        return key, remark

    return handle


def _epochs(script: Script, value: str | None) -> tuple[str, str]:
    script.done.put("train.epochs", _as(float, value))
    return "train.epochs", "max_steps overrides it" if "max_steps" in script.flags else ""


def _max_steps(script: Script, value: str | None) -> tuple[str, str]:
    if _given(value) == "-1":
        return "train.epochs", "-1: as many steps as the epochs have"
    return _number("train.max_steps", int)(script, value)


def _scheduler(script: Script, value: str | None) -> tuple[str, str]:
    name = {"constant_with_warmup": "constant"}.get(_given(value), _given(value))
    if name not in _SCHEDULERS:
        raise Unusable(f"expected one of {', '.join(_SCHEDULERS)}")
    script.done.put("train.scheduler", name)
    return "train.scheduler", ""


def _warmup_steps(script: Script, value: str | None) -> tuple[str, str]:
    steps, total = _as(float, value), script.number("max_steps", 0)
    if not steps:
        return "train.warmup", "none"
    if total <= 0:
        raise Unusable("a share of all steps here, and the script does not say how many (max_steps)")
    script.done.put("train.warmup", round(steps / total, 6))
    return "train.warmup", f"{steps:g} of {total:g} steps"


def _projection(script: Script, value: str | None) -> tuple[str, str]:
    if not script.switch("prefix_projection"):
        return "method.projection", "off"
    script.done.put("method.projection", _HIDDEN)
    return "method.projection", f"the MLP's hidden size, {_HIDDEN} in the 6B models"


def _checkpoint(script: Script, value: str | None) -> tuple[str, str]:
    script.done.put("method.init", {"adapter": _given(value)})
    return "method.init.adapter", "to measure it without training: weitiao eval --adapter"


def _precision(script: Script, value: str | None) -> tuple[str, str]:
    if script.switch("bf16"):
        script.done.put("train.precision", "bfloat16")
    return "train.precision", ""


def _report_to(script: Script, value: str | None) -> tuple[str, str]:
    names = [name for name in re.split(r"[\s,]+", _given(value)) if name and name != "none"]
    script.done.put("train.report_to", names)
    return "train.report_to", ""


def _beams(script: Script, value: str | None) -> tuple[str, str]:
    if _as(int, value) > 1:
        raise Unusable("beam search is not there; answers are decoded greedily")
    return "evaluate.decode.temperature", "greedy"


def _prompt(script: Script, value: str | None) -> tuple[str, str]:
    script.done.put("data.prompt", _given(value))
    hotel = value == "context" and script.text("response_column") == "response"
    return (
        "data.prompt",
        "take both out if the columns hold turns as JSON: the shape is found out" if hotel else "",
    )


HANDLERS: dict[str, Handler] = {
    "model_name_or_path": _text("base.path"),
    "model_revision": _text("base.revision"),
    "ptuning_checkpoint": _checkpoint,
    "pre_seq_len": _number("method.length", int, "virtual tokens; it does not truncate the input"),
    "prefix_projection": _projection,
    "train_file": _part("train"),
    "validation_file": _part("dev"),
    "test_file": _part("test"),
    "prompt_column": _prompt,
    "response_column": _text("data.response"),
    "history_column": _text("data.history"),
    "source_prefix": _said("data.prompt", "a template: the prefix, then the column"),
    "max_source_length": _counted(
        "data.max_length", "source and target together; prompts are cut on the right"
    ),
    "max_target_length": _number(
        "evaluate.decode.max_new_tokens",
        int,
        "and part of data.max_length; an answer that is too long is an error, never cut",
    ),
    "val_max_target_length": _number("evaluate.decode.max_new_tokens", int),
    "max_seq_length": _number("data.max_length", int),
    "max_train_samples": _counted("data.train.0.limit", ""),
    "max_predict_samples": _number("evaluate.limit", int),
    "num_train_epochs": _epochs,
    "max_steps": _max_steps,
    "per_device_train_batch_size": _counted("train.micro_batch_size", "and a factor of train.batch_size"),
    "per_device_eval_batch_size": _number("evaluate.decode.batch_size", int),
    "gradient_accumulation_steps": _counted(
        "train.batch_size", "times the batch of a device and the processes"
    ),
    "learning_rate": _number("train.learning_rate", float),
    "weight_decay": _number("train.weight_decay", float),
    "lr_scheduler_type": _scheduler,
    "warmup_ratio": _number("train.warmup", float),
    "warmup_steps": _warmup_steps,
    "max_grad_norm": _number("train.max_grad_norm", float),
    "save_steps": _number("train.save_steps", int),
    "save_total_limit": _number("train.keep_checkpoints", int, "the best one is kept beside these"),
    "logging_steps": _number("train.logging_steps", int),
    "report_to": _report_to,
    "bf16": _precision,
    "seed": _number("seed", int),
    "num_beams": _beams,
    "output_dir": _said("--out", "and the name of the run"),
    "resume_from_checkpoint": _said("--resume", ""),
}

FLAGS = (*HANDLERS, *NO_COUNTERPART)
"""Every flag that is understood."""
