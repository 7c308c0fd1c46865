"""A file of patterns, checked and compiled: all problems at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from weitiao.config.patterns import Numbers, PatternClass, PatternFile, Saying, Terms, Vocabulary
from weitiao.data.encoding import find_encoding
from weitiao.data.patterns.grammar import Grammar, Node, PatternError, Scalar, Slot, Term, parse, slots_of
from weitiao.data.problems import nearest
from weitiao.data.template import Expression, FieldError, compile_expression
from weitiao.data.templates import Library, load_library, spec_text
from weitiao.errors import ConfigError, collect
from weitiao.recipe import load_recipe

MAX_TERMS = 1_000_000
_REMEDY = (
    "(a|b) is one of them, [a] is optional, {slot} a term of a vocabulary, and \\ takes a character literally"
)
_OWN = ("text", "label", "slots")


@dataclass(frozen=True)
class Pattern:
    """One pattern.

    Attributes:
        text: As written.
        nodes: As parsed.
    """

    text: str
    nodes: tuple[Node, ...]


@dataclass(frozen=True)
class Class:
    """One class.

    Attributes:
        name: In the file.
        config: Its section.
        label: Of its samples.
        patterns: At least one.
        prompt: Makes the prompt of the variables of a sample.
        response: Makes the response.
        slots: Names of all slots of its patterns.
    """

    name: str
    config: PatternClass
    label: str
    patterns: tuple[Pattern, ...]
    prompt: Expression
    response: Expression
    slots: tuple[str, ...]


@dataclass(frozen=True)
class Plan:
    """A file of patterns that is ready to be drawn from.

    Attributes:
        name: As the user wrote it.
        path: The file.
        config: Its values.
        grammar: Of its vocabularies.
        classes: In the order of the file.
    """

    name: str
    path: Path
    config: PatternFile
    grammar: Grammar
    classes: tuple[Class, ...]


def load_plan(path: Path, *, name: str | None = None) -> Plan:
    """Read a file of patterns.

    Args:
        path: YAML file.
        name: For messages.

    Raises:
        ConfigError: All that is wrong with the file.
    """
    config = load_recipe(path, (), PatternFile).value
    library = load_library(config.templates, root=path.parent)
    name = name or path.name
    problems: list[str] = []
    vocabularies = {
        key: _terms(key, vocabulary, path, problems) for key, vocabulary in config.vocabularies.items()
    }
    grammar = Grammar(vocabularies)
    _check_slots(vocabularies, problems)
    classes = [
        _class(key, section, config, grammar, library, problems) for key, section in config.classes.items()
    ]
    if problems:
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        raise ConfigError(collect(problems, what=f"{name} has {count}:"), remedy=_REMEDY)
    return Plan(name, path, config, grammar, tuple(c for c in classes if c is not None))


def _terms(key: str, vocabulary: Vocabulary, path: Path, problems: list[str]) -> tuple[Term, ...]:
    place = f"vocabularies.{key}"
    if isinstance(vocabulary, Numbers):
        numbers = range(vocabulary.first, vocabulary.last + 1, vocabulary.step)
        if len(numbers) > MAX_TERMS:
            problems.append(f"{place}: {len(numbers):,} numbers, at most {MAX_TERMS:,}")
            return ()
        return tuple(Term((str(n),), n) for n in numbers)
    if isinstance(vocabulary, Terms):
        return _terms_of_file(place, vocabulary, path, problems)
    found: list[Term] = []
    for index, entry in enumerate(vocabulary):
        said = entry.say if isinstance(entry, Saying) else str(entry)
        try:
            means = entry.means if isinstance(entry, Saying) else entry if isinstance(entry, int) else None
            found.append(Term(parse(said), means))
        except PatternError as error:
            problems.append(f'{place}.{index}: "{said}": {error}')
    if not vocabulary:
        problems.append(f"{place}: no terms")
    return tuple(found)


def _terms_of_file(place: str, terms: Terms, path: Path, problems: list[str]) -> tuple[Term, ...]:
    file = path.parent / Path(terms.file).expanduser()
    if not file.is_file():
        problems.append(f"{place}: {terms.file}: no such file (relative to {path.name})")
        return ()
    lines = file.read_text(encoding=find_encoding(file, name=terms.file)).splitlines()
    found = tuple(dict.fromkeys(line.strip() for line in lines if line.strip()))
    if not found:
        problems.append(f"{place}: {terms.file}: no terms in it")
    return tuple(Term((term,)) for term in found)


def _check_slots(vocabularies: Mapping[str, tuple[Term, ...]], problems: list[str]) -> None:
    """Slots inside of terms name vocabularies, and none leads back to itself."""
    inner = {
        key: {s.vocabulary for t in terms for s in slots_of(t.nodes)} for key, terms in vocabularies.items()
    }
    for key, names in inner.items():
        problems += [
            _unknown(f"vocabularies.{key}", n, vocabularies) for n in sorted(names - set(vocabularies))
        ]
    for key in inner:
        reached, frontier = set(), inner[key]
        while frontier:
            reached |= frontier
            frontier = {n for name in frontier for n in inner.get(name, ())} - reached
        if key in reached:
            problems.append(f"vocabularies.{key}: its terms lead back to {{{key}}}")


def _unknown(place: str, name: str, vocabularies: Mapping[str, object]) -> str:
    return f"{place}: there is no vocabulary {{{name}}}{nearest(name, vocabularies)}"


def _class(
    key: str,
    section: PatternClass,
    config: PatternFile,
    grammar: Grammar,
    library: Library,
    problems: list[str],
) -> Class | None:
    patterns: list[Pattern] = []
    slots: dict[str, Slot] = {}
    before = len(problems)
    for index, text in enumerate(section.patterns):
        place = f"classes.{key}.patterns.{index}"
        try:
            pattern = Pattern(text, parse(text))
        except PatternError as error:
            problems.append(f'{place}: "{text}": {error}')
            continue
        patterns.append(pattern)
        problems += _slot_problems(place, pattern, section, grammar)
        slots.update((slot.name, slot) for slot in slots_of(pattern.nodes))
    variables = (*_OWN, *slots, *section.values)
    made: list[Expression] = []
    for part, spec in (
        ("prompt", section.prompt or config.prompt),
        ("response", section.response or config.response),
    ):
        try:
            text = spec_text(spec, part, library)
            expression = compile_expression(
                text, name=f"classes.{key}.{part}", columns=variables, plain_text=True
            )
            made.append(expression)
        except FieldError as error:
            problems.append(str(error))
    if len(problems) > before:
        return None
    return Class(key, section, section.label or key, tuple(patterns), made[0], made[1], tuple(slots))


def _slot_problems(place: str, pattern: Pattern, section: PatternClass, grammar: Grammar) -> list[str]:
    found: list[str] = []
    vocabulary_of: dict[str, str] = {}
    for slot in slots_of(pattern.nodes):
        if slot.vocabulary not in grammar.vocabularies:
            found.append(_unknown(place, slot.vocabulary, grammar.vocabularies))
        if vocabulary_of.setdefault(slot.name, slot.vocabulary) != slot.vocabulary:
            found.append(f"{place}: {{{slot.name}}} names two vocabularies")
        if slot.name in _OWN or slot.name in section.values:
            found.append(
                f"{place}: {{{slot.name}}}: the name is taken; write {{other_name:{slot.vocabulary}}}"
            )
    return list(dict.fromkeys(found))


def variables_of(kind: Class, text: str, slots: Mapping[str, Scalar]) -> dict[str, object]:
    """What prompt and response may use; a slot that is not in this sentence is an empty text."""
    return {
        **dict.fromkeys(kind.slots, ""),
        **slots,
        **kind.config.values,
        "text": text,
        "label": kind.label,
        "slots": dict(slots),
    }
