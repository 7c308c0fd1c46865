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
    from weitiao.data.augment import augment_file as augment_file
    from weitiao.data.balance_file import balance_file as balance_file
    from weitiao.data.diff import difference as diff_data
    from weitiao.data.exam import read_paper as read_exam
    from weitiao.data.export import export as export_data
    from weitiao.data.find import find_dataset as open_data
    from weitiao.data.noise.file import noise_file as noise_file
    from weitiao.data.patterns.source import expand_patterns as expand_patterns
    from weitiao.data.split_file import split_file as split_file
    from weitiao.errors import WeitiaoError as WeitiaoError
    from weitiao.infer.loaded import open_adapter as load
    from weitiao.infer.predict import predict_file as predict_file
    from weitiao.pipeline.comparing import compare_robustness as compare_robustness
    from weitiao.pipeline.data import check_data as check_data
    from weitiao.pipeline.data import prepare_data as prepare_data
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
    "augment_file": ("weitiao.data.augment", "augment_file"),
    "balance_file": ("weitiao.data.balance_file", "balance_file"),
    "check_data": ("weitiao.pipeline.data", "check_data"),
    "compare_robustness": ("weitiao.pipeline.comparing", "compare_robustness"),
    "diff_data": ("weitiao.data.diff", "difference"),
    "evaluate_adapter": ("weitiao.pipeline.measuring", "evaluate_adapter"),
    "expand_patterns": ("weitiao.data.patterns.source", "expand_patterns"),
    "export_data": ("weitiao.data.export", "export"),
    "load": ("weitiao.infer.loaded", "open_adapter"),
    "load_recipe": ("weitiao.recipe", "load_recipe"),
    "noise_file": ("weitiao.data.noise.file", "noise_file"),
    "open_data": ("weitiao.data.find", "find_dataset"),
    "predict_file": ("weitiao.infer.predict", "predict_file"),
    "prepare_data": ("weitiao.pipeline.data", "prepare_data"),
    "preview": ("weitiao.pipeline.measuring", "preview"),
    "read_exam": ("weitiao.data.exam", "read_paper"),
    "run": ("weitiao.pipeline.running", "run"),
    "split_file": ("weitiao.data.split_file", "split_file"),
    "suspects": ("weitiao.pipeline.suspects", "suspects"),
}

__all__ = [
    "Message",
    "Recipe",
    "WeitiaoError",
    "augment_file",
    "balance_file",
    "check_data",
    "compare_robustness",
    "diff_data",
    "evaluate_adapter",
    "expand_patterns",
    "export_data",
    "load",
    "load_recipe",
    "noise_file",
    "open_data",
    "predict_file",
    "prepare_data",
    "preview",
    "read_exam",
    "run",
    "split_file",
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
