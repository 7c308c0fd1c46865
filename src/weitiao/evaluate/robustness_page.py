"""``robustness.html``: the comparison of finished runs as a page of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from weitiao.evaluate import tables
from weitiao.evaluate.page import make_environment
from weitiao.evaluate.robustness import view


def render(report: Mapping[str, Any], samples: Sequence[Mapping[str, Any]]) -> str:
    """The page as one HTML text.

    Args:
        report: ``name``, ``robustness`` (see `weitiao.evaluate.robustness.curves`), ``notes`` and ``facts``.
        samples: Answers to show: ``clean``, ``heard``, ``reference``, and the ``answers`` of each model by name.
    """
    shown = view(report["robustness"])
    return (
        make_environment()
        .get_template("robustness_page.html.j2")
        .render(
            report=report,
            robustness=shown,
            samples=samples,
            facts=[(tables.words(k), tables.cell_text(v)) for k, v in report["facts"].items()],
            notes=report.get("notes") or [],
        )
    )
