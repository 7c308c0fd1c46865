"""What an adapter folder is, from its small files alone. No torch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

from weitiao.errors import AdapterError

Kind = Literal["weitiao", "peft", "chatglm"]

ADAPTER_CONFIG = "adapter_config.json"
PREFIX_TUNING = "PREFIX_TUNING"
KINDS: dict[Kind, str] = {
    "weitiao": "an adapter of weitiao",
    "peft": "an adapter of PEFT",
    "chatglm": "a checkpoint of the official ChatGLM P-Tuning v2 scripts",
}


def kind_of(folder: Path) -> Kind:
    """Which system wrote an adapter folder.

    Raises:
        AdapterError: No such folder, or none of the three; says what was looked for, and what is near.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise AdapterError(
            f"{folder} is no folder", remedy="give an adapter folder of weitiao, PEFT or the ChatGLM scripts"
        )
    if (folder / ADAPTER_CONFIG).is_file():
        config = read_json(folder / ADAPTER_CONFIG)
        if "schema_version" in config:
            return "weitiao"
        if "peft_type" in config:
            return "peft"
        raise AdapterError(
            f"{folder / ADAPTER_CONFIG} has neither schema_version (weitiao) nor peft_type (PEFT)",
            remedy="restore the file from where the adapter was trained",
        )
    if (folder / "config.json").is_file() and "pre_seq_len" in read_json(folder / "config.json"):
        return "chatglm"
    raise AdapterError(f"{folder} is no adapter folder: {_what_is_there(folder)}", remedy=_remedy(folder))


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object.

    Raises:
        AdapterError: Missing, not JSON, or no object.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise AdapterError(
            f"{path.parent} holds no {path.name}", remedy="copy the folder again, with all its files"
        ) from error
    except (OSError, ValueError) as error:
        raise AdapterError(f"{path}: not valid JSON: {error}", remedy="copy the file again") from error
    if not isinstance(content, dict):
        raise AdapterError(
            f"{path}: expected a JSON object, got {type(content).__name__}", remedy="copy the file again"
        )
    return content


def describe_foreign(folder: Path) -> dict[str, Any]:
    """What a folder of PEFT or of the official scripts is, JSON-able; its tensors are not read.

    Raises:
        AdapterError: See `kind_of`.
    """
    folder = Path(folder)
    kind = kind_of(folder)
    command = f"weitiao adapter convert {folder} OUT --to weitiao"
    if kind == "peft":
        config = read_json(folder / ADAPTER_CONFIG)
        base = config.get("base_model_name_or_path")
        is_prefix = config.get("peft_type") == PREFIX_TUNING
        keys = ("peft_type", "task_type", "num_virtual_tokens", "num_layers", "num_attention_heads")
        shown = {k: config[k] for k in (*keys, "token_dim", "prefix_projection") if k in config}
        convert = command if base else f"{command} --base BASE"
        refused = f"only {PREFIX_TUNING} can be converted"
        return {"kind": KINDS[kind], "base": base, **shown, "convert": convert if is_prefix else refused}
    config = read_json(folder / "config.json")
    keys = ("_name_or_path", "pre_seq_len", "prefix_projection", "num_layers", "hidden_size")
    shown = {k: config[k] for k in keys if k in config}
    return {"kind": KINDS[kind], **shown, "convert": f"{command} --base BASE"}


def _what_is_there(folder: Path) -> str:
    names = sorted(p.name for p in folder.iterdir())
    if not names:
        return "it is empty"
    shown = ", ".join(names[:6]) + (", ..." if len(names) > 6 else "")
    return (
        f"there is no {ADAPTER_CONFIG} (weitiao, PEFT) and no config.json with pre_seq_len (ChatGLM scripts); "
        f"it holds {shown}"
    )


def _remedy(folder: Path) -> str:
    """Where the adapter may be instead."""
    checkpoints = [p for p in folder.glob("checkpoint-*") if p.name.rpartition("-")[2].isdigit()]
    if checkpoints:
        newest = max(checkpoints, key=lambda p: int(p.name.rpartition("-")[2]))
        return f"give one of its checkpoints: {newest}"
    if (folder / "adapter").is_dir():
        return f"give the adapter inside the run folder: {folder / 'adapter'}"
    if (folder / "config.json").is_file():
        return "this looks like a base model; give the folder that training wrote"
    return "give an adapter folder of weitiao, PEFT or the ChatGLM scripts"
