"""Before against after on the same test samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from weitiao.evaluate.bootstrap import estimate, group_notes, resample
from weitiao.evaluate.closed_set import CLOSED_SET_RULE, ClosedSet, describe_confusion, find_closed_set
from weitiao.evaluate.score import measure
from weitiao.types import Estimate


@dataclass(frozen=True, slots=True)
class Comparison:
    """What tuning has changed.

    Attributes:
        before: Estimates of the untouched base by name, None when it was not measured.
        after: Estimates of the tuned model by name.
        difference: After minus before by name, paired on the samples, None without ``before``.
        closed_set: The labels, where the references are a closed set.
        confusion: ``{"before": ..., "after": ...}`` confusion matrices of a closed set, else None.
        notes: Sentences a reader of the report must know.
    """

    before: Mapping[str, Estimate] | None
    after: Mapping[str, Estimate]
    difference: Mapping[str, Estimate] | None
    closed_set: ClosedSet
    confusion: Mapping[str, Any] | None
    notes: tuple[str, ...] = ()

    def as_report(self, part: str = "test") -> dict[str, Any]:
        """The keys ``metrics``, ``closed_set``, ``confusion`` and ``notes`` of ``report.json``."""

        def plain(estimates: Mapping[str, Estimate] | None) -> dict[str, Any] | None:
            if estimates is None:
                return None
            return {part: {name: e.as_dict() for name, e in estimates.items()}}

        return {
            "metrics": {
                "before": plain(self.before),
                "after": plain(self.after),
                "difference": plain(self.difference),
            },
            "closed_set": {"labels": list(self.closed_set.labels), "reason": self.closed_set.reason},
            "confusion": self.confusion,
            "notes": list(self.notes),
        }


def compare(
    before: Sequence[str] | None,
    after: Sequence[str],
    references: Sequence[str],
    metrics: Sequence[str],
    bootstrap: int = 1000,
    seed: int = 0,
    *,
    groups: Sequence[str] | None = None,
) -> Comparison:
    """Score the answers before and after tuning on the same resamples.

    Args:
        before: N answers of the untouched base, or None.
        after: N answers of the tuned model.
        references: N references.
        metrics: As in `weitiao.evaluate.score.score`.
        bootstrap: Resamples of every 95% interval.
        seed: Seed of the resamples.
        groups: [N] samples of one group are drawn together; None: every sample stands for itself.

    Raises:
        DataError: There is no sample.
        ValueError: An unknown metric, or lists of different lengths.
    """
    closed_set = find_closed_set(references)
    n = len(references)
    sides = {"after": measure(after, references, metrics, closed_set)}
    if before is not None:
        sides["before"] = measure(before, references, metrics, closed_set)
    every = [m for side in sides.values() for m in side]
    draws = iter(resample(every, resamples=bootstrap, seed=seed, groups=groups))
    values = {side: {k: v for m in ms for k, v in m.values().items()} for side, ms in sides.items()}
    drawn = {side: {k: v for _ in ms for k, v in next(draws).items()} for side, ms in sides.items()}
    estimates = {
        side: {name: estimate(value, drawn[side][name], n) for name, value in found.items()}
        for side, found in values.items()
    }
    difference = None
    if before is not None:
        difference = {
            name: estimate(value - values["before"][name], drawn["after"][name] - drawn["before"][name], n)
            for name, value in values["after"].items()
        }
    return Comparison(
        before=estimates.get("before"),
        after=estimates["after"],
        difference=difference,
        closed_set=closed_set,
        confusion=_confusion(before, after, references, closed_set, "accuracy" in values["after"]),
        notes=(*_notes(metrics, closed_set), *group_notes(groups)),
    )


def _confusion(
    before: Sequence[str] | None,
    after: Sequence[str],
    references: Sequence[str],
    closed_set: ClosedSet,
    measured: bool,
) -> dict[str, Any] | None:
    if not measured:
        return None
    sides = {"before": before, "after": after}
    return {
        side: describe_confusion(answers, references, closed_set.labels)
        for side, answers in sides.items()
        if answers is not None
    }


def _notes(metrics: Sequence[str], closed_set: ClosedSet) -> tuple[str, ...]:
    if "accuracy" not in metrics or closed_set:
        return ()
    return (
        "Label accuracy was asked for, but the references are no closed set of labels "
        f"({closed_set.reason}), so there is no number. {CLOSED_SET_RULE}",
    )
