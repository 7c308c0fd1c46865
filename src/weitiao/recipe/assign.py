"""``--set a.b=c``: one value of the recipe from the command line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from weitiao.recipe.shape import Shape, of_field, of_model
from weitiao.recipe.source import Key, Keys, Tree, dotted, parse


@dataclass(frozen=True)
class Assignment:
    """A ``--set`` as it was typed, its path, and the text behind the ``=``."""

    typed: str
    path: Keys
    text: str

    @property
    def origin(self) -> str:
        """How messages name it."""
        return f"--set {self.typed if len(self.typed) <= 60 else self.typed[:57] + '...'}"


def assign(tree: Tree, sets: Sequence[str], model: type[BaseModel]) -> None:
    """Put the values of all ``--set`` into the tree, sections' kinds first.

    A path that cannot be followed is added to ``tree.problems``; whether a key exists and a value is
    right is checked afterwards, together with the rest of the recipe.
    """
    parsed = [_parse(typed, tree) for typed in sets]
    known = [a for a in parsed if a is not None]
    complete(tree, model)
    for assignment in sorted(known, key=lambda a: a.path[-1] != "kind"):
        try:
            _apply(tree, assignment, model)
        except ValueError as error:
            tree.problems.append(f"{assignment.origin}: {error}")
    complete(tree, model)


def complete(tree: Tree, model: type[BaseModel]) -> None:
    """Write the default kind into sections that give keys but no kind (``method: {length: 32}``)."""
    _complete(tree.data, of_model(model).pick(tree.data))


def _complete(value: dict[str, Any], model: type[BaseModel] | None) -> None:
    if model is None:
        return
    for key, info in model.model_fields.items():
        below, shape = value.get(key), of_field(info)
        if isinstance(below, dict):
            default = _default(info)
            name = shape.discriminator
            if name is not None and name not in below and isinstance(default, BaseModel):
                below[name] = getattr(default, name)
            _complete(below, shape.pick(below))
        elif isinstance(below, list) and shape.item is not None:
            for entry in below:
                if isinstance(entry, dict):
                    _complete(entry, shape.item.pick(entry))


def _default(info: FieldInfo) -> Any:
    return None if info.is_required() else info.get_default(call_default_factory=True)


def _parse(typed: str, tree: Tree) -> Assignment | None:
    name, equals, text = typed.partition("=")
    parts = name.strip().split(".")
    if not equals or not all(parts):
        tree.problems.append(f"--set {typed}: expected a.b=value, for instance train.epochs=3")
        return None
    return Assignment(typed, tuple(int(p) if p.isdecimal() else p for p in parts), text)


def _apply(tree: Tree, assignment: Assignment, model: type[BaseModel]) -> None:
    """Walk to the parent, making what is absent, and put the value there."""
    shape: Shape | None = of_model(model)
    node: Any = tree.data
    for depth, key in enumerate(assignment.path[:-1]):
        done = assignment.path[: depth + 1]
        inner, default = _step(shape, node, key)
        node = _child(node, key, assignment.path[depth + 1], done, default, inner, tree)
        shape = inner
    last = assignment.path[-1]
    inner, _ = _step(shape, node, last)
    _put(tree, assignment, node, shape, _value(assignment, inner))


def _step(shape: Shape | None, node: Any, key: Key) -> tuple[Shape | None, Any]:
    """Shape and default beneath a key; (None, None) where the recipe knows no such key."""
    if shape is None:
        return None, None
    if isinstance(key, int) and shape.item is not None:
        return shape.item, None
    if shape.entries is not None:
        return shape.entries, None
    model = shape.pick(node) if isinstance(node, dict) else None
    info = model.model_fields.get(str(key)) if model is not None else None
    return (None, None) if info is None else (of_field(info), _default(info))


def _child(
    node: Any, key: Key, following: Key, done: Keys, default: Any, shape: Shape | None, tree: Tree
) -> Any:
    """The mapping or list beneath ``key``, made from the default where there is none yet."""
    if isinstance(node, list):
        _check_index(node, key, done, may_append=True)
        if key == len(node):
            node.append({})
            tree.marks[done] = "--set"
        child = node[int(key)]
    else:
        child = node.get(str(key))
    if isinstance(child, dict | list):
        return child
    wants_list = isinstance(following, int)
    allowed = shape is None or (shape.item if wants_list else (shape.models or shape.entries))
    if child is not None and not allowed:
        raise ValueError(f"{dotted(done)} is {child!r} and has no part {following!r}")
    fresh: Any = {}
    if wants_list:
        fresh = _plain(default) if isinstance(default, tuple) else []
    elif shape is not None and shape.discriminator is not None and isinstance(default, BaseModel):
        fresh = {shape.discriminator: getattr(default, shape.discriminator)}
    _store(node, key, fresh)
    tree.marks[done] = "--set"
    return fresh


def _store(node: dict[str, Any] | list[Any], key: Key, value: Any) -> None:
    if isinstance(node, list):
        node[int(key)] = value
    else:
        node[str(key)] = value


def _plain(default: tuple[Any, ...]) -> list[Any]:
    return [d.model_dump(mode="json") if isinstance(d, BaseModel) else d for d in default]


def _check_index(node: list[Any], key: Key, path: Keys, *, may_append: bool) -> None:
    name = dotted(path[:-1])
    if not isinstance(key, int):
        raise ValueError(f"{name} is a list: give an index ({name}.0 is the first), not {key!r}")
    if key > len(node) - (not may_append):
        entries = "1 entry" if len(node) == 1 else f"{len(node)} entries"
        raise ValueError(f"{name} has {entries}; {name}.{len(node)} would be the next")


def _value(assignment: Assignment, shape: Shape | None) -> Any:
    """The text behind ``=`` as YAML; where only text is meant, as it stands (templates, numbers as names)."""
    text = assignment.text
    stripped = text.strip()
    is_quoted = len(stripped) > 1 and stripped[0] == stripped[-1] and stripped[0] in "\"'"
    if shape is not None and _stands(stripped, shape) and not is_quoted:
        return None if shape.nullable and stripped in ("", "~", "null") else text
    try:
        return parse(text)
    except yaml.YAMLError as error:
        raise ValueError(f"{text!r} is not a YAML value; put it in quotes") from error


def _stands(text: str, shape: Shape) -> bool:
    """Whether it is text as it stands: templates begin with two braces, sections with one."""
    is_section = bool(shape.models) and text.startswith("{") and not text.startswith(("{{", "{%", "{#"))
    return shape.takes_text and not is_section


def _put(tree: Tree, assignment: Assignment, node: Any, shape: Shape | None, value: Any) -> None:
    path, last = assignment.path, assignment.path[-1]
    origin = "--set"
    if isinstance(node, list):
        _check_index(node, last, path, may_append=True)
        if last == len(node):
            node.append(None)
    elif shape is not None and last == shape.discriminator:
        origin += _change_kind(tree, node, path, value) if value in shape.kinds() else ""
    _store(node, last, value)
    tree.forget(path)
    tree.mark(path, value, origin)


def _change_kind(tree: Tree, node: dict[str, Any], path: Keys, value: Any) -> str:
    """Empty a section that becomes one of another kind; returns what to say about it."""
    key = str(path[-1])
    old = node.get(key)
    if old is None or old == value:
        return ""
    dropped = [name for name in node if name != key]
    where = tree.where((*path[:-1], key))
    node.clear()
    tree.forget(path[:-1])
    tree.marks[path[:-1]] = "--set"
    gone = f", dropped {', '.join(dropped)}" if dropped else ""
    return f" (instead of {old} in {where}{gone})"
