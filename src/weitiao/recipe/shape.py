"""What a value of a recipe may look like, read from the annotations of its models, and how to say it.

The same words serve error messages and the generated reference, so the two cannot disagree.
"""

from __future__ import annotations

import types
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

_WORDS: dict[type, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
    Path: "a path",
}


@dataclass(frozen=True)
class Shape:
    """The forms one value may take.

    Attributes:
        annotation: The type with its constraints, as pydantic reads it.
        models: Sections it may be; without a discriminator the one that knows most of the keys is meant.
        discriminator: Key that tells the models apart.
        choices: Literal values.
        scalars: Plain types among bool, int, float, str, Path, with a phrase for each.
        item: Form of each entry, for lists.
        length: Required number of entries, for lists of a fixed length.
        entries: Form of each value, for mappings with free keys.
        nullable: Whether null is allowed.
    """

    annotation: Any
    models: tuple[type[BaseModel], ...] = ()
    discriminator: str | None = None
    choices: tuple[Any, ...] = ()
    scalars: dict[type, str] = field(default_factory=dict)
    item: Shape | None = None
    length: int | None = None
    entries: Shape | None = None
    nullable: bool = False

    @property
    def is_text(self) -> bool:
        """Whether nothing but text (or null) is meant."""
        return not self.models and self.takes_text

    @property
    def takes_text(self) -> bool:
        """Whether any text (or null, or a section) is meant."""
        other = self.choices or self.item or self.entries
        return not other and set(self.scalars) in ({str}, {Path})

    def kinds(self) -> dict[str, type[BaseModel]]:
        """Values of the discriminator and the model that each stands for."""
        if self.discriminator is None:
            return {}
        return {
            str(kind): model
            for model in self.models
            for kind in get_args(model.model_fields[self.discriminator].annotation)
        }

    def pick(self, value: Any) -> type[BaseModel] | None:
        """The model that a mapping is meant as, None when that cannot be told."""
        if self.discriminator is None:
            keys = set(value) if isinstance(value, dict) else set()
            return max(self.models, key=lambda m: len(keys & set(m.model_fields)), default=None)
        kind = value.get(self.discriminator) if isinstance(value, dict) else None
        return self.kinds().get(kind) if isinstance(kind, str) else None


def of_field(info: FieldInfo) -> Shape:
    """Shape of a field of a model."""
    annotation = Annotated[(info.annotation, *info.metadata)] if info.metadata else info.annotation
    return replace(_of(info.annotation, tuple(info.metadata), info.discriminator), annotation=annotation)


def of_model(model: type[BaseModel]) -> Shape:
    """Shape of a section."""
    return Shape(model, models=(model,))


def _of(annotation: Any, limits: tuple[Any, ...] = (), discriminator: Any = None) -> Shape:
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        infos = [a for a in args[1:] if isinstance(a, FieldInfo)]
        inner = tuple(m for i in infos for m in i.metadata)
        named = next((i.discriminator for i in infos if i.discriminator), discriminator)
        return _of(args[0], (*limits, *inner), named)
    if origin in (Union, types.UnionType):
        return _merge(annotation, [_of(a, limits, discriminator) for a in args])
    if origin is Literal:
        return Shape(annotation, choices=args)
    if origin in (tuple, list):
        fixed = origin is tuple and Ellipsis not in args
        return Shape(annotation, item=_of(args[0]), length=len(args) if fixed else None)
    if origin is dict:
        return Shape(annotation, entries=_of(args[1]))
    if annotation is type(None):
        return Shape(annotation, nullable=True)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        name = discriminator if isinstance(discriminator, str) else None
        return Shape(annotation, models=(annotation,), discriminator=name)
    words = _WORDS.get(annotation, str(annotation)) + _limits(limits)
    return Shape(annotation, scalars={annotation: words})


def _merge(annotation: Any, parts: Sequence[Shape]) -> Shape:
    return Shape(
        annotation,
        models=tuple(m for p in parts for m in p.models),
        discriminator=next((p.discriminator for p in parts if p.discriminator), None),
        choices=tuple(c for p in parts for c in p.choices),
        scalars={k: v for p in parts for k, v in p.scalars.items()},
        item=next((p.item for p in parts if p.item), None),
        length=next((p.length for p in parts if p.length), None),
        entries=next((p.entries for p in parts if p.entries), None),
        nullable=any(p.nullable for p in parts),
    )


_BOUNDS = (("gt", "above {}"), ("ge", "at least {}"), ("lt", "below {}"), ("le", "at most {}"))


def _limits(limits: Sequence[Any]) -> str:
    """Say the constraints: ``" above 0 and at most 1"``."""
    found = [
        words.format(f"{getattr(limit, name):g}")
        for name, words in _BOUNDS
        for limit in limits
        if getattr(limit, name, None) is not None
    ]
    if any(getattr(limit, "min_length", 0) for limit in limits):
        found.append("that is not empty")
    for limit in limits:
        if getattr(limit, "pattern", None):
            found.append(f"that matches {limit.pattern}")
    return (" " + " and ".join(found)) if found else ""


def describe(shape: Shape) -> str:
    """Say what is allowed: ``one of a, b, or a whole number above 0, or null``."""
    said: list[str] = []
    if shape.choices:
        listed = ", ".join(str(c) for c in shape.choices)
        said.append(f"one of {listed}" if len(shape.choices) > 1 else listed)
    said.extend(shape.scalars.values())
    if shape.item is not None:
        many = "a list of" if shape.length is None else f"a list of {shape.length}:"
        said.append(f"{many} {describe(shape.item)}")
    if shape.entries is not None:
        said.append(f"a mapping from text to {describe(shape.entries)}")
    if shape.discriminator is not None:
        said.append(f"a mapping with {shape.discriminator}: {' or '.join(shape.kinds())}")
    else:
        said.extend(f"a mapping ({', '.join(m.model_fields)})" for m in shape.models)
    if shape.nullable:
        said.append("null")
    return ", or ".join(said)


def show(value: Any) -> str:
    """Say what came, short."""
    if value is None:
        return "nothing (null)"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        keys = ", ".join(str(k) for k in list(value)[:4]) + (", ..." if len(value) > 4 else "")
        return f"a mapping ({keys})"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    if isinstance(value, str):
        return repr(value if len(value) <= 60 else value[:57] + "...")
    return f"the number {value}"


def leaves(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, str, FieldInfo]]:
    """All keys of a section and those beneath it.

    Yields:
        Dotted path (``0`` stands for any entry of a list), what a section of several kinds must be for the
        key to exist (empty mostly), and the field.
    """
    for name, info in model.model_fields.items():
        path = f"{prefix}{name}"
        shape = of_field(info)
        yield path, "", info
        below = shape.item if shape.item is not None and shape.item.models else shape
        step = f"{path}.0." if below is not shape else f"{path}."
        kinds = below.kinds()
        for inner in below.models:
            kind = next((k for k, m in kinds.items() if m is inner), "")
            for deep, needed, deep_info in leaves(inner, step):
                yield deep, needed or kind, deep_info
