"""Prompt libraries: templates with an id, versions and languages, and how a recipe's reference becomes a text."""

from __future__ import annotations

from weitiao.data.templates.library import Library, load_library, shipped_library
from weitiao.data.templates.reference import (
    expanded,
    resolve_templates,
    spec_text,
    template_facts,
)

__all__ = [
    "Library",
    "expanded",
    "load_library",
    "resolve_templates",
    "shipped_library",
    "spec_text",
    "template_facts",
]
