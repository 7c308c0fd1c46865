"""From a recipe or bare files to what the checks look at.

Nothing is dropped here: rows that cannot be made into samples are findings, not errors.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

from weitiao.config import DataConfig, Source
from weitiao.data.builder import columns_set, make_builder, shape_of
from weitiao.data.card import said
from weitiao.data.check.material import Case, Material, Options, Whole
from weitiao.data.check.tag_files import TAG_FORMATS, read_tags
from weitiao.data.facts import COPY
from weitiao.data.mask import make_mask, read_vocabulary
from weitiao.data.problems import combined
from weitiao.data.read import existing_file, is_workbook, read
from weitiao.data.shapes import Shape, find_shape
from weitiao.data.shapes.dataset_info import Entry, named_entry, neighbouring_entry
from weitiao.data.sources import expand, expand_data, seeded
from weitiao.data.split import PARTS, split, with_groups
from weitiao.data.template import FieldError
from weitiao.data.templates import resolve_templates
from weitiao.errors import DataError
from weitiao.types import Dataset, Example, Origin, Record

Loaded = tuple[Source, list[Record], Entry | None, str]


def material_of(
    data: DataConfig,
    *,
    root: Path,
    options: Options | None = None,
    extra: Sequence[Source] = (),
    seed: int = 0,
) -> Material:
    """Everything that the ``data`` section of a recipe names.

    Args:
        data: The section.
        root: Folder that relative paths start from.
        options: What else the checks may use.
        extra: Further files, each a part of its own name: nothing in them may stand in the others.
        seed: Of the recipe, with which sources that are patterns are drawn.

    Raises:
        DataError: Files that cannot be read, all of them in one error.
    """
    loaded: list[Loaded] = []
    errors: list[DataError] = []
    notes: list[tuple[str, str]] = []
    data = expand_data(seeded(resolve_templates(data, root), seed), root)
    named = [(part, source) for part in ("sources", *PARTS) for source in getattr(data, part)]
    beside = [(source.file, one) for source in extra for one in expand(source, root)]
    for part, source in [*named, *beside]:
        try:
            entry = _entry(source, data, root)
            if entry is not None:
                source = source.model_copy(update={"file": entry.file})
            loaded.append((source, _records(source, root, notes), entry, part))
        except DataError as error:
            errors.append(error)
    if errors:
        raise combined(errors)
    return _assemble(loaded, data, root, _with_names(options or Options(), data, root), notes)


def _with_names(options: Options, data: DataConfig, root: Path) -> Options:
    """The options with the names that the recipe's split masks, where none were given."""
    file = data.split.mask.vocabulary if data.split.mask is not None else None
    if options.entities is not None or file is None:
        return options
    return dataclasses.replace(options, entities=read_vocabulary(file, root=root))


def material_of_files(
    files: Sequence[str],
    *,
    root: Path,
    prompt: str | None = None,
    response: str | None = None,
    system: str | None = None,
    sheet: str | None = None,
    against: Sequence[str] = (),
    options: Options | None = None,
) -> Material:
    """Bare files: rows only, or with ``prompt`` and ``response`` (or a known shape) samples too.

    Args:
        files: Files of one part.
        root: Folder that relative paths start from.
        prompt: Column or template.
        response: Column or template.
        system: Text or template.
        sheet: Of the files that are workbooks, ``"*"`` for all; by default the first.
        against: Files of other parts.
        options: What else the checks may use.

    Raises:
        DataError: Files that cannot be read, or columns that they do not have.
    """
    set_columns = {"prompt": prompt, "response": response, "system": system}
    given = {name: value for name, value in set_columns.items() if value is not None}
    of_books = {file: {"sheet": sheet} if sheet and is_workbook(file) else {} for file in (*files, *against)}
    if sheet and not any(of_books.values()):
        raise DataError(f"--sheet {sheet}: none of the files is a workbook", remedy="leave it out")
    data = DataConfig.model_validate({"train": [{"file": file, **of_books[file]} for file in files], **given})
    extra = [Source.model_validate({"file": file, **of_books[file]}) for file in against]
    return material_of(data, root=root, options=options, extra=extra)


def material_of_dataset(dataset: Dataset, *, options: Options | None = None) -> Material:
    """A prepared data set: what its steps and repairs have left of the rows.

    The columns are ``prompt`` (the last turn in front of the reply), ``response`` and what the samples carry along.

    Args:
        dataset: Its parts.
        options: What else the checks may use.
    """
    records: list[tuple[Record, str]] = []
    cases: list[Case] = []
    for part in PARTS:
        for number, example in enumerate(getattr(dataset, part), start=1):
            origin = example.origin or Origin(f"{part}.jsonl", number)
            fields = {
                **{
                    name: value
                    for name, value in example.meta.items()
                    if isinstance(value, str | int | float) and name != COPY
                },
                "prompt": example.prompt[-1].content if example.prompt else "",
                "response": said(example),
            }
            records.append((Record(fields, origin), part))
            cases.append(Case(example, fields, part))
    return Material(tuple(records), tuple(cases), (), options or Options())


def _records(source: Source, root: Path, notes: list[tuple[str, str]]) -> list[Record]:
    path = root / Path(source.file).expanduser()
    if path.suffix.lower() in TAG_FORMATS:
        path = existing_file(source.file, root)
        return list(read_tags(path, source.file, encoding=source.encoding))[: source.limit]
    reading = read(source, root=root)
    records = list(reading)
    notes += [(reading.label, note) for note in reading.notes]
    return records


def _entry(source: Source, data: DataConfig, root: Path) -> Entry | None:
    if source.dataset_info is not None:
        return named_entry(source, root)
    found_out = (source.shape or data.shape) == "auto" and not columns_set(data, source)
    return neighbouring_entry(source.file, root) if found_out else None


def _assemble(
    loaded: Sequence[Loaded], data: DataConfig, root: Path, options: Options, notes: Sequence[tuple[str, str]]
) -> Material:
    cases: list[Case] = []
    wholes: list[Whole] = []
    unreadable: list[tuple[str, str]] = []
    for source, records, entry, part in loaded:
        _samples(source, records, entry, part, data, cases, wholes, unreadable)
    if data.sources:
        cases = _with_parts(cases, data, root)
    return Material(
        tuple((record, part) for _, records, _, part in loaded for record in records),
        tuple(cases),
        tuple(wholes),
        options,
        tuple(unreadable),
        tuple(notes),
    )


def _samples(
    source: Source,
    records: Sequence[Record],
    entry: Entry | None,
    part: str,
    data: DataConfig,
    cases: list[Case],
    wholes: list[Whole],
    unreadable: list[tuple[str, str]],
) -> None:
    """Add the samples and dialogues of one source."""
    if not records or _is_bare(records[0], data, source, entry):
        return
    probe = records[0].fields
    columns = tuple(dict.fromkeys(name for record in records for name in record.fields))
    _, shape = shape_of(data, source, probe, entry)
    builder = make_builder(columns, data, source, probe=probe, shape=shape)
    for record in records:
        try:
            examples, _ = builder.examples(record)
            wholes.extend(_wholes(record, part, shape))
        except FieldError as error:
            unreadable.append((str(record.origin), str(error)))
            continue
        cases.extend(Case(example, record.fields, part) for example in examples)


def _is_bare(record: Record, data: DataConfig, source: Source, entry: Entry | None) -> bool:
    """Whether nobody says, and the row does not show, what prompt and response are."""
    if entry is not None or columns_set(data, source) or (source.shape or data.shape) != "auto":
        return False
    has_both = {"prompt", "response"} <= record.fields.keys()
    return find_shape(record.fields) == "prompt_response" and not has_both


def _wholes(record: Record, part: str, shape: Shape | None) -> list[Whole]:
    if shape is None:
        return []
    dialogue = shape.read(record.fields)
    return [Whole(str(record.origin), part, dialogue.messages, dialogue.is_round)]


def _with_parts(cases: Sequence[Case], data: DataConfig, root: Path) -> list[Case]:
    """The cases of ``sources`` in the parts that the recipe's split gives them."""
    of_sources = [case.example for case in cases if case.part == "sources"]
    mask: Callable[[str], str] = make_mask(data.split.mask, root=root)
    try:
        parts = split(with_groups(of_sources, mask), data.split)
    except DataError:
        return list(cases)  # too few rows to split: the run itself says so
    named = reversed(list(zip(PARTS, parts, strict=True)))  # with split.same a row counts as one of train
    place = {_place(e): name for name, examples in named for e in examples}
    return [
        Case(case.example, case.fields, place[_place(case.example)]) if case.part == "sources" else case
        for case in cases
    ]


def _place(example: Example) -> tuple[str, str, object]:
    return example.id, str(example.origin), example.meta.get("round")
