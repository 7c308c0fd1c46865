"""``suspects.html``: the suspects of a run on one page that loads nothing from elsewhere."""

from __future__ import annotations

from collections import Counter

from weitiao.evaluate.page import make_environment
from weitiao.evaluate.suspects.find import Suspect, Suspects
from weitiao.evaluate.suspects.plots import data_map, loss_curve, losses_line

_ORDERS = {
    "suspicion": "low confidence together with a high loss in the last passes",
    "confidence": "low confidence",
    "variability": "changing probability of the given answer",
    "late_loss": "a high loss in the last passes",
}


def render(found: Suspects, *, title: str) -> str:
    """The page as one HTML text; all text of the data is escaped.

    Args:
        found: The suspects.
        title: Of the run.
    """
    template = make_environment().get_template("suspects/suspects.html.j2")
    top = max((loss for suspect in found.found for loss in suspect.losses), default=1.0)
    sizes: dict[int, int] = {}
    for suspect in found.found:
        sizes[suspect.group] = sizes.get(suspect.group, 0) + 1
    return template.render(
        title=title,
        found=found,
        order=_ORDERS[found.by],
        map=data_map(found),
        curve=loss_curve(found),
        line=lambda losses: losses_line(losses, top),
        sizes=sizes,
        said={suspect.rank: _majority(suspect) for suspect in found.found},
    )


def _majority(suspect: Suspect) -> tuple[str, int] | None:
    """The answer that most of the resembling rows share and how many do; None where none is shared."""
    counts = Counter(near.row.answer for near in suspect.neighbours)
    answer, count = next(iter(counts.most_common(1)), ("", 0))
    return (answer, count) if count > 1 else None
