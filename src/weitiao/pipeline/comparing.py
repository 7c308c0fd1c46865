"""``weitiao robustness``: finished runs on the same damaged test prompts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from rich.console import Console

from weitiao.chat import Absorbed
from weitiao.config import Recipe, RobustnessConfig
from weitiao.data import dataset_hash, prepare
from weitiao.errors import ConfigError, DataError
from weitiao.evaluate.robustness_page import render
from weitiao.infer.loaded import Loaded
from weitiao.models.load import Base
from weitiao.pipeline.answering import draw, reference_texts
from weitiao.pipeline.files import claim, versions, write_json, write_lines, write_text
from weitiao.pipeline.measuring import trained_on
from weitiao.pipeline.opening import fitter_of
from weitiao.pipeline.robustness import (
    DamagedTest,
    adapter_folder,
    check_metric,
    check_room,
    contender,
    damaged_tests,
    for_the_test,
    measure_robustness,
    open_shared,
    run_name,
)
from weitiao.recipe import Resolved, resolve
from weitiao.tuning.adapter import read_config
from weitiao.types import Dataset, Example

_SHOWN = 12


def compare_robustness(
    runs: Sequence[str | Path],
    recipe: str | Path | Recipe,
    *,
    out: str | Path | None = None,
    sets: Sequence[str] = (),
    cer: Sequence[float] | None = None,
    column: str | None = None,
    metric: str | None = None,
    limit: int | None = None,
    base: str | None = None,
    console: Console | None = None,
) -> dict[str, Any]:
    """Measure finished runs on the test of a recipe, damaged as speech recognition does.

    Args:
        runs: Run or adapter folders; the differences are those of the first to each other one. Adapters of one base
            share it.
        recipe: Whose test part; ``evaluate.robustness`` says what is done to it, where the recipe has it.
        out: Empty folder for ``robustness.json``, ``robustness.html`` and ``robustness.jsonl`` (all answers).
        sets: ``a.b=c`` over the values of the recipe.
        cer: Error rates instead of those of the recipe.
        column: Column that is damaged, instead of that of the recipe.
        metric: That is drawn, instead of that of the recipe.
        limit: At most so many test samples, instead of that of the recipe.
        base: Folder or Hub id of the base; default: where it was in training.
        console: For progress; None is silent.

    Returns:
        ``name``, ``robustness`` (see `weitiao.evaluate.robustness.curves`), ``runs``, ``notes``, ``facts`` and
        ``versions``.

    Raises:
        WeitiaoError: What is wrong with runs, recipe or data; nothing is written then.
    """
    resolved = resolve(recipe, sets)
    whole = resolved.value
    config = _section(whole.evaluate.robustness, cer=cer, column=column, metric=metric, limit=limit)
    folders = _folders(runs)
    bases: list[Base] = []
    opened = {name: open_shared(folder, bases, base) for name, folder in folders.items()}
    contenders = [contender(loaded, name) for name, loaded in opened.items()]
    tests, test = _tests(resolved, config, next(iter(opened.values())))
    check_metric(config, reference_texts(contenders[0].format, tests[0].examples), "metric")
    for who in contenders:
        check_room(who.tuned.model, who.format, tests, who.decode.max_new_tokens, who.tuned.prefix_length)
    if out is not None:
        claim(Path(out), resume=None)
    section, rows = measure_robustness(
        contenders,
        tests,
        config,
        metrics=whole.evaluate.metrics,
        bootstrap=whole.evaluate.bootstrap,
        seed=whole.seed,
        console=console,
    )
    report = {
        "name": " / ".join(folders),
        "robustness": section,
        **_sources(folders, tests[0].originals),
        "facts": {
            "recipe": whole.name,
            "test_samples": section["n"],
            "test_sha256": test,
            "seed": whole.seed,
            "bootstrap": whole.evaluate.bootstrap,
            "damage": section["damage"],
        },
        "versions": versions(),
    }
    if out is not None:
        _write(Path(out), report, rows, config.cer[-1])
    return report


def _section(config: RobustnessConfig | None, **given: Any) -> RobustnessConfig:
    """The section of the recipe, or the default, with what was named on the command line.

    Raises:
        ConfigError: A value is wrong.
    """
    known = (config or RobustnessConfig()).model_dump()
    named = {key: value for key, value in given.items() if value is not None}
    try:
        return RobustnessConfig.model_validate({**known, **named, "against": None})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ConfigError(
            f"{where}: {first['msg']}, got {first['input']!r}",
            remedy="rates are between 0 and 0.5 and rise, e.g. --cer 0,0.05,0.1,0.2",
        ) from error


def _folders(runs: Sequence[str | Path]) -> dict[str, Path]:
    """Adapter folders by the name of their run; by their path where two runs have the same name.

    Raises:
        ConfigError: No run, or one that is named twice.
    """
    if not runs:
        raise ConfigError("no run to measure", remedy="name the folder of at least one run")
    found = [adapter_folder(run) for run in runs]
    where = [folder.resolve() for folder in found]
    twice = [str(run) for k, run in enumerate(runs) if where[k] in where[:k]]
    if twice:
        raise ConfigError(f"{twice[0]} is named twice", remedy="name each run once")
    names = [run_name(folder) for folder in found]
    return {
        name if names.count(name) == 1 else str(run): folder
        for name, run, folder in zip(names, runs, found, strict=True)
    }


def _tests(
    resolved: Resolved[Recipe], config: RobustnessConfig, first: Loaded
) -> tuple[list[DamagedTest], str]:
    """The test part at each rate, its lengths counted as the first model counts them, and the hash of the part."""
    recipe = resolved.value
    plain = first.format.inner if isinstance(first.format, Absorbed) else first.format
    fitter = fitter_of(recipe, first.base, plain)
    test = prepare(for_the_test(recipe), root=resolved.root, fitter=fitter).test
    if not test:
        raise DataError("the recipe has no test part", remedy="raise data.split.test, or name data.test")
    examples = draw(test, config.limit, recipe.seed)
    return damaged_tests(recipe, resolved.root, examples, config, fitter), dataset_hash(
        Dataset((), (), test, {})
    )


def _sources(folders: Mapping[str, Path], examples: Sequence[Example]) -> dict[str, Any]:
    """Which adapters these are, and which of them was trained on some of the examples."""
    notes = [f"{name}: {note}" for name, folder in folders.items() for note in trained_on(folder, examples)]
    return {"runs": {name: _origin(folder) for name, folder in folders.items()}, "notes": notes}


def _origin(folder: Path) -> dict[str, Any]:
    """Which adapter it is."""
    config = read_config(folder)
    return {
        "adapter": str(folder),
        "base": config["base"]["path"],
        "method": config["method"],
        "data_sha256": config.get("data", {}).get("sha256"),
        "seed": config.get("seed"),
    }


def _write(out: Path, report: dict[str, Any], rows: list[dict[str, Any]], last: float) -> None:
    """The report last, so that it marks a finished comparison."""
    write_lines(out / "robustness.jsonl", rows)
    write_text(out / "robustness.html", render(report, _shown(rows, last)))
    write_json(out / "robustness.json", report)


def _shown(rows: Sequence[dict[str, Any]], last: float) -> list[dict[str, Any]]:
    """Some prompts of the last rate that not every model answers rightly, without the lines that all begin with."""
    lines = [row["prompt"].split("\n") for row in rows]
    same = sum(1 for _ in takewhile(lambda found: len(set(found)) == 1, zip(*lines, strict=False)))

    def own(prompt: str) -> str:
        return "\n".join(prompt.split("\n")[same:]) or prompt

    return [
        {**row, "clean": own(row["original"]), "heard": own(row["prompt"])}
        for row in rows
        if row["cer"] == last
        and any(said.strip() != row["reference"].strip() for said in row["answers"].values())
    ][:_SHOWN]
