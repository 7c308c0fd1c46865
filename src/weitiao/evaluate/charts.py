"""Charts as inline SVG, drawn here so that a report needs no image, no font and no script.

All colours are CSS classes of the template, so that a chart follows light and dark mode. Units: SVG user
units, which are CSS pixels at full width.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from markupsafe import Markup, escape

from weitiao.types import Estimate

WIDTH, HEIGHT = 560, 270
LEFT, RIGHT, TOP, BOTTOM = 52, 16, 16, 40
STYLES = ("a", "b", "c", "d")
"""CSS classes that the template has a colour for."""


@dataclass(frozen=True, slots=True)
class Series:
    """One line.

    Attributes:
        name: For the legend.
        points: x and y.
        style: One of `STYLES`.
        dots: Whether its points are drawn.
        band: Lower and upper end of an interval at each point; empty for none.
    """

    name: str
    points: Sequence[tuple[float, float]]
    style: str = "a"
    dots: bool = False
    band: Sequence[tuple[float, float]] = ()


def ticks(low: float, high: float, count: int = 5) -> list[float]:
    """About ``count`` round numbers that cover [low, high].

    Example:
        >>> ticks(0.0, 0.93)
        [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    """
    if not high > low:
        pad = abs(low) / 2 or 1.0
        low, high = low - pad, high + pad
    rough = (high - low) / count
    size = 10.0 ** math.floor(math.log10(rough))
    step = next(m * size for m in (1, 2, 2.5, 5, 10) if m * size >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(k * step, 12) for k in range(first, last + 1)]


def number(value: float) -> str:
    """A short number for an axis or a table: 0.0005, 5e-6, 1.25, 12,345."""
    if value == 0:
        return "0"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.1e}".replace("e-0", "e-").replace(".0e", "e") if abs(value) < 1e-3 else f"{value:.4g}"


def line_chart(
    series: Sequence[Series], *, x_label: str, y_label: str, y_from_zero: bool = False
) -> Markup | None:
    """Lines over a numeric x axis with grid, labels and a legend; None when there is no finite point."""
    shown = [s for s in map(_finite, series) if s.points]
    if not shown:
        return None
    xs = [x for s in shown for x, _ in s.points]
    ys = [y for s in shown for _, y in s.points] + [y for s in shown for pair in s.band for y in pair]
    x_ticks = ticks(min(xs), max(xs)) if len(set(xs)) > 1 else [xs[0]]
    y_ticks = ticks(0.0 if y_from_zero else min(ys), max(ys))
    x_low, x_high = min(xs), max(xs)
    span_x, span_y = (x_high - x_low) or 1.0, y_ticks[-1] - y_ticks[0]

    def px(x: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * ((x - x_low) / span_x if x_high > x_low else 0.5)

    def py(y: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (y - y_ticks[0]) / span_y

    parts = [_grid_line(py(t), number(t)) for t in y_ticks]
    whole = all(x == int(x) for x in xs)  # epochs: no tick between two of them
    inside = [t for t in x_ticks if x_low <= t <= x_high and (t == int(t) or not whole)]
    parts += [f'<text class="tick" x="{px(t):.1f}" y="{HEIGHT - 22}" text-anchor="middle">{number(t)}</text>'
              for t in inside]  # fmt: skip
    for s in shown:
        if len(s.band) > 1:
            edge = [(x, high) for (x, _), (_, high) in zip(s.points, s.band, strict=True)]
            edge += [(x, low) for (x, _), (low, _) in zip(s.points, s.band, strict=True)][::-1]
            outline = " ".join(f"{px(x):.1f},{py(y):.1f}" for x, y in edge)
            parts.append(f'<polygon class="band {s.style}" points="{outline}"/>')
    for s in shown:
        path = " ".join(f"{px(x):.1f},{py(y):.1f}" for x, y in s.points)
        parts.append(f'<polyline class="line {s.style}" points="{path}"/>')
        if s.dots or len(s.points) == 1:
            parts += [
                f'<circle class="dot {s.style}" cx="{px(x):.1f}" cy="{py(y):.1f}" r="3.5">'
                f"<title>{escape(s.name)}: {number(y)} ({escape(x_label)} {number(x)})</title></circle>"
                for x, y in s.points
            ]
    parts.append(
        f'<text class="axis" x="{WIDTH - RIGHT}" y="{HEIGHT - 4}" text-anchor="end">{escape(x_label)}</text>'
    )
    label = f"{y_label} over {x_label}: {', '.join(s.name for s in shown)}"
    return Markup(
        f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(label)}">'
        + "".join(parts)
        + "</svg>"
    )


def _finite(series: Series) -> Series:
    """Without points that are no numbers."""
    kept = [k for k, point in enumerate(series.points) if all(map(math.isfinite, point))]
    return replace(
        series,
        points=[series.points[k] for k in kept],
        band=[series.band[k] for k in kept] if series.band else (),
    )


def _grid_line(y: float, label: str) -> str:
    return (
        f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        f'<text class="tick" x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{label}</text>'
    )


def whisker_bars(before: Estimate | None, after: Estimate, *, scale: float) -> Markup:
    """Two bars from 0 to ``scale`` with the 95% interval of each as a whisker."""
    rows = [(e, style) for e, style in ((before, "b"), (after, "a")) if e is not None]
    width, step, thick = 240, 15, 9
    height = step * len(rows) + 2
    parts = [
        f'<line class="grid" x1="{x}" x2="{x}" y1="0" y2="{height}"/>' for x in (1, width / 2, width - 1)
    ]
    for k, (e, style) in enumerate(rows):
        top = 1 + k * step + (step - thick) / 2
        middle = top + thick / 2
        value, low, high = (1 + (width - 2) * min(max(v / scale, 0), 1) for v in (e.value, e.low, e.high))
        parts.append(
            f'<rect class="bar {style}" x="1" y="{top:.1f}" width="{max(value - 1, 0.8):.1f}" '
            f'height="{thick}" rx="1.5"/>'
        )
        if high > low:
            parts.append(
                f'<path class="whisker" d="M{low:.1f} {middle:.1f}H{high:.1f}M{low:.1f} {middle - 3:.1f}v6'
                f'M{high:.1f} {middle - 3:.1f}v6"/>'
            )
    return Markup(
        f'<svg class="bars" viewBox="0 0 {width} {height}" preserveAspectRatio="none" role="img" '
        'aria-label="bars from 0 to the best possible value">' + "".join(parts) + "</svg>"
    )
