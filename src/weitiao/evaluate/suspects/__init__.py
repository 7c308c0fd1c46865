"""Which training rows are probably labelled wrongly, by what training said about them."""

from __future__ import annotations

from weitiao.evaluate.suspects.find import Near, Row, Suspect, Suspects, find_suspects
from weitiao.evaluate.suspects.rank import ORDERS, By, Dynamics, dynamics

__all__ = ["ORDERS", "By", "Dynamics", "Near", "Row", "Suspect", "Suspects", "dynamics", "find_suspects"]
