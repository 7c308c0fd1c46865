"""Official folders of ChatGLM-6B: float16, int8 or int4, one file or shards."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from weitiao.errors import ModelError
from weitiao.models.chatglm1.configuration import Rotary, config_of
from weitiao.models.chatglm1.modelling import ChatGLM1ForCausalLM
from weitiao.models.checkpoint import Checkpoint, read_json
from weitiao.models.quantised import BITS, QuantisedLinear

_EMBEDDING, _HEAD = "transformer.word_embeddings.weight", "lm_head.weight"


def load(
    folder: str | Path,
    *,
    dtype: torch.dtype = torch.float32,
    rotary: Rotary = "exact",
    quantised: Literal["keep", "expand"] = "expand",
) -> Any:
    """The model of an official ChatGLM-6B folder, in eval mode on the CPU.

    Args:
        folder: ``config.json`` and weights (``.bin`` or safetensors).
        dtype: Of the weights; scales of kept integers stay float16.
        rotary: See `ChatGLM1Config`.
        quantised: For checkpoints in 4 or 8 bits: ``keep`` the integers, or ``expand`` them here.

    Raises:
        ModelError: Another model, an early release, tensors that are missing, unknown or of another shape.
    """
    folder = Path(folder)
    official = read_json(folder / "config.json")
    config = config_of(official, rotary=rotary, where=str(folder / "config.json"))
    bits = official.get("quantization_bit") or 0
    if bits and bits not in BITS:
        raise ModelError(
            f"{folder}: quantization_bit {bits} is neither 4 nor 8",
            remedy="use the float16, int8 or int4 release",
        )
    with torch.device("meta"):
        model = ChatGLM1ForCausalLM._from_config(config, attn_implementation="sdpa")
    keep = bool(bits) and quantised == "keep"
    if bits:
        _make_quantised(model, bits)
    _fill(model, Checkpoint.open(folder), dtype)
    if bits and not keep:
        _expand(model, dtype)
    model.tie_weights()
    return model.eval()


def _make_quantised(model: nn.Module, bits: int) -> None:
    """Replace the four matrices of each layer by empty quantised ones."""
    for path, module in list(model.named_modules()):
        if isinstance(module, nn.Linear) and ".layers." in path:
            with torch.device("meta"):
                weight = torch.empty(module.out_features, module.in_features * bits // 8, dtype=torch.int8)
                scale = torch.empty(module.out_features, dtype=torch.float16)
            _replace(model, path, QuantisedLinear(weight, scale, module.bias, bits=bits))


def _expand(model: nn.Module, dtype: torch.dtype) -> None:
    """Replace quantised matrices by ordinary ones."""
    for path, module in list(model.named_modules()):
        if isinstance(module, QuantisedLinear):
            with torch.device("meta"):
                plain = nn.Linear(module.in_features, module.out_features)
            plain.weight = nn.Parameter(module.expanded(dtype))
            plain.bias = module.bias  # type: ignore[assignment]
            _replace(model, path, plain)


def _replace(model: nn.Module, path: str, module: nn.Module) -> None:
    parent, _, leaf = path.rpartition(".")
    setattr(model.get_submodule(parent), leaf, module)


def _fill(model: nn.Module, checkpoint: Checkpoint, dtype: torch.dtype) -> None:
    """Put every stored tensor in its place.

    Raises:
        ModelError: All problems at once.
    """
    empty = {n for n, t in model.state_dict().items() if n != _HEAD}
    problems: list[str] = []
    head: Tensor | None = None
    for _, tensors in checkpoint.shards():
        for stored, tensor in tensors.items():
            name = (
                f"{stored.removesuffix('weight_scale')}scale" if stored.endswith(".weight_scale") else stored
            )
            if name == _HEAD:
                head = tensor
            elif name in empty:
                problems += _put(model, name, tensor, dtype)
                empty.discard(name)
            elif not name.endswith("rotary_emb.inv_freq"):  # the original never reads it either
                problems.append(f"{stored} is no tensor of ChatGLM-6B")
    problems += [f"{name} is missing" for name in sorted(empty)]
    if problems:
        shown = "; ".join(problems[:5]) + (f"; and {len(problems) - 5} more" if len(problems) > 5 else "")
        raise ModelError(
            f"{checkpoint.folder} does not hold the weights that its config.json describes: {shown}",
            remedy="download the whole release; a folder with the prefix only is an adapter, not a base",
        )
    embedding: Any = model.get_submodule("transformer.word_embeddings").weight
    if head is not None and not torch.equal(head.to(dtype), embedding):
        warnings.warn(
            f"{checkpoint.folder}: {_HEAD} differs from {_EMBEDDING}; the original ties them and uses the embedding, "
            "and so do we",
            stacklevel=3,
        )


def _put(model: nn.Module, name: str, tensor: Tensor, dtype: torch.dtype) -> list[str]:
    """Replace an empty tensor; what is wrong with the stored one, if anything."""
    path, _, leaf = name.rpartition(".")
    module = model.get_submodule(path)
    old: Tensor = getattr(module, leaf)
    if tensor.shape != old.shape or tensor.is_floating_point() != old.is_floating_point():
        return [
            f"{name} is {str(tensor.dtype).removeprefix('torch.')} {list(tensor.shape)}, "
            f"expected {'floating' if old.is_floating_point() else 'int8'} {list(old.shape)}"
        ]
    # a view of the file must not stay: training and casts would write to a mapped page
    wanted = old.dtype if leaf == "scale" or not tensor.is_floating_point() else dtype
    value = tensor.to(wanted, copy=True)
    if isinstance(old, nn.Parameter):
        setattr(module, leaf, nn.Parameter(value, requires_grad=value.is_floating_point()))
    else:
        setattr(module, leaf, value)
    return []
