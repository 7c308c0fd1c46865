"""Measured numbers in tables."""

from __future__ import annotations

from collections.abc import Mapping


def estimate_cell(number: Mapping[str, float]) -> str:
    """A value with its 95% interval."""
    return f"{number['value']:.3f} [dim]\\[{number['low']:.3f}, {number['high']:.3f}][/dim]"


def difference_cell(number: Mapping[str, float]) -> str:
    """A difference with its 95% interval; in colour where that leaves out zero."""
    colour = "green" if number["low"] > 0 else "red" if number["high"] < 0 else "default"
    interval = f"[dim]\\[{number['low']:+.3f}, {number['high']:+.3f}][/dim]"
    return f"[{colour}]{number['value']:+.3f}[/{colour}] {interval}"
