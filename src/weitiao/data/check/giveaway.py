"""Features that give the label away: a column, its separator, a token of the prompt."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from weitiao.data.check.finding import Finding, found, many
from weitiao.data.check.material import Case, Material
from weitiao.data.check.text import is_han
from weitiao.data.template import to_text

_ACCURACY = 0.95
_PURITY = 0.95
_COVERAGE = 0.15
_MIN_ROWS = 40
_MAX_VALUES = 50
_MAX_TOKENS = 2000
_DRAWN, _LEAST_DRAWN = 1_000_000, 1000  # characters and rows in which tokens are looked for
_MARKS = ";,，；、|/_#*"


@dataclass(frozen=True)
class Rule:
    """How well one feature alone tells the label.

    Attributes:
        accuracy: Of the best guess from the feature.
        baseline: Of the most frequent label.
        values: For each value of the feature, its most frequent label, the rows with it and all rows.
    """

    accuracy: float
    baseline: float
    values: dict[str, tuple[str, int, int]]

    @property
    def tells(self) -> bool:
        """Whether it removes nearly all of what the most frequent label leaves open."""
        gain = (self.accuracy - self.baseline) / (1 - self.baseline) if self.baseline < 1 else 0.0
        return self.accuracy >= _ACCURACY and gain >= 0.8


def rule(feature: Sequence[str], labels: Sequence[str]) -> Rule:
    """The best guess of the label from one feature."""
    table: dict[str, Counter[str]] = {}
    for value, label in zip(feature, labels, strict=True):
        table.setdefault(value, Counter())[label] += 1
    values = {v: (*counts.most_common(1)[0], counts.total()) for v, counts in table.items()}
    right = sum(n for _, n, _ in values.values())
    return Rule(right / len(labels), Counter(labels).most_common(1)[0][1] / len(labels), values)


def check_giveaway(material: Material) -> Iterator[Finding]:
    """Columns and patterns that alone decide the label."""
    counts = material.labels
    cases = [case for case in material.cases if case.said is not None]
    if counts is None or len(cases) < _MIN_ROWS:
        return
    labels = [case.said or "" for case in cases]
    given_away = False
    for name in material.columns:
        for what, feature in _column_features(name, cases, labels):
            result = rule(feature, labels)
            if result.tells:
                given_away = True
                yield _finding(what, result, _is_read(name, cases))
                break
    if not given_away:
        yield from _tokens(cases, labels)


def _column_features(
    name: str, cases: Sequence[Case], labels: Sequence[str]
) -> Iterator[tuple[str, list[str]]]:
    texts = [to_text(case.fields.get(name)) for case in cases]
    if texts == list(labels) or len(set(texts)) < 2:
        return
    if len(set(texts)) <= min(_MAX_VALUES, len(texts) // 5):
        yield f'column "{name}"', texts
    if not _is_read(name, cases):
        return
    for mark in _MARKS:
        yield f'`{mark}` in column "{name}"', ["yes" if mark in text else "no" for text in texts]
    yield f'column "{name}" empty or not', ["yes" if text.strip() else "no" for text in texts]
    yield f'digits in column "{name}"', ["yes" if any(map(str.isdecimal, t)) else "no" for t in texts]
    yield f'script of column "{name}"', ["Chinese" if is_han(t) else "other" for t in texts]
    yield f'first character of column "{name}"', [t[:1] for t in texts]
    yield f'last character of column "{name}"', [t[-1:] for t in texts]


def _is_read(name: str, cases: Sequence[Case]) -> bool:
    """Whether the column stands in the prompts."""
    texts = [(to_text(case.fields.get(name)), case.prompt) for case in cases[:200]]
    filled = [(text, prompt) for text, prompt in texts if len(text) > 1]
    return bool(filled) and sum(text in prompt for text, prompt in filled) >= 0.5 * len(filled)


def _finding(what: str, result: Rule, is_read: bool) -> Finding:
    shown = sorted(result.values.items(), key=lambda item: -item[1][2])[:6]
    said = "; ".join(
        f"{value or 'empty'!s}: {label} in {n:,} of {total:,}" for value, (label, n, total) in shown
    )
    where = "" if is_read else " (it is not in the prompt: harmless there)"
    return found(
        "give_away",
        "serious" if is_read else "note",
        f"{what} decides the label in {result.accuracy:.1%} of the rows, the most frequent label alone "
        f"{result.baseline:.1%}{where}: {said}",
        (),
        count=round(result.accuracy * sum(t for _, _, t in result.values.values())),
        feature=what,
        accuracy=result.accuracy,
        baseline=result.baseline,
        in_prompt=is_read,
        values={value: list(counts) for value, counts in shown},
    )


def _tokens(cases: Sequence[Case], labels: Sequence[str]) -> Iterator[Finding]:
    """Tokens of prompts with which the label is decided both ways."""
    from sklearn.feature_extraction.text import CountVectorizer

    drawn = drawn_rows([len(case.prompt) for case in cases])
    counter = CountVectorizer(
        binary=True,
        analyzer="char",
        ngram_range=(1, 4),
        min_df=max(2, int(_COVERAGE * len(drawn))),
        max_features=_MAX_TOKENS,
        lowercase=False,
    )
    try:
        table = counter.fit_transform([cases[k].prompt for k in drawn])
    except ValueError:
        return  # no token is frequent enough
    sure, part = _accuracies(table, [labels[k] for k in drawn])
    usual = (part >= _COVERAGE) & (part <= 1 - _COVERAGE) & (sure >= _ACCURACY)
    names = [str(name) for name in counter.get_feature_names_out()]
    told = [k for k in range(len(names)) if usual[k]]
    if not told:
        return
    best = max(told, key=lambda k: (sure[k], len(names[k])))
    result = rule(["with" if names[best] in case.prompt else "without" for case in cases], labels)
    if result.tells:
        yield _finding(f"the text `{names[best]}` in the prompt", result, is_read=True)


def drawn_rows(lengths: Sequence[int]) -> list[int]:
    """Numbers of rows of about a million characters in all, and a thousand rows at least; all where there are no more.

    What stands in every seventh prompt is seen in these too, and rarer texts are not looked for.
    """
    count = max(_LEAST_DRAWN, int(_DRAWN * len(lengths) / max(1, sum(lengths))))
    if count >= len(lengths):
        return list(range(len(lengths)))
    return sorted(random.Random(0).sample(range(len(lengths)), count))


def _accuracies(table: Any, labels: Sequence[str]) -> tuple[Any, Any]:
    """Of each column of a 0/1 matrix: the accuracy of the best guess from it, and its share of ones; both [F]."""
    import numpy as np

    classes, place = np.unique(np.array(labels), return_inverse=True)
    one_hot = np.eye(len(classes))[place]
    inside = np.asarray(table.T @ one_hot)  # [F, classes]
    outside = one_hot.sum(axis=0) - inside
    return (inside.max(axis=1) + outside.max(axis=1)) / len(labels), inside.sum(axis=1) / len(labels)


def check_balance(material: Material) -> Iterator[Finding]:
    """Sizes of the classes."""
    labels = material.labels
    if labels is None:
        return
    large = [(label, n) for label, n in labels.most_common() if n > 2]
    if not large:
        return
    ratio = large[0][1] / large[-1][1]
    rest = "" if len(large) == len(labels) else " of more than two rows"
    yield found(
        "class_balance",
        "warning" if ratio >= 5 else "note",
        f"{many(len(labels), 'class').replace('classs', 'classes')}, the largest {ratio:.1f} times the smallest"
        f"{rest}: " + ", ".join(f"{label or '(empty)'} {n:,}" for label, n in labels.most_common(12)),
        (),
        count=len(labels),
        labels=dict(labels.most_common()),
        ratio=round(ratio, 2),
    )
