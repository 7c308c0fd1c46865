"""A recipe from a training script of the ChatGLM family: what each flag became is written above it.

Where a flag is absent and the default there is another than here, the recipe gets the default of there.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from weitiao.config import Recipe
from weitiao.recipe.script_flags import HANDLERS, NO_COUNTERPART, Became, Conversion, Script, Unusable
from weitiao.recipe.shell_script import Command, read_script
from weitiao.recipe.source import write

_DROPOUT = 0.1  # on the prefix, fixed in the original code
_SECTIONS = ("name", "base", "data", "method", "train", "evaluate", "seed")
_DEFAULTS: dict[str, Any] = {
    "learning_rate": 5e-5,
    "scheduler": "linear",
    "warmup": 0.0,
    "save_steps": 500,
    "logging_steps": 500,
    "early_stopping": None,
}
"""Of the scripts, section ``train``."""


def recipe_from_script(path: Path) -> tuple[str, Conversion]:
    """The YAML text of the recipe that does what a script does, and what its flags became.

    Args:
        path: ``train.sh``, ``ds_train_finetune.sh``, ``evaluate.sh`` or one like them.

    Returns:
        A text that `load_recipe` reads; what could not be understood is in its comments and in the conversion.

    Raises:
        ConfigError: The file cannot be read, or holds no Python command with flags, or several.
    """
    command = read_script(path)
    conversion = convert(command)
    return to_yaml(conversion, path.name, command.program), conversion


def convert(command: Command) -> Conversion:
    """The recipe of a command."""
    done = Conversion()
    script = Script(command, done)
    for flag, values in command.flags.items():
        shown = " ".join([f"--{flag}", *values])
        try:
            if flag in HANDLERS:
                key, remark = HANDLERS[flag](script, " ".join(values) if values else None)
                done.became.append(Became(shown, key, remark))
            elif flag in NO_COUNTERPART:
                done.became.append(Became(shown, "", NO_COUNTERPART[flag]))
            else:
                done.unknown.append(f"{shown}: not a flag of these scripts")
        except Unusable as error:
            done.unknown.append(f"{shown}: {error}")
    done.unknown += [
        f"--{flag}: stands there several times, the last one counts" for flag in command.repeated
    ]
    done.unknown += [f"{word}: a word that belongs to no flag" for word in command.loose]
    _name(script)
    _data(script)
    _method(script)
    _train(script)
    done.put("evaluate.metrics", ["bleu", "rouge"])
    if "seed" not in done.recipe:
        done.add("seed", 42)
    done.command = _to_type(script)
    _drop_impossible(done)
    return done


def to_yaml(conversion: Conversion, script: str, program: str) -> str:
    """The recipe file with its comments."""
    became = conversion.became
    lines = [f"From {script} ({program}), by `weitiao recipe from-script`.", f"Run it: {conversion.command}"]
    lines += _listed(
        "What the flags became:",
        [f"{b.flag} -> {b.key}{f': {b.remark}' if b.remark else ''}" for b in became if b.key],
    )
    lines += _listed("No key of their own:", [f"{b.flag}: {b.remark}" for b in became if not b.key])
    lines += _listed("Not in the script, but what it does without:", conversion.added)
    lines += _listed("NOT UNDERSTOOD, look at these:", conversion.unknown)
    lines += ["", "Paths start at this file's folder; in the script they started where it was run."]
    comment = "".join(f"# {' '.join(line.split(chr(10)))}".rstrip() + "\n" for line in lines)
    ordered = {key: conversion.recipe[key] for key in _SECTIONS if key in conversion.recipe}
    return comment + "\n" + write(ordered)


def _listed(heading: str, items: list[str]) -> list[str]:
    return ["", heading, *(f"  {item}" for item in items)] if items else []


def _name(script: Script) -> None:
    folder = Path(script.text("output_dir") or script.command.program.removesuffix(".py")).name
    script.done.put("name", re.sub(r"[^\w.\-]+", "-", folder) or "run")


def _data(script: Script) -> None:
    done = script.done
    data = done.recipe.setdefault("data", {})
    prefix = script.text("source_prefix")
    if prefix:
        done.put("data.prompt", _prefixed(prefix, script.text("prompt_column") or "prompt"))
    if "max_length" not in data:
        source, target = script.number("max_source_length", 1024), script.number("max_target_length", 128)
        done.put("data.max_length", int(source + target))
        done.put("data.truncate", "right")
        if not {"max_source_length", "max_target_length"} & set(script.flags):
            done.added.append("data.max_length: 1024 + 128, prompts cut on the right")
    if "train" not in data:
        other = data.get("test") or data.get("dev") or [{"file": "train.json"}]
        done.add("data.train", [dict(other[0])], "the script names no train_file, and a recipe needs one")
    limit = script.number("max_train_samples", 0)
    if limit >= 1:
        data["train"][0]["limit"] = int(limit)


def _prefixed(prefix: str, column: str) -> str:
    """The template that writes a text in front of a column."""
    text = f"{{{{ {json.dumps(prefix, ensure_ascii=False)} }}}}" if "{" in prefix else prefix
    return f"{text}{{{{ row[{json.dumps(column, ensure_ascii=False)}] }}}}"


def _method(script: Script) -> None:
    done = script.done
    given = done.recipe.pop("method", {})
    if not {"pre_seq_len", "ptuning_checkpoint"} & set(script.flags):
        done.add("method", {"kind": "full"}, "there is no pre_seq_len: all weights train")
        return
    done.put("method", {"kind": "prefix", **given})
    if "init" not in given:
        done.add("method.init", "random", "`template` usually learns more")
    done.put("method.absorb", False)
    done.add("method.dropout", _DROPOUT, "fixed in the original code")


def _train(script: Script) -> None:
    done = script.done
    train = done.recipe.setdefault("train", {})
    micro = int(script.number("per_device_train_batch_size", 8))
    steps = int(script.number("gradient_accumulation_steps", 1))
    processes = script.command.processes
    why = f"{micro} a device x {steps} accumulated x {processes or 1} processes"
    if processes is None and script.command.launched:
        why += "; the launcher takes every GPU there is: multiply by their number"
    done.add("train.batch_size", micro * steps * (processes or 1), why)
    done.put("train.micro_batch_size", micro)
    for key, value in _DEFAULTS.items():
        if key not in train:
            done.add(f"train.{key}", value)


def _to_type(script: Script) -> str:
    checkpoint = script.text("ptuning_checkpoint")
    test = script.text("test_file") or script.text("validation_file")
    if not script.switch("do_train") and checkpoint and test:
        return f"weitiao eval --adapter {checkpoint} --data {test} (the script trains nothing)"
    resume = " --resume" if script.text("resume_from_checkpoint") else ""
    return f"weitiao run RECIPE --out {script.text('output_dir') or 'runs/out'}{resume}"


def _drop_impossible(done: Conversion) -> None:
    """Take out values that no recipe may have, and say so."""
    try:
        Recipe.model_validate(done.recipe)
        return
    except ValidationError as error:
        found = error.errors()
    for problem in found:
        path = [key for key in problem["loc"] if key not in ("prefix", "full")]  # which kind of method
        place: Any = done.recipe
        for key in path[:-1]:
            place = place[key]
        if path:
            value = place.pop(path[-1])
            dotted = ".".join(map(str, path))
            done.unknown.append(
                f"{dotted}: {value!r} is not possible ({problem['msg']}); the default is taken"
            )
