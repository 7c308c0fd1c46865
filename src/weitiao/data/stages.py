"""All stages of the data room in order: read, build, fix, fit, split, steps, card.

Between two stages the examples lie on a `Shelf`, which moves to a temporary file when there are many: one way for
small and large data. What is counted and compared, hashes, lies in files too (`Column`), so memory does not grow with
the rows but for a byte each, its part; repeated rows, and splits that tie rows together, hold more of it at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weitiao.config import DataConfig, Recipe
from weitiao.data import card as cards
from weitiao.data.facts import Facts
from weitiao.data.fit import CountTokens, Fit, Fitting, Truncate, make_fitter
from weitiao.data.fix import apply_fixes
from weitiao.data.gather import Sourced, gather
from weitiao.data.lineage import lineage_of
from weitiao.data.lines import Digest
from weitiao.data.mask import make_mask
from weitiao.data.shapes import tools_of
from weitiao.data.shelf import IN_MEMORY, Shelf
from weitiao.data.sources import expand_data, seeded
from weitiao.data.split import PARTS, group_key, plan_split, prompts_of, rows_of
from weitiao.data.steps import make_step, run_after_split, run_before_split, without_fields
from weitiao.data.template import FieldError
from weitiao.data.templates import resolve_templates, template_facts
from weitiao.errors import DataError, collect
from weitiao.types import Dataset, Example

if TYPE_CHECKING:
    from weitiao.data.augment.request import Generator
    from weitiao.data.split_keep import Earlier

Progress = Callable[[str, int], None]
_OFTEN = 1000  # rows between two words about progress
_CONFLICTS_SHOWN = 20


@dataclass(frozen=True)
class _Room:
    """Where examples are put between stages.

    Attributes:
        in_memory: Examples that a shelf holds in memory.
        progress: Told the stage and its rows.
    """

    in_memory: int = IN_MEMORY
    progress: Progress | None = None

    def shelve(self, examples: Iterable[Example], stage: str = "") -> Shelf:
        """The examples on a shelf of their own."""
        shelf = Shelf(in_memory=self.in_memory)
        for number, example in enumerate(examples, start=1):
            shelf.append(example)
            if self.progress is not None and number % _OFTEN == 0:
                self.progress(stage, number)
        return shelf

    def shelving(self, stage: str) -> Callable[[Iterable[Example]], Shelf]:
        """`shelve` for one stage."""
        return lambda examples: self.shelve(examples, stage)


def prepare(
    recipe: Recipe,
    *,
    root: Path,
    fitter: Callable[[Example], Fit] | None = None,
    generator: Generator | None = None,
    in_memory: int = IN_MEMORY,
    progress: Progress | None = None,
) -> Dataset:
    """The data set of a recipe.

    Args:
        recipe: Its ``data`` section is used.
        root: Folder that relative paths start from.
        fitter: Measures (and where the recipe allows cuts) one example, see `weitiao.data.make_fitter`;
            without it lengths are not checked.
        generator: Who writes for a step `augment` that names no endpoint: the loaded base, or a function.
        in_memory: Parts with more examples than this are in a temporary file; they can be used like any sequence.
        progress: Told the name of the stage and its number of rows, every thousand rows.

    Raises:
        DataError: What is wrong with the files, all problems of all files in one error.
        ConfigError: A step needs a generator, and there is none.
    """
    room = _Room(in_memory, progress)
    data = expand_data(_resolved(recipe, root), root)
    loaded = gather(data, root, tools=_tools(data, root), shelve=room.shelving("read"))
    steps = [_read_step(loaded), _build_step(loaded)]
    parts: Mapping[str, Sequence[Example]] = _by_part(loaded, room)
    known = _known(loaded, recipe, data, root)
    del loaded  # what the stages behind replace is not kept
    parts, repairs = apply_fixes(parts, data.fix, shelve=room.shelving("fix"))
    steps += repairs
    make = partial(make_step, seed=recipe.seed, root=root, generator=generator, progress=progress)
    wanted = [make(section) for section in data.steps]
    parts, lines = run_before_split(wanted, parts, shelve=room.shelving("steps"))
    steps += lines
    parts = _fitted(parts, fitter, data.truncate, steps, room)
    _check_conflicts(parts, data, room)
    placed = _split(parts, data, root)
    num_split = sum(map(len, parts.values()))
    steps.append(cards.step("split", num_split, num_split, **placed.facts))
    if any(step.parts for step in wanted):
        shelved = {name: room.shelve(examples, "split") for name, examples in placed.examples.items()}
        changed, lines = run_after_split(wanted, shelved, shelve=room.shelving("steps"))
        steps += lines
        if lines:  # what a step made may be too long
            changed = _fitted(changed, fitter, data.truncate, steps, room)
        placed = _Placed(changed, placed.facts, placed.warnings)
    cleaned = {name: map(without_fields, placed.examples[name]) for name in PARTS}
    return _with_card(cleaned, {**known, "steps": steps, "warnings": placed.warnings}, room, placed.prompts)


def _resolved(recipe: Recipe, root: Path) -> DataConfig:
    """The data section with its templates written out, and a seed for every draw from patterns."""
    return seeded(resolve_templates(recipe.data, root), recipe.seed)


def fit_dataset(
    dataset: Dataset, count_tokens: CountTokens, limit: int, truncate: Truncate = "error"
) -> Dataset:
    """A prepared data set within ``limit`` tokens a sample, for callers that learn the limit after `prepare`.

    Cutting can make two prompts equal across parts; the card then counts them as leaks.

    Raises:
        DataError: All samples that are too long.
    """
    room, parts = _Room(), {name: getattr(dataset, name) for name in PARTS}
    steps = list(dataset.card.get("steps", []))
    fitted = _fitted(parts, make_fitter(count_tokens, limit, truncate), truncate, steps, room)
    found = cards.warnings_of(dataset.card)
    others = [warning for warning in dataset.card.get("warnings", ()) if warning not in found]
    return _with_card(fitted, {**dataset.card, "steps": steps, "warnings": others}, room)


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


def _by_part(loaded: Sequence[Sourced], room: _Room) -> dict[str, Sequence[Example]]:
    """The examples of all sources of a part behind each other."""
    parts: dict[str, Sequence[Example]] = {}
    for part in dict.fromkeys(item.part for item in loaded):
        first, *others = (item.built.examples for item in loaded if item.part == part)
        parts[part] = first
        if others:
            shelf = Shelf(in_memory=room.in_memory)
            for examples in (first, *others):
                shelf.extend(examples)
            parts[part] = shelf
    return parts


def _known(loaded: Sequence[Sourced], recipe: Recipe, data: DataConfig, root: Path) -> dict[str, Any]:
    """What the card says beside the steps: sources, templates, columns, lineage."""
    sources = [cards.source_entry(item.reading, item.part, item.built.shape) for item in loaded]
    files = [
        (item.reading.label, item.reading.path, entry["sha256"])
        for item, entry in zip(loaded, sources, strict=True)
    ]
    templates = template_facts(recipe.data, root)
    return {
        "sources": sources,
        **({"templates": templates} if templates else {}),
        "columns": {item.reading.label: list(item.reading.columns) for item in loaded},
        "licences": cards.licences(sources),
        "lineage": lineage_of(data, recipe.seed, files),
    }


def _read_step(loaded: Sequence[Sourced]) -> dict[str, Any]:
    rows = sum(item.built.num_records for item in loaded)
    return cards.step("read", rows, rows)


def _build_step(loaded: Sequence[Sourced]) -> dict[str, Any]:
    num_in = sum(item.built.num_records for item in loaded)
    num_out = sum(len(item.built.examples) for item in loaded)
    drops = [drop for item in loaded for drop in item.built.drops]
    unused = [drop for item in loaded for drop in item.built.unused]
    more = {"unused": cards.reasons(unused)} if unused else {}
    return cards.step("build", num_in, num_out, drops, **more)


def _fitted(
    parts: Mapping[str, Sequence[Example]],
    fitter: Callable[[Example], Fit] | None,
    truncate: str,
    steps: list[dict[str, Any]],
    room: _Room,
) -> Mapping[str, Sequence[Example]]:
    """The parts within the limit, with a line for the card; as they are where there is no fitter.

    All parts in one go, so that one error names the over-long samples of all of them.
    """
    if fitter is None:
        return parts
    fitting = Fitting(fitter)
    result = {name: room.shelve(fitting.through(examples), "fit") for name, examples in parts.items()}
    fitting.check()
    steps.append(cards.fit_step(fitting, truncate))
    return result


def _check_conflicts(parts: Mapping[str, Sequence[Example]], data: DataConfig, room: _Room) -> None:
    if data.on_conflict == "keep":
        return
    everything = Shelf(in_memory=room.in_memory)
    for examples in parts.values():
        everything.extend(examples)
    count, lines = cards.conflict_lines(everything, Facts(everything), _CONFLICTS_SHOWN)
    if count:
        raise DataError(
            collect(lines, what=f"{count} prompts have different responses", more=count - len(lines)),
            remedy="mend these rows, or set data.on_conflict: keep to use all of them (counted in the card)",
        )


@dataclass(frozen=True)
class _Placed:
    """Who is in which part.

    Attributes:
        examples: Of each part, with their final groups; they can be gone through once.
        facts: What decides about them.
        warnings: What the user should read.
        prompts: `prompt_key` of the same examples, where they are known.
    """

    examples: Mapping[str, Iterable[Example]]
    facts: dict[str, Any]
    warnings: tuple[str, ...] = ()
    prompts: Mapping[str, Iterable[int]] = field(default_factory=dict)


def _split(parts: Mapping[str, Sequence[Example]], data: DataConfig, root: Path) -> _Placed:
    """The examples of each part; where the recipe gives the parts, they stay as they are."""
    if not data.sources:
        return _Placed({name: _grouped(parts.get(name, ()), str) for name in PARTS}, {})
    mask = make_mask(data.split.mask, root=root)
    pool = parts["sources"]
    plan = plan_split(
        pool, data.split, lambda example: group_key(example, mask), _earlier(data.split.keep, root)
    )
    rows = rows_of(plan, data.split)
    chosen = {name: _grouped(_at(pool, rows[name]), mask) for name in PARTS}
    return _Placed(
        chosen, {**_split_section(data), **plan.facts}, plan.warnings, prompts_of(plan, data.split)
    )


def _earlier(folder: str | None, root: Path) -> Earlier | None:
    if folder is None:
        return None
    from weitiao.data.split_keep import read_earlier

    return read_earlier(root / Path(folder).expanduser())


def _split_section(data: DataConfig) -> dict[str, Any]:
    """The shares, the seed, and what else the recipe asks for."""
    section = data.split.model_dump(mode="json", exclude_none=True)
    always = ("dev", "test", "seed")
    return {
        name: value
        for name, value in section.items()
        if name in always or value != type(data.split).model_fields[name].default
    }


def _at(examples: Sequence[Example], rows: Iterable[int]) -> Iterator[Example]:
    return examples.at(rows) if isinstance(examples, Shelf) else map(examples.__getitem__, rows)


def _grouped(examples: Iterable[Example], mask: Callable[[str], str]) -> Iterator[Example]:
    """The examples with their final group keys."""
    for example in examples:
        e = example  # `replace` takes four times as long
        yield Example(e.id, e.messages, group_key(e, mask), e.origin, e.meta, e.tools, e.weight)


def _with_card(
    parts: Mapping[str, Iterable[Example]],
    known: Mapping[str, Any],
    room: _Room,
    prompts: Mapping[str, Iterable[int]] | None = None,
) -> Dataset:
    """The data set with a card that describes these parts; ``prompts`` are their keys, where they are known."""
    digest = Digest()
    facts = Facts()

    def noted(name: str) -> Iterator[Example]:
        digest.begin(name)
        keys: Iterator[int | None] = iter(prompts[name]) if prompts else repeat(None)
        for example in parts[name]:
            digest.add(example)
            facts.add(example, next(keys))
            yield example

    shelves = {name: room.shelve(noted(name), "card") for name in PARTS}
    card: dict[str, Any] = {
        "schema_version": cards.SCHEMA_VERSION,
        **{key: known[key] for key in ("sources", "templates", "columns", "steps") if key in known},
        **cards.findings(shelves, facts),
    }
    card["warnings"] = [*known["warnings"], *cards.warnings_of(card)]
    card["sha256"] = digest.hexdigest()
    card |= {key: known[key] for key in ("licences", "lineage") if key in known}
    train, dev, test = (shelf if shelf.is_on_disk else tuple(shelf) for shelf in shelves.values())
    return Dataset(train, dev, test, card)
