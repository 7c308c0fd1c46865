"""Recipe files: YAML (or JSON, which is YAML) to plain values that remember their lines.

Scalars are read as in YAML 1.2: ``5e-3`` is a number, ``no``, ``on``, ``1:30`` and ``2024-01-01`` are text.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Hashable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from weitiao.errors import ConfigError, collect

Key = str | int
Keys = tuple[Key, ...]

MAX_BYTES = 2_000_000

_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$")
_INT = re.compile(r"[-+]?[0-9]+$")
_BOOL = re.compile(r"(true|True|TRUE|false|False|FALSE)$")
_NULL = re.compile(r"(~|null|Null|NULL|)$")
_MERGE = "tag:yaml.org,2002:merge"


class Loader(yaml.SafeLoader):
    """Composes nodes with the scalars of YAML 1.2."""


class Dumper(yaml.SafeDumper):
    """Quotes every text that YAML 1.1 or 1.2 would read as something else."""

    def ignore_aliases(self, data: Any) -> bool:
        """Write equal values twice instead of as ``&id001``."""
        return True


Loader.yaml_implicit_resolvers = {}  # not those of YAML 1.1, which add_implicit_resolver would copy


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    """Several lines as a block; in quotes where PyYAML would take other characters for line ends."""
    style = None
    if any(c in text for c in "\x85\u2028\u2029\r"):
        style = '"'
    elif "\n" in text:
        style = "|" if "\n" in text.strip() else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


Dumper.add_representer(str, _represent_text)
for _tag, _pattern, _first in (
    ("tag:yaml.org,2002:bool", _BOOL, "tTfF"),
    ("tag:yaml.org,2002:int", _INT, "-+0123456789"),
    ("tag:yaml.org,2002:float", _FLOAT, "-+.0123456789"),
    ("tag:yaml.org,2002:null", _NULL, ["~", "n", "N", ""]),
    (_MERGE, re.compile(r"<<$"), "<"),
):
    Loader.add_implicit_resolver(_tag, _pattern, list(_first))
    Dumper.add_implicit_resolver(_tag, _pattern, list(_first))


@dataclass
class Tree:
    """Plain values and where each was written.

    Attributes:
        data: Mappings, lists and scalars.
        marks: For every path that was written down: ``my.yaml:12`` or ``--set``.
        problems: What is wrong with the text itself, for instance keys given twice.
        file: Name of the file for messages.
    """

    data: dict[str, Any] = field(default_factory=dict)
    marks: dict[Keys, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    file: str = "recipe"

    def where(self, path: Keys) -> str:
        """The nearest written ancestor of a path, or the file."""
        for end in range(len(path), -1, -1):
            if path[:end] in self.marks:
                return self.marks[path[:end]]
        return self.file

    def forget(self, path: Keys) -> None:
        """Drop the marks of a path and of everything beneath it."""
        self.marks = {k: v for k, v in self.marks.items() if k[: len(path)] != path}

    def mark(self, path: Keys, value: Any, origin: str) -> None:
        """Say that a whole value was written at ``origin``."""
        self.marks[path] = origin
        if isinstance(value, list):
            value = dict(enumerate(value))
        if isinstance(value, dict):
            for key, inner in value.items():
                self.mark((*path, key), inner, origin)


def dotted(path: Keys) -> str:
    """``("data", "sources", 0)`` as ``data.sources.0``."""
    return ".".join(str(p) for p in path)


def read(path: Path) -> Tree:
    """Read a recipe file.

    Raises:
        ConfigError: There is no such file, or it is not a YAML mapping in UTF-8.
    """
    text = _text(path)
    node = _compose(text, path)
    if node is None:
        raise ConfigError(
            f"{path}: the recipe is empty",
            remedy="A recipe names at least its data, for instance: data: {sources: [{file: my.xlsx}]}",
        )
    if not isinstance(node, yaml.MappingNode):
        came = "a list" if isinstance(node, yaml.SequenceNode) else "a single value"
        raise ConfigError(
            f"{path}: expected a mapping with keys such as data: and train:, got {came}",
            remedy="If this is a data file, write a recipe that names it under data.sources.",
        )
    tree = Tree(file=path.name)
    tree.data = _Walk(tree).value(node, ())
    return tree


def parse(text: str) -> Any:
    """Read one value as it may stand in a recipe; raises ``yaml.YAMLError`` when it is not one."""
    node = yaml.compose(text, Loader=Loader)
    return None if node is None else _Walk(Tree()).value(node, ())


def write(value: Any) -> str:
    """The YAML text of plain values; `parse` reads the same back."""
    return yaml.dump(value, Dumper=Dumper, allow_unicode=True, sort_keys=False, width=4096)


def _text(path: Path) -> str:
    if path.is_dir():
        raise ConfigError(f"{path} is a folder, expected a recipe file", remedy=_nearby(path, path))
    if not path.is_file():
        raise ConfigError(f"{path}: there is no such recipe file", remedy=_nearby(path, path.parent))
    if path.stat().st_size > MAX_BYTES:
        raise ConfigError(
            f"{path}: {path.stat().st_size:,} bytes are too many for a recipe (at most {MAX_BYTES:,})",
            remedy="If this is a data file, write a recipe that names it under data.sources.",
        )
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise ConfigError(
            f"{path}, line {line}: not UTF-8",
            remedy="Save the recipe as UTF-8 (data files may be otherwise).",
        ) from error
    return text.replace("\t", " ") if path.suffix.lower() == ".json" else text


def _nearby(path: Path, folder: Path) -> str | None:
    if not folder.is_dir():
        return f"The folder {folder} does not exist either."
    recipes = sorted(f.name for f in folder.iterdir() if f.suffix.lower() in (".yaml", ".yml", ".json"))
    close = difflib.get_close_matches(path.name, recipes, n=3, cutoff=0.5)
    if close:
        return f"Did you mean {' or '.join(str(folder / c) for c in close)}?"
    return f"Recipes in {folder}: {', '.join(recipes[:8])}" if recipes else f"{folder} holds no recipe."


def _compose(text: str, path: Path) -> yaml.Node | None:
    try:
        return yaml.compose(text, Loader=Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        said = ", ".join(p for p in (error.problem, error.context) if p)
        lines = text.splitlines()
        quoted = f"\n  | {lines[line - 1]}" if line <= len(lines) else ""
        remedy = "Indent with spaces, not tabs." if "\\t" in said else "Texts with : # { or [ need quotes."
        raise ConfigError(f"{path}, line {line}: not valid YAML: {said}{quoted}", remedy=remedy) from error
    except (yaml.YAMLError, RecursionError) as error:
        raise ConfigError(
            f"{path}: not valid YAML: {error}", remedy="Compare it with a recipe of the `recipes` folder."
        ) from error


class _Walk:
    """Nodes to values, noting lines and keys that are given twice."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self.open: list[int] = []

    def value(self, node: yaml.Node, path: Keys) -> Any:
        if path:
            self.tree.marks[path] = f"{self.tree.file}:{node.start_mark.line + 1}"
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node)
        if id(node) in self.open:
            raise ConfigError(
                f"{self.tree.where(path)}: {dotted(path)} contains itself",
                remedy="Write the values out instead of an alias (*name) inside its own anchor (&name).",
            )
        self.open.append(id(node))
        try:
            if isinstance(node, yaml.SequenceNode):
                return [self.value(n, (*path, i)) for i, n in enumerate(node.value)]
            assert isinstance(node, yaml.MappingNode)
            return self._mapping(node, path)
        finally:
            self.open.pop()

    def _mapping(self, node: yaml.MappingNode, path: Keys) -> dict[str, Any]:
        result: dict[str, Any] = {}
        first_line: dict[Hashable, int] = {}
        merged: list[yaml.Node] = []
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if key_node.tag == _MERGE:
                merged.extend(value_node.value if isinstance(value_node, yaml.SequenceNode) else [value_node])
                continue
            if not isinstance(key_node, yaml.ScalarNode):
                self._problem(path, line, "a key must be text (quote a template that starts with {{)")
                continue
            key = str(key_node.value)
            if key in first_line:
                self._problem((*path, key), line, f"given twice, first in line {first_line[key]}")
            first_line[key] = line
            result[key] = self.value(value_node, (*path, key))
            self.tree.marks[(*path, key)] = f"{self.tree.file}:{line}"
        for other in merged:
            self._merge(other, path, result)
        return result

    def _merge(self, node: yaml.Node, path: Keys, into: dict[str, Any]) -> None:
        """``<<: *anchor``: keys of the anchor that are not given here."""
        if not isinstance(node, yaml.MappingNode):
            self._problem(path, node.start_mark.line + 1, "<<: must name a mapping")
            return
        marks = dict(self.tree.marks)
        given = self.value(node, path)
        fresh, self.tree.marks = self.tree.marks, marks
        for key, value in given.items():
            if key not in into:
                into[key] = value
                at = (*path, key)
                self.tree.marks.update({k: v for k, v in fresh.items() if k[: len(at)] == at})

    def _scalar(self, node: yaml.ScalarNode) -> Any:
        text = node.value
        kind = node.tag.rpartition(":")[2]
        if kind == "null":
            return None
        if kind == "bool":
            return text.lower() == "true"
        if kind in ("int", "float"):
            try:
                return int(text) if kind == "int" else float(text)
            except ValueError:  # an explicit tag such as !!int in front of a word
                self._problem((), node.start_mark.line + 1, f"{text[:40]!r} is not a number")
                return text
        if any("\ud800" <= c <= "\udfff" for c in text):  # JSON writes what is beyond 16 bits as pairs
            text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        return text

    def _problem(self, path: Keys, line: int, said: str) -> None:
        name = f"{dotted(path)} " if path else ""
        self.tree.problems.append(f"{name}({self.tree.file}:{line}): {said}")


def complain(file: str, problems: list[str]) -> ConfigError:
    """One error for all problems of a recipe."""
    count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
    return ConfigError(
        collect(problems, what=f"{file} has {count}:"),
        remedy="`weitiao config schema` lists every key; docs/reference/recipe.md explains them.",
    )
