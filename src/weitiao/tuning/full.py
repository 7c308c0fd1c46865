"""Full tuning: the adapter is all weights of the base."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from weitiao.errors import AdapterError


def load_weights(model: Any, tensors: Mapping[str, Tensor], folder: Path) -> None:
    """Replace the weights of a base by those of a fully tuned one.

    Args:
        model: The base; changed in place.
        tensors: By the names of its state; tied ones may be missing.
        folder: Of the adapter, for the message.

    Raises:
        AdapterError: They are not the weights of this base.
    """
    tied = set(getattr(model, "all_tied_weights_keys", None) or ())
    own = model.state_dict()
    problems = [f"lacks {name}" for name in own if name not in tensors and name not in tied]
    problems += [f"has the unknown {name}" for name in tensors if name not in own]
    problems += [
        f"{name} has shape {list(tensor.shape)}, the base needs {list(own[name].shape)}"
        for name, tensor in tensors.items()
        if name in own and own[name].shape != tensor.shape
    ]
    if problems:
        raise AdapterError(
            f"{folder} does not hold the weights of this base: {'; '.join(problems[:5])}",
            remedy="load it with the base it was trained on",
        )
    model.load_state_dict(dict(tensors), strict=False)
