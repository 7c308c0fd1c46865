"""``weitiao data suspects``: what a run says about the labels it was trained on."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError

from weitiao.config import Recipe
from weitiao.data import load as load_dataset
from weitiao.errors import DataError
from weitiao.evaluate.suspects import By, HeldOut, Suspects, complete_passes, find_suspects
from weitiao.evaluate.suspects.page import render
from weitiao.pipeline.files import write_lines, write_text
from weitiao.pipeline.origins import changed_since
from weitiao.recipe import load_recipe
from weitiao.train import checkpoint
from weitiao.train.losses import LOSSES, SampleLosses
from weitiao.train.sampler import EpochSampler
from weitiao.types import Example

FOLDER = "suspects"
_COLUMNS = (
    "rank",
    "group",
    "where",
    "prompt",
    "answer",
    "suspicion",
    "confidence",
    "variability",
    "late_loss",
    "answers of the nearest rows",
    "answer of the adapter not trained on it",
    "its confidence in the given answer",
)


def suspects(run: str | Path, *, limit: int = 50, by: By = "suspicion") -> Suspects:
    """The training rows of a run that are probably labelled wrongly, most suspicious first.

    Args:
        run: Folder of a run; one that is still training or was interrupted counts up to its last checkpoint. Of a
            run over folds every row is listed, by the mean over the finished folds that were trained on it.
        limit: At most so many.
        by: Order, see `weitiao.evaluate.suspects.Dynamics.order`.

    Raises:
        DataError: The folder holds no run, or one without recorded losses.
    """
    folder = Path(run)
    if not (folder / "recipe.yaml").is_file():
        raise DataError(
            f"{folder}: no run: there is no recipe.yaml in it",
            remedy="name the --out folder of `weitiao run`",
        )
    recipe = load_recipe(folder / "recipe.yaml").value
    folds = sorted(path for path in folder.glob("fold-*") if path.is_dir())
    if not folds:
        found = suspects_of(*_trained_on(folder), recipe, limit=limit, by=by)
        return replace(found, notes=(*_unfinished(folder), *changed_since(folder)))
    used, notes = _usable(folds, recipe.data.split.folds or len(folds))
    table = _over_folds([_trained_on(fold) for fold in used])
    held_out = {name: said for fold in used for name, said in _held_out(fold)}
    found = find_suspects(table.rows, table.losses, limit=limit, by=by, held_out=held_out)
    return replace(found, notes=(*notes, *table.notes(used), *changed_since(used[0])))


def _unfinished(run: Path) -> list[str]:
    """What is to be said of a run that goes on, or was interrupted."""
    if (run / LOSSES).is_file():
        return []
    last = checkpoint.newest(run / "checkpoints")
    return [f"{run} has not finished: this is what {last.name if last else 'it'} knows"]


def _usable(begun: Sequence[Path], wanted: int) -> tuple[list[Path], list[str]]:
    """The folds that can be told beside each other, and what is to be said of the others.

    A row that one fold has trained on once looks wrong beside rows that another has trained on ten times. So a fold
    that has not finished counts only where none has.
    """
    done = [fold for fold in begun if (fold / LOSSES).is_file()]
    if not done:
        first = next(
            (fold for fold in begun if checkpoint.newest(fold / "checkpoints") is not None), begun[0]
        )
        done = [first]
    if len(done) == wanted:
        return done, []
    notes = [
        f"{len(done)} of {wanted} folds {'is' if len(done) == 1 else 'are'} counted: rows that only the others train "
        "on are missing"
    ]
    left = [fold.name for fold in begun if fold not in done]
    if left:
        notes.append(f"{', '.join(left)} {'has' if len(left) == 1 else 'have'} not finished and is left out")
    return done, [*notes, *(_unfinished(done[0]) if len(done) == 1 else [])]


def _trained_on(folder: Path) -> tuple[Sequence[Example], SampleLosses]:
    """The training part of a run and its losses."""
    losses = _losses(folder)
    examples = load_dataset(folder / "dataset").train
    if losses.mean.shape[1] != len(examples):
        raise DataError(
            f"{folder}: losses of {losses.mean.shape[1]:,} samples, but {len(examples):,} rows in "
            "dataset/train.jsonl",
            remedy="the folder was changed after the run: run it again",
        )
    return examples, losses


@dataclass(frozen=True)
class _Table:
    """Rows of several folds.

    Attributes:
        rows: [N] all rows, each once.
        losses: [V, N] the mean over the folds that were trained on a row.
        passes: Passes of each fold, of which the fewest are in the table.
    """

    rows: list[Example]
    losses: NDArray[np.float32]
    passes: list[int]

    def notes(self, folds: Sequence[Path]) -> list[str]:
        fewest = min(self.passes)
        if max(self.passes) == fewest:
            return []
        stopped = [fold.name for fold, passes in zip(folds, self.passes, strict=True) if passes == fewest]
        return [
            f"only the first {fewest} passes count, so that all rows have as many: {', '.join(stopped)} stopped there"
        ]


def _over_folds(folds: Sequence[tuple[Sequence[Example], SampleLosses]]) -> _Table:
    """All rows with their losses; passes that some folds have not made are left out of all of them."""
    whole = [complete_passes(losses.mean.numpy()) for _, losses in folds]
    passes = [len(mean) for mean in whole]
    samples: dict[str, list[NDArray[np.float32]]] = {}
    rows: dict[str, Example] = {}
    for (examples, _), mean in zip(folds, whole, strict=True):
        for number, example in enumerate(examples):
            rows.setdefault(example.id, example)
            samples.setdefault(example.id, []).append(mean[: min(passes), number])
    table = np.stack([_mean_known(np.stack(known)) for known in samples.values()], axis=1)
    return _Table(list(rows.values()), table, passes)


def _held_out(fold: Path) -> Iterator[tuple[str, HeldOut]]:
    """What a fold answered to the rows that it tested, by their ids; nothing where it has not got so far."""
    file = fold / "predictions.jsonl"
    if not file.is_file():
        return
    for line in file.read_text(encoding="utf-8").split("\n"):
        if line:
            row = json.loads(line)
            of_given = row["reference_logprob"]["after"]
            yield row["id"], HeldOut(row["after"]["text"], math.exp(of_given["mean"]))


def _mean_known(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """[V] mean over the first axis of what is no NaN; NaN where all of it is."""
    known = ~np.isnan(values)
    count = known.sum(axis=0)
    total = np.where(known, values, 0).sum(axis=0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan).astype(np.float32)


def suspects_of(
    examples: Sequence[Example],
    losses: SampleLosses,
    recipe: Recipe,
    *,
    limit: int,
    by: By = "suspicion",
) -> Suspects:
    """The suspects of a training part with its losses.

    Args:
        examples: [N] training part.
        losses: Of these samples.
        recipe: Of the run: it decides the order of the samples and how many make a step.
        limit: At most so many.
        by: Order.
    """
    mean = losses.mean.numpy()
    sampler = EpochSampler(len(examples), recipe.seed)
    orders = []
    for visit in range(len(mean)):
        sampler.set_epoch(visit)
        orders.append(list(sampler))
    return find_suspects(
        examples,
        mean,
        limit=limit,
        by=by,
        targets=losses.targets.numpy(),
        orders=orders,
        batch_size=recipe.train.batch_size,
    )


def _losses(folder: Path) -> SampleLosses:
    """The losses of a finished run, else those of its last checkpoint."""
    last = checkpoint.newest(folder / "checkpoints")
    places = [folder / LOSSES, *([last / LOSSES] if last is not None else [])]
    place = next((path for path in places if path.is_file()), None)
    if place is None:
        raise DataError(
            f"{folder}: no {LOSSES}: the run has not reached its first checkpoint, or an earlier version made it",
            remedy="wait for the first checkpoint, or run it again",
        )
    try:
        return SampleLosses.load(place)
    except (OSError, SafetensorError, KeyError) as error:
        raise DataError(f"{place} cannot be read: {error}", remedy="run it again") from error


def write_suspects(found: Suspects, out: Path, *, title: str) -> tuple[Path, ...]:
    """Write ``suspects.jsonl``, ``suspects.csv`` (for a spreadsheet) and ``suspects.html``.

    Args:
        found: The suspects.
        out: Folder; made if need be.
        title: Of the page.

    Raises:
        TrainError: They cannot be written.
    """
    paths = tuple(out / f"suspects.{kind}" for kind in ("html", "csv", "jsonl"))
    write_text(paths[0], render(found, title=title))
    write_text(paths[1], _table(found))
    write_lines(paths[2], [suspect.as_dict() for suspect in found.found])
    return paths


def _table(found: Suspects) -> str:
    """Comma-separated values with a byte order mark, which spreadsheets need to see UTF-8."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(_COLUMNS)
    for s in found.found:
        numbers = [f"{value:.4f}" for value in (s.suspicion, s.confidence, s.variability, s.late_loss)]
        answers = " | ".join(near.row.answer for near in s.neighbours)
        row: list[Any] = [
            s.rank,
            s.group,
            "; ".join(s.row.origins),
            s.row.prompt,
            s.row.answer,
            *numbers,
            answers,
            *((s.held_out.answer, f"{s.held_out.confidence:.4f}") if s.held_out else ("", "")),
        ]
        writer.writerow([_plain(value) for value in row])
    return "\ufeff" + text.getvalue()


def _plain(value: Any) -> Any:
    """Text that a spreadsheet would compute is quoted."""
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value


def summary(found: Suspects, count: int = 10) -> dict[str, Any]:
    """What ``report.json`` holds: the first few, without their neighbours."""
    first = [suspect.as_dict() for suspect in found.found[:count]]
    return {
        "rows": len(found.rows),
        "passes": found.passes,
        "by": found.by,
        "first": [{k: v for k, v in suspect.items() if k != "neighbours"} for suspect in first],
        "spikes": [
            {"step": spike.step.number, "loss": round(spike.step.loss, 4), "expected": round(spike.usual, 4)}
            for spike in found.spikes
        ],
    }
