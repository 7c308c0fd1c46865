"""``weitiao run --folds K``: a whole run for each fold, and one report over all of them.

Every row is tested exactly once, by the adapter that was trained without it (nor on its prompt, nor on its group).
"""

from __future__ import annotations

import contextlib
import gc
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from weitiao.config import Recipe
from weitiao.data import load as load_dataset
from weitiao.errors import TrainError, collect
from weitiao.evaluate import compare
from weitiao.evaluate.folds import SCHEMA_VERSION, fold_page, spread
from weitiao.pipeline.files import claim, versions, write_json, write_lines, write_text
from weitiao.pipeline.running import RunResult, run_one
from weitiao.recipe import Resolved, dump, load_recipe, values

_SIDES = ("before", "after", "difference")


def run_folds(
    resolved: Resolved[Recipe], out: Path, *, resume: bool = False, console: Console | None = None
) -> RunResult:
    """Train and measure once for each fold of ``data.split.folds``.

    Args:
        resolved: The recipe.
        out: Folder for all of them; must be empty or absent unless ``resume``.
        resume: Go on where it was interrupted; finished folds are not run again.
        console: For progress; None is silent.

    Returns:
        The report over all folds, and the folder with ``fold-1`` ... ``fold-K`` (each as of `weitiao.run`),
        ``predictions.jsonl`` (every row once, with its fold), ``report.json`` and ``report.html``.

    Raises:
        WeitiaoError: What is wrong and what to do.
    """
    recipe = resolved.value
    folds = recipe.data.split.folds
    assert folds is not None
    claim(out, resume=resume)
    _begin(out, recipe)
    said: dict[str, None] = {}
    for fold in range(1, folds + 1):
        where = out / f"fold-{fold}"
        is_begun = where.is_dir() and any(where.iterdir())
        if is_begun and (where / "report.json").is_file():
            _say(console, f"fold {fold} of {folds}: done before")
            continue
        _say(console, f"fold {fold} of {folds}")
        with _tidy(out, is_first=fold == 1 and not resume):
            result = run_one(
                replace(resolved, value=of_fold(recipe, fold)), where, resume=is_begun, console=console
            )
        _same_content(out, fold)  # now, not after the others have been trained too
        said.update(dict.fromkeys(result.said))
        del result
        gc.collect()  # the base of this fold, before that of the next is loaded
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
    return RunResult(_finish(out, recipe, folds), out, tuple(said))


def of_fold(recipe: Recipe, fold: int) -> Recipe:
    """The recipe of the run of one fold, from 1."""
    split = recipe.data.split.model_copy(update={"fold": fold})
    return recipe.model_copy(update={"data": recipe.data.model_copy(update={"split": split})})


def _say(console: Console | None, text: str) -> None:
    if console is not None:
        console.print(text, style="bold", markup=False, highlight=False)


def _begin(out: Path, recipe: Recipe) -> None:
    """Write the recipe down, or hold it against the one that the folds were begun with.

    Raises:
        TrainError: It is another one, or the folder holds a single run.
    """
    file = out / "recipe.yaml"
    if not file.is_file():
        write_text(file, dump(recipe))
        return
    begun = dict(values(load_recipe(file).value))
    now = dict(values(recipe))
    changed = [
        f"{'.'.join(map(str, keys))}: {begun.get(keys)!r} then, {now.get(keys)!r} now"
        for keys in dict.fromkeys([*begun, *now])
        if begun.get(keys) != now.get(keys)
    ]
    if changed:
        raise TrainError(
            collect(changed, what=f"{out} was begun with another recipe"),
            remedy="give the same recipe, --set and --folds as then, or choose another --out",
        )


@contextlib.contextmanager
def _tidy(out: Path, *, is_first: bool) -> Iterator[None]:
    """Leave no folder behind where the first fold was refused before it wrote anything."""
    try:
        yield
    except Exception:
        if is_first and not (out / "fold-1").exists():
            (out / "recipe.yaml").unlink(missing_ok=True)
            with contextlib.suppress(OSError):
                out.rmdir()
        raise


def _finish(out: Path, recipe: Recipe, folds: int) -> dict[str, Any]:
    """Join what the folds have said; ``report.json`` comes last, so that it marks a finished whole."""
    reports = {n: _json(out / f"fold-{n}" / "report.json") for n in range(1, folds + 1)}
    content = _same_content(out, folds)
    rows = [{"fold": n, **row} for n in reports for row in _lines(out / f"fold-{n}" / "predictions.jsonl")]
    evaluate = recipe.evaluate
    befores = [row["before"]["text"] for row in rows if row["before"] is not None]
    comparison = compare(
        befores if len(befores) == len(rows) else None,
        [row["after"]["text"] for row in rows],
        [row["reference"] or "" for row in rows],
        evaluate.metrics,
        evaluate.bootstrap,
        recipe.seed,
        groups=[group for n in reports for group in _groups(out / f"fold-{n}")],
    )
    measured = comparison.as_report()
    first = reports[1]
    report = {
        "schema_version": SCHEMA_VERSION,
        "kind": "folds",
        "name": recipe.name,
        **measured,
        "spread": spread([report["metrics"] for report in reports.values()]),
        "notes": [*notes_of(recipe, folds), *measured["notes"]],
        "folds": [_fold_entry(n, report) for n, report in reports.items()],
        "method": first["method"],
        "base": first["base"],
        "data": {
            "content": content,
            "rows": sum(r["data"]["test"] for r in reports.values()),
            "predicted": len(rows),
        },
        "versions": versions(),
        "seed": recipe.seed,
    }
    write_lines(out / "predictions.jsonl", rows)
    write_text(out / "report.html", fold_page(report, recipe_yaml=dump(recipe)))
    write_json(out / "report.json", report)
    return report


def _fold_entry(fold: int, report: Mapping[str, Any]) -> dict[str, Any]:
    metrics = {
        side: {
            name: estimate["value"]
            for name, estimate in (report["metrics"][side] or {}).get("test", {}).items()
        }
        for side in _SIDES
        if report["metrics"][side] is not None
    }
    data, train = report["data"], report["train"]
    return {
        "fold": fold,
        "report": f"fold-{fold}/report.html",
        **{part: data[part] for part in ("train", "dev", "test")},
        "seconds": train["seconds"],
        "steps": train["steps"],
        "metrics": metrics,
    }


def notes_of(recipe: Recipe, folds: int) -> list[str]:
    """What the report says about how the folds were made.

    Args:
        recipe: Of all folds.
        folds: How many.
    """
    split, limit = recipe.data.split, recipe.evaluate.limit
    tested = (
        "was tested once, by the adapter of its fold" if limit is None else "is in the test part of one fold"
    )
    notes = [
        f"Every row {tested}, so the test share of data.split ({split.test:g}) was not used; "
        f"of the rows that were not tested the share {split.dev:g} was the dev part.",
        f"These {folds} adapters are for measuring. The one to use is trained by a run without folds.",
    ]
    if limit is not None:
        notes.append(
            f"evaluate.limit: at most {limit} rows of each fold were tested, drawn by the seed; the others have no "
            "prediction."
        )
    if recipe.evaluate.robustness is not None:
        notes.append(
            "evaluate.robustness: each fold has its own curve, in its report (fold-1/report.html to "
            f"fold-{folds}/report.html)."
        )
    return notes


def _same_content(out: Path, folds: int) -> str:
    """What all folds were dealt from.

    Raises:
        TrainError: The data have changed between two of them.
    """
    found: dict[str, list[int]] = {}
    for fold in range(1, folds + 1):
        card = _json(out / f"fold-{fold}" / "dataset" / "card.json")
        content = next((step["content"] for step in card["steps"] if step["name"] == "split"), "")
        found.setdefault(content, []).append(fold)
    if len(found) > 1:
        groups = " and ".join(", ".join(map(str, numbers)) for numbers in found.values())
        fewest = ", ".join(f"fold-{n}" for n in min(found.values(), key=len))
        raise TrainError(
            f"{out}: the data have changed between the folds: {groups} were made from different rows",
            remedy=f"delete {fewest} (or those made from the older rows), then run again with --resume",
        )
    return next(iter(found))


def _groups(fold: Path) -> list[str]:
    """Group of each row that a fold has predicted."""
    group_of = {example.id: example.group for example in load_dataset(fold / "dataset").test}
    return [group_of[row["id"]] for row in _lines(fold / "predictions.jsonl")]


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise TrainError(
            f"{path} cannot be read: {error}", remedy=f"delete {path.parent}, then run again with --resume"
        ) from error


def _lines(path: Path) -> Sequence[dict[str, Any]]:
    # Not `splitlines`: a text may hold other line breaks (U+2028), which JSON leaves as they are.
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]
