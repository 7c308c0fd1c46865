"""Which requests are made: how many texts are missing where, and how the kinds take turns."""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from weitiao.config.augment import AugmentConfig, AugmentKind
from weitiao.data.augment.item import Item, Unit, Variant, language_of
from weitiao.data.augment.prompts import TONES
from weitiao.errors import ConfigError

Glossary = Mapping[str, Sequence[str]]
MODELS = 5  # texts of a class that are shown
TEXTS = 5  # new texts of a class asked for at once
MAX_CLASSES = 100  # more labels than these are answers, and filling each of them up would cost a fortune


@dataclass
class Quota:
    """Texts wanted for a row or for a class.

    Attributes:
        items: The row, or the rows of the class.
        wanted: How many new texts.
        made: Those that passed.
        repeats: Those that said again what is there.
    """

    items: tuple[Item, ...]
    wanted: int
    made: list[Variant] = field(default_factory=list)
    repeats: list[str] = field(default_factory=list)

    @property
    def missing(self) -> int:
        return self.wanted - len(self.made)


def quotas_of(items: Sequence[Item], config: AugmentConfig) -> list[Quota]:
    """One for each row, or one for each class that has fewer rows than ``target_per_class``.

    Raises:
        ConfigError: There are so many labels that they are no classes.
    """
    if config.target_per_class is None:
        return [Quota((item,), config.per_row) for item in items]
    by_label: dict[str, list[Item]] = {}
    for item in items:
        by_label.setdefault(item.label, []).append(item)
    target = config.target_per_class
    if len(by_label) > MAX_CLASSES:
        raise ConfigError(
            f"target_per_class: {target}, but the {len(items):,} rows have {len(by_label):,} different labels: "
            f"these are answers, no classes (at most {MAX_CLASSES})",
            remedy="name the column of the class, or ask for texts of each row with per_row",
        )
    return [Quota(tuple(group), target - len(group)) for group in by_label.values() if len(group) < target]


def units_of(quota: Quota, config: AugmentConfig, glossary: Glossary, attempt: int) -> list[Unit]:
    """The requests for what a quota misses; the same for the same texts, whatever stands around them.

    Args:
        quota: What is wanted and what is there.
        config: Kinds and seed.
        glossary: Other terms by term.
        attempt: Round, from 0; the kinds go on in their turn.
    """
    rng = random.Random(_digest(f"{config.seed} {attempt} {quota.items[0].label} {quota.items[0].text}"))
    turn = rng.randrange(len(config.kinds))
    kinds: list[AugmentKind] = [config.kinds[(turn + k) % len(config.kinds)] for k in range(quota.missing)]
    new = kinds.count("expand")
    sources = _in_turn(quota.items, rng)
    asked: Counter[tuple[Item, AugmentKind]] = Counter(
        (next(sources), kind) for kind in kinds if kind != "expand"
    )
    made = (*quota.repeats[-TEXTS:], *(v.text for v in quota.made))
    units = [
        _rewriting(item, kind, count, config, glossary, attempt, made, rng)
        for (item, kind), count in asked.items()
    ]
    for begin in range(0, new, TEXTS):
        models = tuple(rng.sample(quota.items, min(MODELS, len(quota.items))))
        language = _language(config, models)
        avoid = made[-2 * TEXTS :]
        # `begin` keeps two requests with the same models apart.
        sample = attempt * 1000 + begin
        units.append(Unit("expand", models, min(TEXTS, new - begin), language, avoid=avoid, sample=sample))
    return units


def _rewriting(
    item: Item,
    kind: AugmentKind,
    count: int,
    config: AugmentConfig,
    glossary: Glossary,
    attempt: int,
    made: tuple[str, ...],
    rng: random.Random,
) -> Unit:
    language = _language(config, (item,))
    tone = rng.choice(TONES[language]) if kind == "tone" else ""
    terms: tuple[tuple[str, tuple[str, ...]], ...] = ()
    if kind == "terms":
        terms = tuple((term, tuple(others)) for term, others in glossary.items() if term in item.text)
    avoid = made[-2 * TEXTS :] if attempt else ()
    return Unit(kind, (item,), count, language, tone, terms, avoid, attempt)


def _in_turn(items: Sequence[Item], rng: random.Random) -> Iterator[Item]:
    """All items in a random order, again and again."""
    order = list(items)
    rng.shuffle(order)
    while True:
        yield from order


def _language(config: AugmentConfig, items: Sequence[Item]) -> str:
    return language_of([item.text for item in items]) if config.language == "auto" else config.language


def _digest(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:8])
