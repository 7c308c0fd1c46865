"""Rendered samples to batches: common beginnings found, rows filled, tensors made."""

from __future__ import annotations

from weitiao.pack.batch import Batch, collate, pack
from weitiao.pack.plan import CostModel, Plan, plan

__all__ = ["Batch", "CostModel", "Plan", "collate", "pack", "plan"]
