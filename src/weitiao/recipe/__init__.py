"""Reading a recipe: defaults < the file < ``--set a.b=c``, with the origin of every value.

Example:
    >>> resolved = load_recipe("my.yaml", ["train.epochs=2"])  # doctest: +SKIP
    >>> resolved.value.train.epochs, resolved.origins["train.epochs"]  # doctest: +SKIP
    (2.0, "--set")
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import BaseModel

from weitiao.config import Recipe
from weitiao.recipe.assign import assign
from weitiao.recipe.check import check
from weitiao.recipe.source import Keys, Tree, complain, dotted, read, write

T = TypeVar("T", bound=BaseModel)

__all__ = ["Resolved", "dump", "load_recipe", "resolve"]


@dataclass(frozen=True)
class Resolved(Generic[T]):
    """A checked recipe.

    Attributes:
        value: The recipe.
        origins: For every value by its dotted path: ``default``, ``my.yaml:12`` or ``--set``.
        root: Folder of the recipe; its relative paths start here.
        path: The file.
    """

    value: T
    origins: Mapping[str, str]
    root: Path
    path: Path


def load_recipe(path: Path | str, sets: Sequence[str] = (), model: type[T] = Recipe) -> Resolved[T]:  # type: ignore[assignment]
    """Read a recipe file, put the ``--set`` values over it, and check it.

    Args:
        path: YAML or JSON file in UTF-8.
        sets: Texts of the form ``a.b=c``; the value is YAML, entries of lists go by index.
        model: What the file holds.

    Returns:
        The recipe and where each of its values comes from.

    Raises:
        ConfigError: The file cannot be read, or there are problems; all of them are listed, each with its
            dotted path, its line, what was expected and what came.
    """
    path = Path(path)
    tree = read(path)
    assign(tree, sets, model)
    problems = [*tree.problems, *check(tree, model)]
    if problems:
        raise complain(path.name, problems)
    value = model.model_validate(tree.data)
    origins = {dotted(keys): _origin(keys, tree) for keys, _ in values(value)}
    return Resolved(value, origins, path.absolute().parent, path)


def dump(model: BaseModel) -> str:
    """The YAML text of a recipe, every value written out; `load_recipe` reads an equal recipe from it."""
    return write(model.model_dump(mode="json"))


def values(model: BaseModel, above: Keys = ()) -> Iterator[tuple[Keys, Any]]:
    """Every single value of a recipe with its path; lists of plain values count as one."""
    for name in type(model).model_fields:
        keys, value = (*above, name), getattr(model, name)
        sections = list(enumerate(value)) if isinstance(value, tuple) else []
        if isinstance(value, BaseModel):
            yield from values(value, keys)
        elif sections and all(isinstance(section, BaseModel) for _, section in sections):
            for index, section in sections:
                yield from values(section, (*keys, index))
        else:
            yield keys, value


def _origin(keys: Keys, tree: Tree) -> str:
    if keys in tree.marks:
        return tree.marks[keys]
    return next((mark for at, mark in tree.marks.items() if at[: len(keys)] == keys), "default")


def resolve(
    recipe: str | Path | Recipe, sets: Sequence[str] = (), *, folds: int | None = None
) -> Resolved[Recipe]:
    """A recipe file with its ``--set`` values, or a recipe made in Python (paths from the current folder).

    ``folds`` goes over ``data.split.folds`` of either.
    """
    if not isinstance(recipe, Recipe):
        return load_recipe(
            Path(recipe), (*sets, *([f"data.split.folds={folds}"] if folds is not None else []))
        )
    if sets:
        raise ValueError("`sets` go with a recipe file; change a Recipe with model_copy(update=...)")
    if folds is not None:
        plain = recipe.model_dump()
        plain["data"]["split"]["folds"] = folds
        recipe = Recipe.model_validate(plain)
    return Resolved(recipe, {}, Path.cwd(), Path("recipe.yaml"))
