"""Which training rows are probably labelled wrongly, by what training said about them."""

from __future__ import annotations

from weitiao.evaluate.suspects.find import HeldOut, Near, Row, Suspect, Suspects, find_suspects
from weitiao.evaluate.suspects.rank import ORDERS, By, Dynamics, complete_passes, dynamics

__all__ = [
    "ORDERS",
    "By",
    "Dynamics",
    "HeldOut",
    "Near",
    "Row",
    "Suspect",
    "Suspects",
    "complete_passes",
    "dynamics",
    "find_suspects",
]
