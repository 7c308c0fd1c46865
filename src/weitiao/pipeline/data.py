"""``weitiao data prepare`` and ``check`` as functions; the other commands have theirs in `weitiao.data`."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from weitiao.config import Recipe, Source
from weitiao.data import load, prepare, save
from weitiao.data.augment.step import needs_base
from weitiao.data.check import Material, Options, check, material_of, material_of_dataset, material_of_files
from weitiao.data.check.page import render
from weitiao.data.check.writing import report_of, write
from weitiao.data.checked import with_checks
from weitiao.errors import ConfigError
from weitiao.recipe import Resolved, resolve
from weitiao.types import Dataset

_RECIPES = (".yaml", ".yml")


def prepare_data(
    recipe: str | Path | Recipe,
    *,
    out: str | Path | None = None,
    sets: Sequence[str] = (),
    progress: Callable[[str, int], None] | None = None,
) -> Dataset:
    """The data set of a recipe: read, built, repaired, fitted, split, its steps done; with its card.

    The base is loaded only where a step asks it to write.

    Args:
        recipe: A recipe file, or a recipe.
        out: Folder to write: ``train.jsonl``, ``dev.jsonl``, ``test.jsonl``, ``card.json`` and ``card.html``.
        sets: ``a.b=c`` over the values of the file.
        progress: Told the name of the stage and its number of rows, every thousand rows.

    Raises:
        ConfigError: The recipe is wrong.
        DataError: What is wrong with the files, all problems of all files in one error.
    """
    resolved = resolve(recipe, sets)
    generator = None
    if needs_base(resolved.value.data):
        from weitiao.pipeline.opening import recipe_writer

        generator = recipe_writer(resolved)
    dataset = prepare(resolved.value, root=resolved.root, generator=generator, progress=progress)
    if progress is not None:
        progress("check", 0)
    dataset = with_checks(dataset, resolved.value, root=resolved.root)
    if out is not None:
        save(dataset, Path(out), progress=progress)
    return dataset


def check_data(
    what: str | Path | Recipe | Sequence[str | Path],
    *,
    prompt: str | None = None,
    response: str | None = None,
    sheet: str | None = None,
    against: Sequence[str | Path] = (),
    options: Options | None = None,
    tokens: bool = False,
    after: bool = False,
    sets: Sequence[str] = (),
    out: str | Path | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> dict[str, Any]:
    """What is wrong with data; nothing is changed.

    Args:
        what: A recipe (or its file), the folder of a prepared data set, or files of records.
        prompt: Of files: column or template.
        response: Of files: column or template.
        sheet: Of files that are workbooks: the sheet, ``"*"`` for all; by default the first.
        against: Files whose prompts may not stand in the others.
        options: Names to take out of templates, allowed values of columns, a database for SQL targets.
        tokens: Of a recipe: count the tokens of the samples with its base, which is loaded.
        after: Of a recipe: check what its repairs and steps make of the rows, not the rows.
        sets: Of a recipe file: ``a.b=c`` over its values.
        out: Folder for ``check.json`` and ``check.html``.
        progress: Told the name of each check before it runs, its number from 0, and how many there are.

    Returns:
        What ``check.json`` holds: ``rows``, ``samples``, ``severities`` (findings by severity), ``findings`` (each with
        ``code``, ``severity``, ``count``, ``title``, ``rows``, ``why``, ``fix``), ...

    Raises:
        ConfigError: Arguments that do not go together, or a recipe that is wrong.
        DataError: Files that cannot be read, all of them in one error.
    """
    files = [what] if isinstance(what, str | Path | Recipe) else list(what)
    if not files:
        raise ConfigError("nothing to check", remedy="name a recipe, a folder or files")
    options = options or Options()
    if isinstance(files[0], Recipe) or Path(files[0]).suffix.lower() in _RECIPES:
        _only(files, {"prompt": prompt, "response": response, "sheet": sheet}, "a recipe")
        material = _of_recipe(resolve(files[0], sets), against, options, tokens=tokens, after=after)
    else:
        _recipes_only(sets, tokens, after)
        paths = [str(file) for file in files]
        beside = [str(file) for file in against]
        material = _of_files(paths, prompt, response, sheet, beside, options)
    report = report_of(material, check(material, progress=progress))
    if out is not None:
        named = ", ".join("a recipe" if isinstance(file, Recipe) else str(file) for file in files)
        write(report, render(report, title=f"Check of {named}"), Path(out))
    return report


def _of_recipe(
    resolved: Resolved[Recipe], against: Sequence[str | Path], options: Options, *, tokens: bool, after: bool
) -> Material:
    if tokens:
        from weitiao.pipeline.opening import token_counter

        count, limit = token_counter(resolved)
        options = dataclasses.replace(options, count_tokens=count, max_length=limit)
    recipe, root = resolved.value, resolved.root
    if after:
        if against:
            raise ConfigError(
                "`against` goes with files or a recipe, not with `after`", remedy="leave one of them out"
            )
        return material_of_dataset(prepare(recipe, root=root), options=options)
    extra = [Source(file=str(Path(file).resolve())) for file in against]
    return material_of(recipe.data, root=root, options=options, extra=extra, seed=recipe.seed)


def _of_files(
    files: Sequence[str],
    prompt: str | None,
    response: str | None,
    sheet: str | None,
    against: Sequence[str],
    options: Options,
) -> Material:
    """Bare files, or the folder of a prepared data set."""
    if not Path(files[0]).is_dir():
        return material_of_files(
            files,
            root=Path(),
            prompt=prompt,
            response=response,
            sheet=sheet,
            against=against,
            options=options,
        )
    _only(files, {"prompt": prompt, "response": response, "sheet": sheet}, "a prepared data set")
    if against:
        raise ConfigError(
            "`against` goes with files or a recipe, not with a prepared data set",
            remedy=f"name its files: {Path(files[0]) / 'train.jsonl'} ...",
        )
    return material_of_dataset(load(Path(files[0])), options=options)


def _only(files: Sequence[object], given: Mapping[str, str | None], what: str) -> None:
    if len(files) > 1 or any(value is not None for value in given.values()):
        raise ConfigError(
            f"{what} is checked alone: it says itself what its files, sheets, prompt and response are",
            remedy="leave out the other files, `prompt`, `response` and `sheet`"
            + ("; change values with `set`" if what == "a recipe" else ""),
        )


def _recipes_only(sets: Sequence[str], tokens: bool, after: bool) -> None:
    given = [name for name, on in (("set", sets), ("tokens", tokens), ("after", after)) if on]
    if given:
        named = ", ".join(f"`{name}`" for name in given)
        raise ConfigError(
            f"{named}: options that need a recipe, none is named", remedy="name a recipe (.yaml)"
        )
