"""``weitiao adapter convert``: adapters from one system to another.

A folder written for another system gets ``weitiao_adapter.json`` beside the files of that system: what it cannot
express (chat format, what the prefix stands for), so that nothing is lost on the way back. Where keys had to be turned,
the unturned ones lie in ``weitiao_adapter.safetensors``: turning back would round once more.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save as to_bytes
from safetensors.torch import save_file

from weitiao.chat import make_format
from weitiao.config import BaseConfig
from weitiao.errors import AdapterError
from weitiao.infer.loaded import restored_format
from weitiao.models import chatglm as releases
from weitiao.models.checkpoint import read_json as read_base_json
from weitiao.models.frame import frame
from weitiao.models.load import EMBEDDED, Base, load_base
from weitiao.models.source import folder_of
from weitiao.pipeline.files import versions
from weitiao.tuning.adapter import check_base, read_config, read_tensors, save_adapter
from weitiao.tuning.exchange import chatglm, peft
from weitiao.tuning.exchange.encoder import Encoder, encoder_of
from weitiao.tuning.exchange.files import fresh_folder
from weitiao.tuning.exchange.files import read_tensors as read_foreign_tensors
from weitiao.tuning.exchange.kinds import ADAPTER_CONFIG, KINDS, Kind, kind_of, read_json
from weitiao.tuning.exchange.placing import check_shape, text_start, turn_between

CARRIED = "weitiao_adapter.json"
"""Beside the files of another system: the configuration of the adapter that was converted."""

UNTURNED = "weitiao_adapter.safetensors"
"""Beside it, where keys were turned: the keys and values before that."""

_TURNED_INTO = "turned_into_sha256"

_ABOUT_TENSORS = ("schema_version", "sha256", "position_start", "length", _TURNED_INTO)


@dataclass(frozen=True)
class Source:
    """An adapter folder that was read.

    Attributes:
        folder: Where.
        kind: Which system wrote it.
        encoder: The prefix.
        config: That of its files.
        carried: Configuration of the weitiao adapter it was once; None when it was none.
    """

    folder: Path
    kind: Kind
    encoder: Encoder
    config: dict[str, Any]
    carried: dict[str, Any] | None

    @property
    def base(self) -> str | None:
        """Where its base was."""
        if self.carried is not None:
            return self.carried.get("base", {}).get("path")
        return self.config.get("base_model_name_or_path") or None


@dataclass(frozen=True)
class Converted:
    """What was converted.

    Attributes:
        source: Which system it came from.
        parameters: Numbers of the prefix.
        notes: What the user should know.
    """

    source: Kind
    parameters: int
    notes: tuple[str, ...]


def read_adapter(folder: Path) -> Source:
    """A prefix of any of the three systems.

    Raises:
        AdapterError: None of them, broken, or no prefix.
    """
    folder = Path(folder)
    kind = kind_of(folder)
    if kind == "weitiao":
        config = read_config(folder)
        kv = read_tensors(folder, config).get("kv")
        if kv is None or kv.dim() != 5:
            raise AdapterError(
                f"{folder} holds no prefix (method {config.get('method', {}).get('kind')})",
                remedy="only prefix adapters can be converted or started from",
            )
        return Source(
            folder, kind, encoder_of(kv, int(config.get("position_start", kv.shape[3]))), config, config
        )
    carried = _read_carried(folder)
    if kind == "peft":
        encoder, config = peft.read(folder), read_json(folder / ADAPTER_CONFIG)
    else:
        encoder, config = chatglm.read(folder), read_json(folder / "config.json")
    return Source(folder, kind, _unturned(folder, carried, encoder), config, carried)


def _read_carried(folder: Path) -> dict[str, Any] | None:
    """What `convert` left beside the files of another system; None when it was somebody else who wrote them.

    Raises:
        AdapterError: It was changed so that it says nothing any more.
    """
    path = folder / CARRIED
    if not path.is_file():
        return None
    carried = read_json(path)
    base, format = carried.get("base"), carried.get("format")
    sound = [
        isinstance(base, dict)
        and isinstance(base.get("fingerprint"), str)
        and isinstance(base.get("path"), str),
        isinstance(format, dict) and {"kind", "fingerprint"} <= set(format),
        isinstance(carried.get("position_start"), int),
        all(isinstance(i, int) for i in carried.get("absorbed") or ()),
    ]
    if not all(sound):
        raise AdapterError(
            f"{path} is damaged: expected base, format, position_start and absorbed of a weitiao adapter",
            remedy="delete it to convert the prefix alone (with --base), or convert the original again",
        )
    return carried


def _unturned(folder: Path, carried: Mapping[str, Any] | None, encoder: Encoder) -> Encoder:
    """The prefix before its keys were turned for this system, if it has not been trained on since."""
    if carried is None or not (folder / UNTURNED).is_file() or carried.get(_TURNED_INTO) != _digest(encoder):
        return encoder
    _, tensors = read_foreign_tensors(folder, (UNTURNED,))
    kv = tensors.get("kv")
    if kv is None or tuple(kv.shape) != encoder.shape.tensor:
        raise AdapterError(
            f"{folder / UNTURNED} does not belong to the files beside it: expected kv {list(encoder.shape.tensor)}",
            remedy="delete it: the keys are then turned back",
        )
    return encoder_of(kv, carried["position_start"])


def _digest(encoder: Encoder) -> str:
    return hashlib.sha256(to_bytes({"embedding": encoder.embedding.contiguous()})).hexdigest()


def convert(folder: Path, out: Path, *, to: Kind, base: str | None = None) -> Converted:
    """Write an adapter in the layout of another system.

    Args:
        folder: Adapter folder of any of the three.
        out: New folder.
        to: The system.
        base: Folder or Hub id of its base. Default: what the adapter says.

    Raises:
        AdapterError: It cannot be read, belongs to another base, or cannot be expressed there.
        ModelError: The base cannot be opened.
    """
    source = read_adapter(folder)
    if source.kind == to:
        raise AdapterError(f"{folder} is {KINDS[to]} already", remedy="copy the folder")
    notes: list[str] = []
    if source.encoder.is_projected:
        notes.append(
            "the MLP (prefix_projection) is folded into the keys and values; to train on through it, start a recipe "
            f"from the original: method.init: {{adapter: {folder}}}"
        )
    with fresh_folder(Path(out)) as fresh:
        if to == "weitiao":
            _to_weitiao(source, fresh, base)
        else:
            written = (_to_peft if to == "peft" else _to_chatglm)(source, fresh, base)
            _carry(source, written, fresh)
            notes += _unsaid(source.carried or {}, to)
    return Converted(source.kind, source.encoder.kv().numel(), tuple(notes))


def _carry(source: Source, written: Encoder, out: Path) -> None:
    """Keep beside the files of another system what they cannot hold."""
    if source.carried is None:
        return
    encoder = source.encoder
    carried = {**source.carried, "position_start": encoder.position_start, "length": encoder.shape.length}
    carried.pop(_TURNED_INTO, None)
    if written.position_start != encoder.position_start:
        carried[_TURNED_INTO] = _digest(written)
        save_file({"kv": encoder.kv()}, out / UNTURNED)
    text = json.dumps(carried, ensure_ascii=False, indent=2)
    (out / CARRIED).write_text(text + "\n", encoding="utf-8")


def _unsaid(config: Mapping[str, Any], to: Kind) -> list[str]:
    """What the other system has no word for."""
    absorbed = config.get("absorbed") or ()
    if not absorbed:
        return []
    tokens = f"{len(absorbed)} token{'s' if len(absorbed) > 1 else ''}"
    reader = "PEFT" if to == "peft" else "the scripts"
    return [
        f"the prefix stands for the first {tokens} of every prompt: leave that out of the prompts you give to {reader} "
        f"(the ids are in {CARRIED}, absorbed)"
    ]


# ------------------------------------------------------------------------------------- to weitiao


def _to_weitiao(source: Source, out: Path, base: str | None) -> None:
    opened = _load(source, base)
    check_shape(source.encoder.shape, opened.model.config, str(source.folder))
    if source.carried is not None:
        check_base(source.carried, opened.describe(), source.folder)
    length, start = source.encoder.shape.length, source.encoder.position_start
    turn_between(opened.model, start, text_start(opened.model, length), length)  # it can be used
    config = {**_described(source, opened), "position_start": start, "length": length}
    save_adapter(out, {"kv": source.encoder.kv()}, config)


def _load(source: Source, base: str | None) -> Base:
    path = base or source.base
    if path is None:
        raise AdapterError(
            f"{source.folder} does not say which base it belongs to",
            remedy="give --base: the folder or Hub id of the model it was trained on",
        )
    if path != EMBEDDED and Path(path).expanduser().is_dir():
        path = str(Path(path).expanduser().absolute())  # the adapter finds it from anywhere
    return load_base(BaseConfig(path=path, device="cpu"))


def _described(source: Source, opened: Base) -> dict[str, Any]:
    """The configuration of an imported adapter."""
    if source.carried is not None:
        config = {k: v for k, v in source.carried.items() if k not in _ABOUT_TENSORS}
        restored_format(config, opened.tokenizer, source.folder)  # it still renders in the same way
        return {**config, "base": opened.describe()}
    encoder = source.encoder
    projection = None if encoder.projection is None else encoder.projection.in_bias.numel()
    return {
        "weitiao_version": versions()["weitiao"],
        "name": source.folder.name,
        "base": opened.describe(),
        "dtype": str(opened.model.dtype).removeprefix("torch."),
        "method": {"kind": "prefix", "length": encoder.shape.length, "projection": projection},
        "absorbed": [],
        "format": make_format("auto", opened.tokenizer).describe(),
        "data": {},
        "metrics": {},
        "decode": {},
        "origin": {"kind": source.kind, "config": source.config},
        "versions": versions(),
    }


# ---------------------------------------------------------------------------- to the other systems


def _to_peft(source: Source, out: Path, base: str | None) -> Encoder:
    length = source.encoder.shape.length
    path = base or source.base
    model = None
    if base is not None or source.encoder.position_start != length:
        model = _frame(source, path)
        check_shape(source.encoder.shape, model.config, str(source.folder))
        if text_start(model, length) != length:
            raise AdapterError(
                f"{source.folder} belongs to a base whose text begins at position 0 with a prefix too; PEFT has no "
                "such prefixes",
                remedy="convert it with --to weitiao or --to chatglm",
            )
    written = _moved(source, model, length)
    peft.write(out, written, path)
    return written


def _to_chatglm(source: Source, out: Path, base: str | None) -> Encoder:
    path = base or source.base
    origin = (source.carried or {}).get("origin") or {}
    if base is None and origin.get("kind") == "chatglm" and source.encoder.position_start == 0:
        chatglm.write(out, source.encoder, origin["config"])
        return source.encoder
    model = _frame(source, path)
    folder = folder_of(str(path), weights=False)
    official = read_base_json(folder / "config.json")
    if not releases.is_official(official):
        raise AdapterError(
            f"{path} is no official ChatGLM release, and the official scripts read adapters of these only",
            remedy="give the official folder (--base), or use --to peft",
        )
    check_shape(source.encoder.shape, model.config, str(source.folder))
    written = _moved(source, model, 0)
    chatglm.write(out, written, official)
    return written


def _moved(source: Source, model: Any, want: int) -> Encoder:
    """The direct prefix for text at `want`."""
    encoder = source.encoder
    turn = turn_between(model, encoder.position_start, want, encoder.shape.length)
    kv = encoder.kv()
    if turn is not None:
        with torch.no_grad():
            kv = turn(kv.float())
    return encoder_of(kv, want)


def _frame(source: Source, path: str | None) -> Any:
    """The base without its weights: sizes and rotary angles."""
    if path is None:
        raise AdapterError(
            f"{source.folder} does not say which base it belongs to",
            remedy="give --base: the folder or Hub id of the model it was trained on",
        )
    folder = folder_of(path, weights=False)
    known = (source.carried or {}).get("base") or {}
    return frame(folder, rotary=known.get("rotary", "exact"))
