"""weitiao (微调): from a domain file to a proven adapter of a language model.

Example:
    >>> import weitiao  # doctest: +SKIP
    >>> result = weitiao.run("my.yaml", out="runs/mine")  # doctest: +SKIP
    >>> tuned = weitiao.load("runs/mine/adapter")  # doctest: +SKIP
    >>> tuned.generate("2020年华远股份的净利润是多少?")  # doctest: +SKIP
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from weitiao.config import Recipe as Recipe
    from weitiao.errors import WeitiaoError as WeitiaoError
    from weitiao.infer.loaded import open_adapter as load
    from weitiao.infer.predict import predict_file as predict_file
    from weitiao.pipeline.comparing import compare_robustness as compare_robustness
    from weitiao.pipeline.measuring import evaluate_adapter as evaluate_adapter
    from weitiao.pipeline.measuring import preview as preview
    from weitiao.pipeline.running import run as run
    from weitiao.pipeline.suspects import suspects as suspects
    from weitiao.recipe import load_recipe as load_recipe
    from weitiao.types import Message as Message

_WHERE = {
    "Message": ("weitiao.types", "Message"),
    "Recipe": ("weitiao.config", "Recipe"),
    "WeitiaoError": ("weitiao.errors", "WeitiaoError"),
    "compare_robustness": ("weitiao.pipeline.comparing", "compare_robustness"),
    "evaluate_adapter": ("weitiao.pipeline.measuring", "evaluate_adapter"),
    "load": ("weitiao.infer.loaded", "open_adapter"),
    "load_recipe": ("weitiao.recipe", "load_recipe"),
    "predict_file": ("weitiao.infer.predict", "predict_file"),
    "preview": ("weitiao.pipeline.measuring", "preview"),
    "run": ("weitiao.pipeline.running", "run"),
    "suspects": ("weitiao.pipeline.suspects", "suspects"),
}

__all__ = [
    "Message",
    "Recipe",
    "WeitiaoError",
    "compare_robustness",
    "evaluate_adapter",
    "load",
    "load_recipe",
    "predict_file",
    "preview",
    "run",
    "suspects",
]


def __getattr__(name: str) -> Any:
    """Import the heavy parts when they are first asked for: ``import weitiao`` itself loads nothing."""
    if name not in _WHERE:
        raise AttributeError(f"module 'weitiao' has no attribute {name!r}")
    module, attribute = _WHERE[name]
    return getattr(import_module(module), attribute)


def __dir__() -> list[str]:
    return sorted([*globals(), *_WHERE])
