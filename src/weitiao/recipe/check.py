"""What is wrong with a recipe, all of it, each problem with its dotted path, line, and what was expected."""

from __future__ import annotations

import difflib
import math
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError

from weitiao.recipe.chatglm import NAMES as CHATGLM
from weitiao.recipe.shape import Shape, describe, leaves, of_field, of_model, show
from weitiao.recipe.source import Keys, Tree, dotted


def check(tree: Tree, model: type[BaseModel]) -> list[str]:
    """All problems of a recipe, in the order of its keys; none when ``model`` takes it."""
    checker = _Checker(tree, model)
    checker.value(tree.data, of_model(model), ())
    return checker.problems


class _Checker:
    def __init__(self, tree: Tree, model: type[BaseModel]) -> None:
        self.tree = tree
        self.root = model
        self.problems: list[str] = []

    def value(self, value: Any, shape: Shape, path: Keys) -> None:
        if isinstance(value, dict) and shape.models:
            self._section(value, shape, path)
        elif isinstance(value, dict) and shape.entries is not None:
            for key, inner in value.items():
                self.value(inner, shape.entries, (*path, key))
        elif isinstance(value, list) and shape.item is not None and shape.item.models:
            for index, inner in enumerate(value):
                self.value(inner, shape.item, (*path, index))
        else:
            self._leaf(value, shape, path)

    def _leaf(self, value: Any, shape: Shape, path: Keys) -> None:
        if _is_bool_for_number(value, shape) or _is_not_finite(value):
            self._expected(value, shape, path)
            return
        try:
            taken = TypeAdapter(shape.annotation).validate_python(value)
        except ValidationError as error:
            self._entries_or_whole(error, value, shape, path)
            return
        if _is_not_finite(taken):
            self._expected(value, shape, path)

    def _entries_or_whole(self, error: ValidationError, value: Any, shape: Shape, path: Keys) -> None:
        """Name the wrong entry of a list, else the value as a whole."""
        if isinstance(value, list) and shape.item is not None:
            wrong = sorted({e["loc"][0] for e in error.errors() if e["loc"] and isinstance(e["loc"][0], int)})
            for index in wrong:
                self._expected(value[index], shape.item, (*path, index))
            if wrong:
                return
            if not value:
                self._say(path, f"expected {describe(shape)}, got an empty list")
                return
        self._expected(value, shape, path)

    def _section(self, value: dict[str, Any], shape: Shape, path: Keys) -> None:
        model = shape.pick(value)
        if model is None:
            self._kind(value, shape, path)
            return
        before = len(self.problems)
        for key, inner in value.items():
            if key in model.model_fields:
                self.value(inner, of_field(model.model_fields[key]), (*path, key))
            else:
                self._unknown(key, model, (*path, key))
        for key, info in model.model_fields.items():
            if info.is_required() and key not in value:
                words = f": {info.description}" if info.description else ""
                self._say((*path, key), f"missing, expected {describe(of_field(info))}{words}")
        if len(self.problems) == before:
            self._across(value, model, path)

    def _across(self, value: dict[str, Any], model: type[BaseModel], path: Keys) -> None:
        """Conditions over several fields of a section."""
        try:
            model.model_validate(value)
        except ValidationError as error:
            for one in error.errors():
                place = (*path, *(p for p in one["loc"] if isinstance(p, int) or "[" not in p))
                self._say(place, one["msg"].removeprefix("Value error, "))

    def _kind(self, value: dict[str, Any], shape: Shape, path: Keys) -> None:
        name = shape.discriminator or "kind"
        kinds = list(shape.kinds())
        if name not in value:
            self._say(path, f"which {name}? add {name}: {' or '.join(kinds)}")
            return
        said = f"expected one of {', '.join(kinds)}, got {show(value[name])}"
        close = difflib.get_close_matches(str(value[name]), kinds, n=1)
        self._say((*path, name), said + (f"; did you mean {close[0]}?" if close else ""))

    def _unknown(self, key: str, model: type[BaseModel], path: Keys) -> None:
        parent = path[:-1]
        close = difflib.get_close_matches(key, model.model_fields, n=1, cutoff=0.6)
        if key in CHATGLM:
            said = f"the ChatGLM scripts' {key} is {CHATGLM[key]} here"
        elif close:
            said = f"did you mean {dotted((*parent, close[0]))}?"
        elif elsewhere := self._elsewhere(key, dotted(path)):
            said = elsewhere
        else:
            said = f"known here: {', '.join(model.model_fields)}"
        self._say(path, f"unknown key; {said}")

    def _elsewhere(self, key: str, here: str) -> str:
        """Where else in the recipe there is such a key, or one of a similar name."""
        found: dict[str, list[str]] = {}
        for path, needed, _ in leaves(self.root):
            if path == here and needed:
                return f"known only with kind: {needed}"
            found.setdefault(path.rpartition(".")[2], []).append(path)
        close = [key] if key in found else difflib.get_close_matches(key, found, n=1, cutoff=0.6)
        if not close:
            return ""
        shallow = min(path.count(".") for path in found[close[0]])
        paths = dict.fromkeys(path for path in found[close[0]] if path.count(".") == shallow)
        return f"did you mean {' or '.join(paths)}?"

    def _expected(self, value: Any, shape: Shape, path: Keys) -> None:
        said = f"expected {describe(shape)}, got {show(value)}"
        words = [str(c) for c in shape.choices]
        if isinstance(value, str) and (close := difflib.get_close_matches(value, words, n=1)):
            said += f"; did you mean {close[0]}?"
        elif shape.takes_text and isinstance(value, int | float):
            said += "; put it in quotes"
        elif shape.is_text and isinstance(value, dict):
            said += "; put a text with {{ or a colon in quotes"
        elif shape.item is not None and not isinstance(value, list | dict) and value is not None:
            said += f"; write [{value}]"
        elif shape.models and value is None and not shape.nullable:
            said += "; leave the key out for the defaults"
        self._say(path, said)

    def _say(self, path: Keys, said: str) -> None:
        origin = self.tree.where(path)
        self.problems.append(f"{dotted(path)} ({origin}): {said}" if path else f"({origin}) {said}")


def _is_bool_for_number(value: Any, shape: Shape) -> bool:
    """Pydantic would take ``true`` for 1."""
    return isinstance(value, bool) and bool not in shape.scalars and bool({int, float} & set(shape.scalars))


def _is_not_finite(value: Any) -> bool:
    return isinstance(value, float) and not math.isfinite(value)
