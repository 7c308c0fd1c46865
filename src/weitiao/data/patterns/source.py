"""A file of patterns as a source of records: the shipped ones by name, others by path."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from weitiao.config import Source
from weitiao.data.patterns.expand import expand
from weitiao.data.patterns.plan import Plan, load_plan
from weitiao.data.problems import Problems, nearest
from weitiao.data.read import Reading
from weitiao.data.read_json import Row
from weitiao.errors import DataError

FOLDER = Path(__file__).with_name("library")


def expand_patterns(
    patterns: str | Path, count: int | None = None, seed: int = 0
) -> Iterator[dict[str, Any]]:
    """Labelled samples drawn from patterns, none of them twice.

    Args:
        patterns: A YAML file, or the name of a shipped one: ``power_grid``.
        count: In all; None: the counts of the classes.
        seed: Of the draw.

    Raises:
        ConfigError: The file is wrong, or the counts do not fit together.
        DataError: There is no such file, or it has not so many different samples.
    """
    plan = load_plan(find_patterns(str(patterns), Path()), name=str(patterns))
    return (sample.as_dict() for sample in expand(plan, count, seed))


class PatternReading(Reading):
    """Records drawn from patterns; everything else as with a file.

    Attributes:
        plan: The file.
    """

    def __init__(self, source: Source, plan: Plan) -> None:
        self.plan = plan
        super().__init__(source, plan.path, "utf-8")

    def _rows(self, problems: Problems) -> Iterator[Row]:
        del problems  # a file of patterns is right as a whole or not read at all
        samples = expand(self.plan, self.source.count, self.source.seed or 0)
        for number, sample in enumerate(samples, start=1):
            yield number, sample.as_dict()


def read_patterns(source: Source, *, root: Path) -> PatternReading:
    """Records of a source with `patterns`.

    Args:
        source: Names the file, the count and the seed.
        root: Folder of the recipe.

    Raises:
        DataError: There is no such file.
        ConfigError: The file is wrong.
    """
    name = source.patterns or ""
    plan = load_plan(find_patterns(name, root), name=name)
    return PatternReading(source.model_copy(update={"file": name}), plan)


def find_patterns(name: str, root: Path) -> Path:
    """The file of patterns with this path, or the shipped one of this name.

    Raises:
        DataError: There is none.
    """
    path = root / Path(name).expanduser()
    if path.is_file():
        return path
    shipped = {file.stem: file for file in sorted(FOLDER.glob("*.yaml"))}
    if name in shipped:
        return shipped[name]
    raise DataError(
        f"{name}: no such file of patterns{nearest(name, shipped)}",
        remedy=f"paths are relative to the recipe's folder; shipped: {', '.join(shipped)}",
    )
