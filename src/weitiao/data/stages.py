"""All stages of the data room in order: read, build, fit, split, card."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weitiao.config import DataConfig, Recipe, Source
from weitiao.data import card as cards
from weitiao.data.build import Built, build_source
from weitiao.data.builder import columns_set
from weitiao.data.fit import CountTokens, Fit, Truncate, fit, fit_all
from weitiao.data.fix import apply_fixes
from weitiao.data.mask import make_mask
from weitiao.data.problems import combined
from weitiao.data.read import Reading, read
from weitiao.data.shapes import tools_of
from weitiao.data.shapes.dataset_info import Entry, named_entry, neighbouring_entry
from weitiao.data.split import PARTS, split, with_groups
from weitiao.data.steps import make_step, run_after_split, run_before_split, without_fields
from weitiao.data.store import dataset_hash
from weitiao.data.template import FieldError
from weitiao.data.templates import resolve_templates, template_facts
from weitiao.errors import DataError, collect
from weitiao.types import Dataset, Example, Record


@dataclass(frozen=True)
class _Loaded:
    """One source with all of its rows."""

    part: str  # "sources", or the part that the file was given for
    source: Source
    reading: Reading
    records: tuple[Record, ...]
    entry: Entry | None = None  # what a dataset_info.json says about it


def prepare(recipe: Recipe, *, root: Path, fitter: Callable[[Example], Fit] | None = None) -> Dataset:
    """The data set of a recipe.

    Args:
        recipe: Its ``data`` section is used.
        root: Folder that relative paths start from.
        fitter: Measures (and where the recipe allows cuts) one example, see `weitiao.data.make_fitter`;
            without it lengths are not checked.

    Raises:
        DataError: What is wrong with the files, all problems of all files in one error.
    """
    data = _resolved(recipe, root)
    loaded = _load_all(data, root)
    built = _build_all(loaded, data, _tools(data, root))
    steps = [_read_step(loaded), _build_step(built)]
    parts = {part: _of_part(loaded, built, part) for part in dict.fromkeys(item.part for item in loaded)}
    parts, repairs = apply_fixes(parts, data.fix)
    steps += repairs
    wanted = [make_step(section, recipe.seed) for section in data.steps]
    parts, lines = run_before_split(wanted, parts)
    steps += lines
    parts = _fitted(parts, fitter, data.truncate, steps)
    _check_conflicts(parts, data)
    train, dev, test = _split(parts, data, root)
    num_split = len(train) + len(dev) + len(test)
    steps.append(cards.step("split", num_split, num_split, **_split_facts(data)))
    final, lines = run_after_split(wanted, dict(zip(PARTS, (train, dev, test), strict=True)))
    steps += lines
    if lines:  # what a step made may be too long
        final = _fitted(final, fitter, data.truncate, steps)
    train, dev, test = ([without_fields(example) for example in final[name]] for name in PARTS)
    sources = [
        cards.source_entry(item.reading, item.part, result.shape)
        for item, result in zip(loaded, built, strict=True)
    ]
    columns = {item.reading.label: list(item.reading.columns) for item in loaded}
    known = {"sources": sources, "columns": columns, "steps": steps}
    templates = template_facts(recipe.data, root)
    return _with_card(train, dev, test, {**known, "templates": templates} if templates else known)


def _resolved(recipe: Recipe, root: Path) -> DataConfig:
    """The data section with its templates written out, and a seed for every draw from patterns."""
    data = resolve_templates(recipe.data, root)
    seeded = {
        name: tuple(
            source.model_copy(update={"seed": recipe.seed})
            if source.patterns and source.seed is None
            else source
            for source in getattr(data, name)
        )
        for name in ("sources", *PARTS)
    }
    return data.model_copy(update=seeded)


def fit_dataset(
    dataset: Dataset, count_tokens: CountTokens, limit: int, truncate: Truncate = "error"
) -> Dataset:
    """A prepared data set within ``limit`` tokens a sample, for callers that learn the limit after `prepare`.

    Cutting can make two prompts equal across parts; the card then counts them as leaks.

    Raises:
        DataError: All samples that are too long.
    """
    parts = {name: getattr(dataset, name) for name in PARTS}
    fitted, entry = _fit_parts(parts, lambda examples: fit(examples, count_tokens, limit, truncate), truncate)
    steps = [*dataset.card.get("steps", []), entry]
    train, dev, test = (fitted[name] for name in PARTS)
    return _with_card(train, dev, test, {**dataset.card, "steps": steps})


def _sources(data: DataConfig) -> Iterator[tuple[str, Source]]:
    for part in ("sources", *PARTS):
        for source in getattr(data, part):
            yield part, source


def _load_all(data: DataConfig, root: Path) -> list[_Loaded]:
    loaded: list[_Loaded] = []
    errors: list[DataError] = []
    for part, source in _sources(data):
        try:
            entry = _entry(source, data, root)
            if entry is not None:
                source = source.model_copy(update={"file": entry.file})
            reading = read(source, root=root)
            loaded.append(_Loaded(part, source, reading, tuple(reading), entry))
        except DataError as error:
            errors.append(error)
    if errors:
        raise combined(errors)
    return loaded


def _entry(source: Source, data: DataConfig, root: Path) -> Entry | None:
    if source.dataset_info is not None:
        return named_entry(source, root)
    found_out = (source.shape or data.shape) == "auto" and not columns_set(data, source)
    return neighbouring_entry(source.file, root) if found_out else None


def _tools(data: DataConfig, root: Path) -> tuple[Mapping[str, Any], ...]:
    """The functions that the recipe names."""
    if data.tools is None:
        return ()
    try:
        text = (root / Path(data.tools).expanduser()).read_text(encoding="utf-8-sig")
        return tools_of(text, f"data.tools, {data.tools}")
    except OSError as error:
        raise DataError(
            f"data.tools: {data.tools} cannot be read: {error.strerror}",
            remedy="paths are relative to the recipe's folder",
        ) from error
    except FieldError as error:
        raise DataError(str(error), remedy="write a JSON list of function schemas") from error


def _build_all(
    loaded: Sequence[_Loaded], data: DataConfig, tools: Sequence[Mapping[str, Any]]
) -> list[Built]:
    built: list[Built] = []
    errors: list[DataError] = []
    for item in loaded:
        elsewhere = {other.reading.label: other.reading.columns for other in loaded if other is not item}
        try:
            made = build_source(
                item.records, data, item.source, elsewhere=elsewhere, entry=item.entry, tools=tools
            )
            built.append(made)
        except DataError as error:
            errors.append(error)
    if errors:
        raise combined(errors)
    return built


def _of_part(loaded: Sequence[_Loaded], built: Sequence[Built], part: str) -> list[Example]:
    pairs = zip(loaded, built, strict=True)
    return [example for item, result in pairs if item.part == part for example in result.examples]


def _read_step(loaded: Sequence[_Loaded]) -> dict[str, Any]:
    rows = sum(len(item.records) for item in loaded)
    return cards.step("read", rows, rows)


def _build_step(built: Sequence[Built]) -> dict[str, Any]:
    num_in = sum(result.num_records for result in built)
    num_out = sum(len(result.examples) for result in built)
    drops = [drop for result in built for drop in result.drops]
    unused = [item for result in built for item in result.unused]
    more = {"unused": cards.reasons(unused)} if unused else {}
    return cards.step("build", num_in, num_out, drops, **more)


def _fitted(
    parts: dict[str, list[Example]],
    fitter: Callable[[Example], Fit] | None,
    truncate: str,
    steps: list[dict[str, Any]],
) -> dict[str, list[Example]]:
    """The parts within the limit, with a line for the card; as they are where there is no fitter."""
    if fitter is None:
        return parts
    parts, entry = _fit_parts(parts, lambda examples: fit_all(examples, fitter), truncate)
    steps.append(entry)
    return parts


def _fit_parts(
    parts: dict[str, list[Example]], fit_examples: Callable[[Sequence[Example]], Any], truncate: str
) -> tuple[dict[str, list[Example]], dict[str, Any]]:
    """All parts in one go, so that one error names the over-long samples of all of them."""
    everything = [example for examples in parts.values() for example in examples]
    fitted = fit_examples(everything)
    result: dict[str, list[Example]] = {}
    begin = 0
    for name, examples in parts.items():
        result[name] = list(fitted.examples[begin : begin + len(examples)])
        begin += len(examples)
    return result, cards.fit_step(len(everything), fitted.cuts, truncate)


def _check_conflicts(parts: dict[str, list[Example]], data: DataConfig) -> None:
    if data.on_conflict == "keep":
        return
    by_prompt = cards.prompts_of(example for examples in parts.values() for example in examples)
    groups = [group for group in by_prompt.values() if len({cards.said(e) for e in group}) > 1]
    if groups:
        lines = [" / ".join(f"{cards.said(e)!r} ({e.origin})" for e in group[:4]) for group in groups]
        raise DataError(
            collect(lines, what=f"{len(groups)} prompts have different responses"),
            remedy="mend these rows, or set data.on_conflict: keep to use all of them (counted in the card)",
        )


def _split(
    parts: dict[str, list[Example]], data: DataConfig, root: Path
) -> tuple[Sequence[Example], Sequence[Example], Sequence[Example]]:
    if data.sources:
        mask = make_mask(data.split.mask, root=root)
        return split(with_groups(parts["sources"], mask), data.split)
    train, dev, test = (with_groups(parts.get(name, []), str) for name in PARTS)
    return train, dev, test


def _split_facts(data: DataConfig) -> dict[str, Any]:
    """What decides who falls into which part; nothing where the recipe gives the parts."""
    if not data.sources:
        return {}
    return data.split.model_dump(mode="json", exclude_none=True)


def _with_card(
    train: Sequence[Example], dev: Sequence[Example], test: Sequence[Example], known: dict[str, Any]
) -> Dataset:
    """The data set with a card that describes these parts."""
    parts: dict[str, tuple[Example, ...]] = {"train": tuple(train), "dev": tuple(dev), "test": tuple(test)}
    everything = [example for part in parts.values() for example in part]
    by_prompt = cards.prompts_of(everything)
    card: dict[str, Any] = {
        "schema_version": cards.SCHEMA_VERSION,
        **{key: known[key] for key in ("sources", "templates", "columns", "steps") if key in known},
        "duplicates": cards.duplicates(by_prompt),
        "conflicts": cards.conflicts(by_prompt),
        "leaks": cards.leaks(parts),
        "parts": {name: cards.part_entry(part) for name, part in parts.items()},
        "labels": cards.labels(everything),
        "lengths": cards.lengths(everything),
    }
    card["warnings"] = cards.warnings_of(card)
    card["sha256"] = dataset_hash(Dataset(**parts, card={}))
    return Dataset(**parts, card=card)
