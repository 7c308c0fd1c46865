"""A few lines of YAML become any number of labelled samples: patterns with slots, vocabularies and choices."""

from __future__ import annotations

from weitiao.data.patterns.expand import Sample, expand
from weitiao.data.patterns.grammar import Grammar, PatternError
from weitiao.data.patterns.plan import Plan, load_plan
from weitiao.data.patterns.source import PatternReading, read_patterns

__all__ = [
    "Grammar",
    "PatternError",
    "PatternReading",
    "Plan",
    "Sample",
    "expand",
    "load_plan",
    "read_patterns",
]
