"""Official ChatGLM folders: which release one is, and its weights as a model of today. Remote code is never run.

ChatGLM2 and ChatGLM3 become transformers' `GlmForCausalLM` (`weitiao.models.glm`), ChatGLM-6B our own port
(`weitiao.models.chatglm1`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from weitiao.errors import ModelError
from weitiao.models.checkpoint import Checkpoint, read_json
from weitiao.models.glm import Sizes, native_config, targets
from weitiao.models.quantised import BITS, QuantisedLinear, expand
from weitiao.models.rotary import HalfAngles

Version = Literal["chatglm", "chatglm2", "chatglm3"]
Rotary = Literal["exact", "original"]
Quantised = Literal["keep", "expand"]

_ROWS_OF_GLM4 = 65025  # ChatGLM2 and 3 have 65024 rows; GLM-4 reuses model_type chatglm with 151552
_ROLE_TOKENS = ("<|assistant|>", "<|observation|>")


def is_official(config: Mapping[str, Any]) -> bool:
    """Whether a ``config.json`` is that of an official ChatGLM folder."""
    return config.get("model_type") == "chatglm"


def _first_release(config: Mapping[str, Any]) -> bool:
    return any(key in config for key in ("inner_hidden_size", "position_encoding_2d", "gmask_token_id"))


def _named(text: Any) -> Version | None:
    name = str(text).lower().replace("-", "").replace("_", "").replace(".", "")
    found = [v for v in ("chatglm2", "chatglm3") if v in name]
    if "codegeex2" in name:
        found.append("chatglm2")
    return found[0] if len(found) == 1 else None  # type: ignore[return-value]


def _text(path: Path) -> str:
    return path.read_text("utf-8", errors="replace") if path.is_file() else ""


def version_of(folder: Path, config: Mapping[str, Any] | None = None) -> Version:
    """Which ChatGLM a folder holds; the folder's own name plays no part.

    ChatGLM-6B has configuration keys of its own. ChatGLM2 and ChatGLM3 have the same keys, so the first that speaks
    decides: the release that ``_name_or_path`` of config.json names; the one that tokenizer_config.json names; role
    tokens (``<|assistant|>``) in tokenizer_config.json or in the tokenizer's source file, which is looked at as text
    and never run.

    Args:
        folder: Official folder.
        config: Its ``config.json``, when it was read already.

    Raises:
        ModelError: Another model under the same ``model_type``, or nothing in the folder tells 2 from 3.
    """
    config = read_json(folder / "config.json") if config is None else config
    if _first_release(config):
        return "chatglm"
    if not is_official(config) or "multi_query_group_num" not in config:
        raise ModelError(
            f"{folder}: config.json is not that of ChatGLM-6B, ChatGLM2-6B or ChatGLM3-6B "
            f"(model_type {config.get('model_type')!r})",
            remedy="give the folder of an official release",
        )
    if config.get("padded_vocab_size", 0) >= _ROWS_OF_GLM4:
        raise ModelError(
            f"{folder} is GLM-4 in the layout of its remote code ({config['padded_vocab_size']} tokens)",
            remedy="use the same model in transformers' layout: THUDM/glm-4-9b-chat-hf",
        )
    tokenizer_config = _text(folder / "tokenizer_config.json")
    tokenizer = read_json(folder / "tokenizer_config.json") if tokenizer_config else {}
    for name in (config.get("_name_or_path"), tokenizer.get("name_or_path")):
        if named := _named(name):
            return named
    source = _text(folder / "tokenization_chatglm.py")
    if any(token in tokenizer_config or token in source for token in _ROLE_TOKENS):
        return "chatglm3"
    if source:
        return "chatglm2"
    raise ModelError(
        f"{folder}: ChatGLM2 and ChatGLM3 have the same configuration keys, and nothing here says which it is",
        remedy='set "_name_or_path": "THUDM/chatglm2-6b" (or chatglm3-6b) in its config.json',
    )


def check_version(config: Mapping[str, Any], version: Version, folder: Path) -> None:
    """Refuse options of the release that we do not compute.

    Raises:
        ModelError: A quantisation other than 4 or 8 bits.
    """
    bits = config.get("quantization_bit") or 0
    if bits and bits not in BITS:
        raise ModelError(
            f"{folder}: quantization_bit {bits} of {version} is neither 4 nor 8",
            remedy="use the float16, int8 or int4 release",
        )


def native_tensors(
    checkpoint: Checkpoint, config: Mapping[str, Any], *, dtype: torch.dtype, keep: bool
) -> Iterator[tuple[str, Tensor]]:
    """Tensors of `GlmForCausalLM` from an official ChatGLM2 or 3 checkpoint, one at a time.

    Args:
        checkpoint: Official weights.
        config: Official configuration.
        dtype: Of floating tensors; scales of kept integers stay float16.
        keep: Hand out integers and ``scale`` of quantised matrices as stored, instead of the expanded matrix.

    Yields:
        Name and tensor; a tensor of the right type is a view of the file.
    """
    sizes = Sizes.of(config)
    bits = config.get("quantization_bit") or 0
    waiting: dict[str, Tensor] = {}  # a matrix and its scale may lie in different shards
    for _, tensors in checkpoint.shards():
        for name, tensor in tensors.items():
            quantised = tensor.dtype == torch.int8
            if quantised and not bits:
                raise ModelError(
                    f"{checkpoint.folder}: {name} is stored in integers, but config.json has no quantization_bit",
                    remedy="use the config.json that belongs to these weights",
                )
            if (quantised or name.endswith("weight_scale")) and not keep:
                waiting[name] = tensor
                matrix = name.removesuffix("_scale")
                if matrix not in waiting or f"{matrix}_scale" not in waiting:
                    continue
                tensor = expand(waiting.pop(matrix), waiting.pop(f"{matrix}_scale"), bits=bits, dtype=dtype)
                name = matrix
            for target in targets(name, sizes):
                part = tensor[target.start : target.stop] if tensor.dim() else tensor
                yield target.name, part if keep and (quantised or "scale" in target.name) else part.to(dtype)
    if waiting:
        raise ModelError(
            f"{checkpoint.folder}: {len(waiting)} quantised matrices lack their scale or integers, "
            f"e.g. {next(iter(waiting))}",
            remedy="download the missing shards",
        )


def empty_model(config: Mapping[str, Any], version: Version) -> Any:
    """The model of a ChatGLM2 or 3 configuration without weights (on the meta device)."""
    from transformers import GlmConfig, GlmForCausalLM

    with torch.device("meta"):
        return GlmForCausalLM._from_config(
            GlmConfig(**native_config(config, version)), attn_implementation="sdpa"
        )


def put(model: nn.Module, name: str, tensor: Tensor) -> None:
    """Replace a parameter (or the scale of a quantised matrix) by a tensor of the same shape."""
    path, _, leaf = name.rpartition(".")
    module = model.get_submodule(path)
    old = getattr(module, leaf)
    if old.shape != tensor.shape:
        raise ModelError(
            f"{name} has shape {list(tensor.shape)}, the configuration asks for {list(old.shape)}",
            remedy="use the config.json that belongs to these weights",
        )
    if isinstance(old, nn.Parameter):
        setattr(module, leaf, nn.Parameter(tensor, requires_grad=tensor.is_floating_point()))
    else:
        module.register_buffer(leaf, tensor)


def _make_quantised(model: nn.Module, bits: int) -> None:
    """Replace the four matrices of each layer by empty quantised ones."""
    for path, module in list(model.named_modules()):
        if isinstance(module, nn.Linear) and ".layers." in f".{path}":
            packed = module.in_features * bits // 8
            with torch.device("meta"):
                weight = torch.empty(module.out_features, packed, dtype=torch.int8)
                scale = torch.empty(module.out_features, dtype=torch.float16)
                bias = None if module.bias is None else torch.empty_like(module.bias)
            parent, _, leaf = path.rpartition(".")
            setattr(model.get_submodule(parent), leaf, QuantisedLinear(weight, scale, bias, bits=bits))


def angles(config: Any, rotary: Rotary, version: Version, ratio: float) -> nn.Module:
    """The rotary embedding of `GlmModel` for ``base.rotary``; `ratio` is ``rope_ratio`` of the release."""
    from transformers.models.glm.modeling_glm import GlmRotaryEmbedding

    if rotary == "original" and version == "chatglm2":
        size = int(config.head_dim * config.rope_parameters["partial_rotary_factor"])
        return HalfAngles(size, ratio=ratio)
    return GlmRotaryEmbedding(config)  # ChatGLM3 formed its angles in float32: original is exact


def automatic_map(folder: Path, config: Mapping[str, Any], dtype: torch.dtype) -> dict[str, Any]:
    """``base.device_map: auto`` for a ChatGLM2 or 3 folder, as accelerate divides the layers.

    Raises:
        ModelError: ChatGLM-6B, or layers would have to go to the disk.
    """
    from accelerate import infer_auto_device_map

    version = version_of(folder, config)
    if version == "chatglm":
        raise ModelError("base.device_map is not supported for ChatGLM-6B", remedy="set base.device")
    model = empty_model(config, version)
    places = dict(infer_auto_device_map(model, no_split_module_classes=["GlmDecoderLayer"], dtype=dtype))
    if "disk" in places.values():
        raise ModelError(
            f"{folder} does not fit on the devices and the CPU together", remedy="use a smaller base.dtype"
        )
    return places


def load(
    folder: Path,
    *,
    dtype: torch.dtype = torch.float32,
    rotary: Rotary = "exact",
    quantised: Quantised = "expand",
    device_map: Mapping[str, Any] | torch.device | str = "cpu",
) -> Any:
    """The model of an official ChatGLM folder, in eval mode; the tokenizer is `weitiao.models.tokenizers`' business.

    Args:
        folder: config.json and weights of ChatGLM-6B, ChatGLM2-6B or ChatGLM3-6B.
        dtype: Of the weights.
        rotary: ``original`` forms rotary angles in float16 as the release did (ChatGLM and ChatGLM2).
        quantised: For checkpoints in 4 or 8 bits: ``keep`` the integers, or ``expand`` them at load.
        device_map: A device, or module name -> device as accelerate writes it (ChatGLM2 and 3).

    Returns:
        `GlmForCausalLM`, or our port of ChatGLM-6B.

    Raises:
        ModelError: Another model, a broken folder, tensors missing or of another shape.
    """
    folder = Path(folder)
    official = read_json(folder / "config.json")
    version = version_of(folder, official)
    check_version(official, version, folder)
    if version == "chatglm":
        return _load_first(folder, dtype, rotary, quantised, device_map)
    model = empty_model(official, version)
    keep = quantised == "keep" and bool(official.get("quantization_bit"))
    if keep:
        _make_quantised(model, official["quantization_bit"])
    model.model.rotary_emb = angles(model.config, rotary, version, float(official.get("rope_ratio") or 1.0))
    expected = {n for n, _ in model.named_parameters()} | {
        f"{n}.scale" for n, m in model.named_modules() if isinstance(m, QuantisedLinear)
    }
    for name, tensor in native_tensors(Checkpoint.open(folder), official, dtype=dtype, keep=keep):
        device = _device_of(name, device_map)
        # a view of the file must not stay: training and casts would write to a mapped page
        put(model, name, tensor.to(device) if device.type != "cpu" else tensor.clone())
        expected.discard(name)
    if expected:
        raise ModelError(
            f"{folder}: {len(expected)} tensors are missing, e.g. {min(expected)}",
            remedy="download the whole release; a folder with the prefix only is an adapter, not a base",
        )
    model.model.rotary_emb.to(_device_of("model.rotary_emb", device_map))
    if isinstance(device_map, Mapping) and len(set(device_map.values())) > 1:
        from accelerate import dispatch_model

        model = dispatch_model(model, dict(device_map))
    return model.eval()


def _device_of(name: str, device_map: Mapping[str, Any] | torch.device | str) -> torch.device:
    if not isinstance(device_map, Mapping):
        return torch.device(device_map)
    prefix = name
    while prefix not in device_map and prefix:
        prefix = prefix.rpartition(".")[0]
    if prefix not in device_map:
        raise ModelError(
            f"base.device_map has no device for {name}", remedy='add an entry for "" (all the rest)'
        )
    return torch.device(device_map[prefix])


def _load_first(
    folder: Path, dtype: torch.dtype, rotary: Rotary, quantised: Quantised, device_map: Any
) -> Any:
    try:
        from weitiao.models import chatglm1
    except ImportError as error:
        raise ModelError(
            f"{folder} is ChatGLM-6B (the first release), whose port is not part of this installation",
            remedy="update weitiao",
        ) from error
    if isinstance(device_map, Mapping):
        raise ModelError("base.device_map is not supported for ChatGLM-6B", remedy="set base.device")
    model = chatglm1.load(folder, dtype=dtype, rotary=rotary, quantised=quantised)
    return model.to(torch.device(device_map)).eval()
