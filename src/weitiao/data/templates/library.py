"""Prompt libraries: YAML files of templates, those of the package and those of the user."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from jinja2 import TemplateError, meta

from weitiao.config.library import PromptLibrary, PromptTemplate, PromptText
from weitiao.data.problems import nearest
from weitiao.data.template import ENVIRONMENT
from weitiao.errors import ConfigError, collect
from weitiao.recipe import load_recipe

FOLDER = Path(__file__).with_name("library")
_GIVEN = frozenset({"options", "examples", "row"})
"""Names that a template may use beside its variables."""


@dataclass(frozen=True)
class Library:
    """Templates by id and version.

    Attributes:
        templates: Of all files, in their order.
    """

    templates: tuple[PromptTemplate, ...]

    def find(self, name: str, version: int | None = None) -> PromptTemplate:
        """A template.

        Args:
            name: Its id.
            version: None for the newest.

        Raises:
            ConfigError: There is none.
        """
        found = {t.version: t for t in self.templates if t.id == name}
        if not found:
            ids = list(dict.fromkeys(t.id for t in self.templates))
            raise ConfigError(
                f'there is no template "{name}"{nearest(name, ids)}',
                remedy=f"templates: {', '.join(ids)}; name files of your own under data.templates",
            )
        if version is not None and version not in found:
            versions = ", ".join(map(str, sorted(found)))
            raise ConfigError(
                f'template "{name}" has no version {version}, only {versions}',
                remedy="name one of these, or leave `version` out for the newest",
            )
        return found[max(found) if version is None else version]


def shipped_library() -> Library:
    """The templates of the package."""
    return load_library(())


def load_library(files: Sequence[str], *, root: Path = Path()) -> Library:
    """The templates of the package and of these files.

    Args:
        files: YAML files as the recipe names them.
        root: Folder of the recipe.

    Raises:
        ConfigError: A file cannot be read, a template is wrong, or two templates have one id and version.
    """
    templates = [t for path in sorted(FOLDER.glob("*.yaml")) for t in _read(path)]
    for file in files:
        path = root / Path(file).expanduser()
        if not path.is_file():
            raise ConfigError(
                f"data.templates: {file}: no such file", remedy="paths are relative to the recipe's folder"
            )
        templates += _read(path)
    seen: set[tuple[str, int]] = set()
    for template in templates:
        key = (template.id, template.version)
        if key in seen:
            raise ConfigError(
                f'template "{template.id}" has its version {template.version} twice',
                remedy="give the changed text a new version, or another id",
            )
        seen.add(key)
    return Library(tuple(templates))


@lru_cache(maxsize=32)
def _parsed(path: Path, changed: int) -> tuple[PromptTemplate, ...]:
    del changed  # a file that changes is read again
    templates = load_recipe(path, (), PromptLibrary).value.templates
    problems = [problem for template in templates for problem in _problems(template)]
    if problems:
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        raise ConfigError(
            collect(problems, what=f"{path.name} has {count}:"),
            remedy="declare each variable under `variables`; `weitiao data templates ID` shows one that works",
        )
    return templates


def _read(path: Path) -> tuple[PromptTemplate, ...]:
    return _parsed(path, path.stat().st_mtime_ns)


def _problems(template: PromptTemplate) -> Iterable[str]:
    for name in sorted(_GIVEN.intersection(template.variables)):
        yield f'{template.id}: a variable "{name}" would be hidden by what every template has under this name'
    for language, texts in template.languages.items():
        for part, text in parts_of(texts).items():
            place = f"{template.id}, {language}, {part}"
            try:
                asked = meta.find_undeclared_variables(ENVIRONMENT.parse(text))
            except TemplateError as error:
                yield f"{place}: the template does not parse: {error}"
                continue
            known = [*template.variables, *_GIVEN, *ENVIRONMENT.globals]
            for name in sorted(asked - set(known)):
                yield f'{place}: "{name}" is no variable{nearest(name, known)}'


def parts_of(texts: PromptText) -> dict[str, str]:
    """The texts that there are: prompt, response, system."""
    found = {"prompt": texts.prompt, "response": texts.response, "system": texts.system}
    return {part: text for part, text in found.items() if text is not None}
