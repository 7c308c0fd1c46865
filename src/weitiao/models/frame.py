"""A base without its weights: sizes and rotary angles, for what needs no more than these."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from weitiao.errors import ModelError
from weitiao.models import chatglm
from weitiao.models.checkpoint import read_json


def frame(folder: Path, *, rotary: chatglm.Rotary = "exact") -> Any:
    """The model of a folder with its weights on the meta device; its rotary embedding is real, on the CPU.

    Args:
        folder: With a ``config.json``: official ChatGLM, or transformers.
        rotary: See `weitiao.config.BaseConfig.rotary`.

    Raises:
        ModelError: The configuration is not understood.
    """
    raw = read_json(folder / "config.json")
    if not chatglm.is_official(raw):
        return _of_transformers(folder, raw)
    version = chatglm.version_of(folder, raw)
    if version == "chatglm":
        from weitiao.models import chatglm1

        with torch.device("meta"):
            return chatglm1.ChatGLM1ForCausalLM._from_config(chatglm1.config_of(raw, rotary=rotary))
    model = chatglm.empty_model(raw, version)
    model.model.rotary_emb = chatglm.angles(
        model.config, rotary, version, float(raw.get("rope_ratio") or 1.0)
    )
    return model


def _of_transformers(folder: Path, raw: dict[str, Any]) -> Any:
    from transformers import AutoConfig, AutoModelForCausalLM

    if raw.get("model_type") == "chatglm1":
        import weitiao.models.chatglm1  # noqa: F401  (registers with transformers' Auto classes)
    try:
        config = AutoConfig.from_pretrained(folder)
        with torch.device("meta"):
            model: Any = AutoModelForCausalLM.from_config(config, attn_implementation="sdpa")
    except (OSError, ValueError, KeyError) as error:
        raise ModelError(
            f"{folder}: config.json is not understood: {str(error).strip().splitlines()[0]}",
            remedy="give the folder of the base the adapter was trained on",
        ) from error
    angles = getattr(model.base_model, "rotary_emb", None)
    if angles is not None:
        model.base_model.rotary_emb = type(angles)(config)  # small, and needed with its numbers
    return model
