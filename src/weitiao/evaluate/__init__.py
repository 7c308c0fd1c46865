"""Metrics with intervals, before against after, and the report. Neither torch nor transformers."""

from __future__ import annotations

from weitiao.evaluate.compare import Comparison, compare
from weitiao.evaluate.score import score

__all__ = ["Comparison", "compare", "score"]
