"""The data set that a user names: its folder, the run it belongs to, or a recipe."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from weitiao.data.stages import prepare
from weitiao.data.store import CARD, load
from weitiao.errors import DataError
from weitiao.recipe import load_recipe
from weitiao.types import Dataset


def find_dataset(path: str | Path, sets: Sequence[str] = ()) -> Dataset:
    """The data set behind a path.

    Args:
        path: Folder of a data set, folder of a run (its ``dataset``), or a recipe, which is prepared.
        sets: ``a.b=value``, for recipes.

    Raises:
        DataError: There is none, or ``sets`` are given with a folder.
        ConfigError: The recipe is wrong.
    """
    path = Path(path)
    if not path.is_dir():
        if not path.exists():
            raise DataError(
                f"{path}: no such file or folder",
                remedy="name a recipe, a folder made by `weitiao data prepare`, or a run's folder",
            )
        resolved = load_recipe(path, tuple(sets))
        return prepare(resolved.value, root=resolved.root)
    if sets:
        raise DataError(f"{path}: --set is for recipes, this is a folder", remedy="leave --set out")
    for folder in (path, path / "dataset"):
        if (folder / CARD).is_file():
            return load(folder)
    raise DataError(
        f"{path}: neither a data set nor a run: no {CARD} and no dataset/{CARD}",
        remedy="name a folder made by `weitiao data prepare` or `weitiao run`, or a recipe",
    )
