"""Pictures of suspects as inline SVG: the map of the training part, the loss of each step with its spikes.

Colours are CSS classes of the page, as in `weitiao.evaluate.charts`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from markupsafe import Markup, escape

from weitiao.evaluate.charts import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, number, ticks
from weitiao.evaluate.suspects.find import Suspects

_DOTS = 4000  # drawn at most; more are a blot
_POINTS = 1500  # of the loss curve


def data_map(found: Suspects) -> Markup | None:
    """Confidence over variability of every row, the suspects marked; None when nothing was trained on."""
    known = np.flatnonzero(~np.isnan(found.dynamics.confidence))
    if not len(known):
        return None
    height = HEIGHT + 90
    shown = known[:: -(-len(known) // _DOTS)]
    x_high = max(0.5, float(np.nanmax(found.dynamics.variability)))

    def px(variability: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * variability / x_high

    def py(confidence: float) -> float:
        return height - BOTTOM - (height - TOP - BOTTOM) * confidence

    def at(row: int) -> str:
        return f"M{px(found.dynamics.variability[row]):.1f} {py(found.dynamics.confidence[row]):.1f}h0"

    parts = [_level(py(t), number(t)) for t in ticks(0.0, 1.0)]
    parts += [
        f'<text class="tick" x="{px(t):.1f}" y="{height - 22}" text-anchor="middle">{number(t)}</text>'
        for t in ticks(0.0, x_high)
        if t <= x_high
    ]
    parts.append(f'<path class="cloud" d="{"".join(at(int(row)) for row in shown)}"/>')
    parts += [
        f'<circle class="suspect" cx="{px(s.variability):.1f}" cy="{py(s.confidence):.1f}" r="3.2">'
        f"<title>{s.rank}: {escape(s.row.origins[0])}</title></circle>"
        for s in reversed(found.found)
    ]
    parts += [
        _axis(WIDTH - RIGHT, height - 4, "variability", "end"),
        _axis(LEFT, TOP - 5, "confidence", "start"),
    ]
    return _svg(parts, height, "confidence over variability of all training rows")


def loss_curve(found: Suspects) -> Markup | None:
    """Loss of each optimizer step, spikes numbered; None without steps."""
    if len(found.steps) < 2:
        return None
    stride = -(-len(found.steps) // _POINTS)
    marked = {spike.step.number for spike in found.spikes}
    shown = [s for k, s in enumerate(found.steps) if k % stride == 0 or s.number in marked]
    levels = ticks(0.0, max(step.loss for step in shown))
    last = found.steps[-1].number

    def px(step: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * (step - 1) / (last - 1)

    def py(loss: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * loss / levels[-1]

    parts = [_level(py(t), number(t)) for t in levels]
    parts += [
        f'<text class="tick" x="{px(t):.1f}" y="{HEIGHT - 22}" text-anchor="middle">{number(t)}</text>'
        for t in ticks(1, last)
        if 1 <= t <= last and t == int(t)
    ]
    points = " ".join(f"{px(s.number):.1f},{py(s.loss):.1f}" for s in shown)
    parts.append(f'<polyline class="steps" points="{points}"/>')
    for k, spike in enumerate(found.spikes, start=1):
        x, y = px(spike.step.number), py(spike.step.loss)
        parts.append(
            f'<circle class="suspect" cx="{x:.1f}" cy="{y:.1f}" r="3.2"/>'
            f'<text class="mark" x="{x:.1f}" y="{max(y - 7, 10):.1f}" text-anchor="middle">{k}</text>'
        )
    parts.append(_axis(WIDTH - RIGHT, HEIGHT - 4, "step", "end"))
    return _svg(parts, HEIGHT, "loss of each step, spikes numbered")


def losses_line(losses: Sequence[float], top: float) -> Markup:
    """A word-sized line of the losses of one row over the passes.

    Args:
        losses: Of each pass.
        top: Loss at the upper edge, the same for all rows of a table.
    """
    width, height = 72, 18
    step = (width - 4) / max(len(losses) - 1, 1)
    points = [
        (2 + k * step, height - 2 - (height - 4) * min(loss / max(top, 1e-9), 1))
        for k, loss in enumerate(losses)
    ]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    x, y = points[-1]
    label = ", ".join(number(round(loss, 2)) for loss in losses)
    return Markup(
        f'<svg class="spark" viewBox="0 0 {width} {height}" role="img" aria-label="{label}"><title>{label}</title>'
        f'<polyline class="steps" points="{path}"/><circle class="suspect" cx="{x:.1f}" cy="{y:.1f}" r="2"/></svg>'
    )


def _level(y: float, label: str) -> str:
    return (
        f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        f'<text class="tick" x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{label}</text>'
    )


def _axis(x: float, y: float, label: str, anchor: str) -> str:
    return f'<text class="axis" x="{x}" y="{y}" text-anchor="{anchor}">{escape(label)}</text>'


def _svg(parts: Sequence[str], height: int, label: str) -> Markup:
    return Markup(
        f'<svg class="chart" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(label)}">'
        + "".join(parts)
        + "</svg>"
    )
