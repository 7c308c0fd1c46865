"""One entry of a recipe that names several: ``file: data/*.xlsx``, ``sheet: "*"``, written out as one source each."""

from __future__ import annotations

import glob
from collections.abc import Iterable
from pathlib import Path

from weitiao.config import DataConfig, Source
from weitiao.data.problems import combined
from weitiao.data.read_xlsx import sheet_headers
from weitiao.errors import DataError

ALL_SHEETS = "*"
_WILD = frozenset("*?[")
_LOCK = "~$"  # what a spreadsheet program writes beside a workbook that is open


def expand_data(data: DataConfig, root: Path) -> DataConfig:
    """The section with each source that names several written out.

    Args:
        data: The section.
        root: Folder of the recipe.

    Raises:
        DataError: Patterns that fit nothing, and workbooks whose sheets differ; all in one error.
    """
    errors: list[DataError] = []
    written: dict[str, tuple[Source, ...]] = {}
    for part in ("sources", "train", "dev", "test"):
        sources: list[Source] = []
        for source in getattr(data, part):
            try:
                sources += expand(source, root)
            except DataError as error:
                errors.append(error)
        written[part] = tuple(sources)
    if errors:
        raise combined(errors)
    changed = {part: sources for part, sources in written.items() if sources != getattr(data, part)}
    return data.model_copy(update=changed) if changed else data


def seeded(data: DataConfig, seed: int) -> DataConfig:
    """The section with a seed for every draw from patterns that has none of its own."""
    drawn = {
        name: tuple(
            source.model_copy(update={"seed": seed}) if source.patterns and source.seed is None else source
            for source in getattr(data, name)
        )
        for name in ("sources", "train", "dev", "test")
    }
    return data.model_copy(update=drawn)


def expand(source: Source, root: Path) -> list[Source]:
    """The sources that one entry stands for: files in the order of their names, sheets as the workbook has them.

    Args:
        source: The entry.
        root: Folder of the recipe.

    Raises:
        DataError: No file fits, or the sheets of a workbook have different columns.
    """
    named = [source.model_copy(update={"file": file}) for file in _files(source.file, root)]
    if source.sheet != ALL_SHEETS:
        return named
    return [one for entry in named for one in _sheets(entry, root)]


def is_pattern(file: str, root: Path) -> bool:
    """Whether a name stands for several files: it has ``*``, ``?`` or ``[``, and there is no file of that name."""
    return bool(_WILD & set(file)) and not (root / Path(file).expanduser()).exists()


def _files(file: str, root: Path) -> Iterable[str]:
    if not file or not is_pattern(file, root):
        return [file]
    pattern = str(Path(file).expanduser())
    fitting = sorted(
        name
        for name in glob.glob(pattern, root_dir=root, recursive=True)
        if (root / name).is_file() and not Path(name).name.startswith(_LOCK)
    )
    if not fitting:
        folder = (root / pattern).parent
        there = sorted(p.name for p in folder.iterdir() if p.is_file())[:10] if folder.is_dir() else []
        raise DataError(
            f"{file}: no file fits this pattern"
            + (f"; in its folder are {', '.join(there)}" if there else ""),
            remedy="paths are relative to the recipe's folder; `**` stands for any folders in between",
        )
    return [Path(name).as_posix() for name in fitting]


def _sheets(source: Source, root: Path) -> list[Source]:
    """One source for each sheet that holds something; all have the same columns."""
    path = root / Path(source.file).expanduser()
    if path.suffix.lower() not in (".xlsx", ".xlsm") or not path.is_file():
        return [source]  # reading it says what is wrong
    headers = sheet_headers(path, source.file, source.header_rows)
    if not headers:
        raise DataError(
            f"{source.file}: no sheet holds anything", remedy="name another file, or save this one again"
        )
    first = next(iter(headers))
    others = {title: _difference(headers[first], columns) for title, columns in headers.items()}
    wrong = [f'  sheet "{title}" {how}' for title, how in others.items() if how]
    if wrong:
        listed = ", ".join(headers[first])
        raise DataError(
            f'{source.file}: with `sheet: "*"` all sheets need the same columns; '
            f'sheet "{first}" has {listed}\n' + "\n".join(wrong),
            remedy="name each sheet as a source of its own, with its own `prompt`, `response` and `header`",
        )
    return [source.model_copy(update={"sheet": title}) for title in headers]


def _difference(expected: list[str], columns: list[str]) -> str:
    lacking = [name for name in expected if name not in columns]
    more = [name for name in columns if name not in expected]
    words = [f"lacks {', '.join(lacking)}"] if lacking else []
    words += [f"has {', '.join(more)} instead" if lacking else f"also has {', '.join(more)}"] if more else []
    return " and ".join(words)
