"""A reference to a template becomes a template that is whole in itself: an adapter stores it, nothing is looked up.

Options, examples and the variables' columns are set at its beginning:

    {template: finance/classify, variables: {question: 问题}}
    {% set options = [...] %}{% set question = 问题 %}...the text of the library...
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from jinja2 import meta

from weitiao.config import DataConfig, Source, TemplateRef
from weitiao.config.library import PromptTemplate, PromptText
from weitiao.data.template import ENVIRONMENT, is_template
from weitiao.data.templates.library import Library, load_library, parts_of, shipped_library
from weitiao.errors import ConfigError

PARTS = ("prompt", "response", "system")
_SAME_EVERYWHERE = '{{ "" }}'  # makes a text without variables a template, which is never taken for a column


def expanded(reference: TemplateRef, part: str, library: Library) -> str:
    """The template that a reference stands for.

    Args:
        reference: Of a recipe.
        part: ``prompt``, ``response`` or ``system``.
        library: Where it is looked up.

    Returns:
        A jinja2 template over the columns of the data.

    Raises:
        ConfigError: There is no such template, version, language, part or variable.
    """
    template = library.find(reference.template, reference.version)
    language = reference.language or next(iter(template.languages))
    if language not in template.languages:
        raise ConfigError(
            f'template "{template.id}" is not written in "{language}"',
            remedy=f"languages: {', '.join(template.languages)}",
        )
    texts = template.languages[language]
    text = parts_of(texts).get(part)
    if text is None:
        raise ConfigError(
            f'template "{template.id}" has no {part}',
            remedy=f"write data.{part} out; it has: {', '.join(parts_of(texts))}",
        )
    unknown = sorted({*reference.variables, *reference.values} - set(template.variables))
    if unknown:
        raise ConfigError(
            f'template "{template.id}" has no variable "{unknown[0]}"',
            remedy=f"variables: {', '.join(template.variables) or 'none'}",
        )
    asked = meta.find_undeclared_variables(ENVIRONMENT.parse(text))
    whole = _settings(texts, asked) + _columns(template, reference, asked) + text.rstrip("\n")
    return whole if is_template(whole) else _SAME_EVERYWHERE + whole


def _settings(texts: PromptText, asked: set[str]) -> str:
    """``{% set options = ... %}`` and the same for the examples, where they are used."""
    values: dict[str, list[dict[str, Any]]] = {
        "options": [option.model_dump() for option in texts.options],
        "examples": [dict(example) for example in texts.examples],
    }
    return "".join(
        f"{{% set {name} = {json.dumps(value, ensure_ascii=False)} %}}"
        for name, value in values.items()
        if name in asked
    )


def _columns(template: PromptTemplate, reference: TemplateRef, asked: set[str]) -> str:
    """The variables that are not the column of their name, set all at once: columns may change places."""
    said, plain = "", {}
    for name in template.variables:
        spec = reference.variables.get(name, name)
        if name in reference.values and name in asked:
            plain[name] = json.dumps(reference.values[name], ensure_ascii=False)
        elif name not in asked or spec == name:
            continue
        elif is_template(spec):  # under a name of its own, for the same reason
            said += f"{{% set _{name} %}}{spec}{{% endset %}}"
            plain[name] = f"_{name}"
        else:
            plain[name] = spec if spec.isidentifier() else f"row[{json.dumps(spec, ensure_ascii=False)}]"
    if plain:
        said += f"{{% set {', '.join(plain)} = {', '.join(plain.values())} %}}"
    return said


def spec_text(spec: str | TemplateRef, part: str, library: Library | None = None) -> str:
    """A column or template as text; a reference is looked up in ``library``, by default the shipped one."""
    return spec if isinstance(spec, str) else expanded(spec, part, library or shipped_library())


def resolve_templates(data: DataConfig, root: Any) -> DataConfig:
    """The section with every reference replaced by its template.

    Args:
        data: Of a recipe.
        root: Folder of the recipe, where ``data.templates`` are.

    Raises:
        ConfigError: A library or a reference is wrong.
    """
    holders: list[DataConfig | Source] = [data, *data.sources, *data.train, *data.dev, *data.test]
    refers = any(isinstance(getattr(holder, part), TemplateRef) for holder in holders for part in PARTS)
    if not refers and not data.templates:
        return data
    library = load_library(data.templates, root=root)
    update: dict[str, Any] = _texts(data, library)
    for name in ("sources", "train", "dev", "test"):
        update[name] = tuple(s.model_copy(update=_texts(s, library)) for s in getattr(data, name))
    return data.model_copy(update=update)


def _texts(holder: DataConfig | Source, library: Library) -> dict[str, str]:
    return {
        part: expanded(spec, part, library)
        for part in PARTS
        if isinstance(spec := getattr(holder, part), TemplateRef)
    }


def template_facts(data: DataConfig, root: Any) -> list[dict[str, Any]]:
    """For the card: id, version, language and hash of each template that a section refers to."""
    holders: list[DataConfig | Source] = [data, *data.sources, *data.train, *data.dev, *data.test]
    library = None
    facts: list[dict[str, Any]] = []
    for holder in holders:
        for part in PARTS:
            spec = getattr(holder, part)
            if isinstance(spec, TemplateRef):
                library = library or load_library(data.templates, root=root)
                template = library.find(spec.template, spec.version)
                text = expanded(spec, part, library)
                facts.append(
                    {
                        "part": part,
                        "template": template.id,
                        "version": template.version,
                        "language": spec.language or next(iter(template.languages)),
                        "sha256": hashlib.sha256(text.encode()).hexdigest(),
                    }
                )
    return facts
