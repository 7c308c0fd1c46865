"""The recipe: small nested frozen models, one file per section. No torch, no transformers.

Sources in order of precedence: defaults < recipe file < ``--set a.b=c``. Reading and merging is in
`weitiao.recipe`; this package only says what a recipe is.
"""

from __future__ import annotations

from weitiao.config.augment import AugmentConfig
from weitiao.config.balance import BalanceStep, MixStep, WeighStep
from weitiao.config.base import BaseConfig
from weitiao.config.data import DataConfig, ShapeName, Source
from weitiao.config.fix import FixConfig
from weitiao.config.format import (
    ChatGLM2Format,
    ChatGLM3Format,
    ChatGLMFormat,
    FormatConfig,
    PlainFormat,
    RolePrefixes,
    RolesFormat,
    TemplateFormat,
)
from weitiao.config.method import FullConfig, InitAdapter, InitText, MethodConfig, PrefixConfig
from weitiao.config.patterns import Numbers, PatternClass, PatternFile, Saying, Terms
from weitiao.config.prompt import TemplateRef
from weitiao.config.recipe import Recipe
from weitiao.config.section import Section
from weitiao.config.split import MaskConfig, SplitConfig
from weitiao.config.steps import DeduplicateStep, NoiseMix, NoiseStep, StepConfig
from weitiao.config.training import DecodeConfig, EvaluateConfig, RobustnessConfig, TrainConfig

__all__ = [
    "AugmentConfig",
    "BalanceStep",
    "BaseConfig",
    "ChatGLM2Format",
    "ChatGLM3Format",
    "ChatGLMFormat",
    "DataConfig",
    "DecodeConfig",
    "DeduplicateStep",
    "EvaluateConfig",
    "FixConfig",
    "FormatConfig",
    "FullConfig",
    "InitAdapter",
    "InitText",
    "MaskConfig",
    "MethodConfig",
    "MixStep",
    "NoiseMix",
    "NoiseStep",
    "Numbers",
    "PatternClass",
    "PatternFile",
    "PlainFormat",
    "PrefixConfig",
    "Recipe",
    "RobustnessConfig",
    "RolePrefixes",
    "RolesFormat",
    "Saying",
    "Section",
    "ShapeName",
    "Source",
    "SplitConfig",
    "StepConfig",
    "TemplateFormat",
    "TemplateRef",
    "Terms",
    "TrainConfig",
    "WeighStep",
]
