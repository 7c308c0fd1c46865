"""Features that give the label away: a column, its separator, a token of the prompt."""

from __future__ import annotations

import random
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from weitiao.data.check.finding import Finding, found, many
from weitiao.data.check.material import Case, Material
from weitiao.data.check.text import is_han
from weitiao.data.template import to_text

_ACCURACY = 0.95
_COVERAGE = 0.15
_MIN_ROWS = 40
_MAX_VALUES = 50
_MAX_END = 8  # characters at the beginning and at the end that are looked at
_FORMS = 1.5  # beginnings or ends for each label
_RANGES = 50  # of lengths
_LEAST_SHARE = 0.05  # of the prompts that hold a text
_SURE = 0.98  # of the prompts of a label that a text tells, and of the prompts with the text
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
    """The best guess of the label from one feature; a value that stands in one row tells nothing of others."""
    table: dict[str, Counter[str]] = {}
    for value, label in zip(feature, labels, strict=True):
        table.setdefault(value, Counter())[label] += 1
    values = {v: (*counts.most_common(1)[0], counts.total()) for v, counts in table.items()}
    right = sum(n for _, n, total in values.values() if total > 1)
    return Rule(right / len(labels), Counter(labels).most_common(1)[0][1] / len(labels), values)


def check_giveaway(material: Material) -> Iterator[Finding]:
    """Columns, forms and texts that alone decide the label, or one of several labels."""
    counts = material.labels
    cases = [case for case in material.cases if case.said]
    if counts is None or len(cases) < _MIN_ROWS:
        return
    labels = [case.said or "" for case in cases]
    told: list[tuple[float, Finding]] = []
    seen: set[tuple[str, ...]] = set()  # a column that ends with another has its features
    for name in material.columns:
        features = [(what, tuple(values)) for what, values in _column_features(name, cases, labels)]
        rules = [(what, rule(values, labels)) for what, values in features if values not in seen]
        seen.update(values for _, values in features)
        telling = [(what, result) for what, result in rules if result.tells]
        if telling:
            what, result = max(
                telling, key=lambda told: told[1].accuracy
            )  # of equals the simplest, the first
            is_read = _is_read(name, cases)
            told.append((result.accuracy if is_read else 0.0, _finding(what, result, is_read)))
    best = max((accuracy for accuracy, _ in told), default=0.0)
    if best < 1:
        yield from _tokens(cases, labels, better_than=best)
    yield from (finding for _, finding in sorted(told, key=lambda found: -found[0]))


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
    yield f'the marks in column "{name}"', ["".join(m for m in _MARKS if m in text) for text in texts]
    yield f'column "{name}" empty or not', ["yes" if text.strip() else "no" for text in texts]
    yield f'digits in column "{name}"', ["yes" if any(map(str.isdecimal, t)) else "no" for t in texts]
    yield f'script of column "{name}"', ["Chinese" if is_han(t) else "other" for t in texts]
    yield f'length of column "{name}"', _length_classes(texts)
    for size in range(1, _MAX_END + 1):
        said = "1 character" if size == 1 else f"{size} characters"
        for what, ends in (("beginning", [t[:size] for t in texts]), ("end", [t[-size:] for t in texts])):
            if _forms(ends) <= _FORMS * len(set(labels)):
                yield f'the {what} ({said}) of column "{name}"', ends


def _forms(values: Sequence[str]) -> int:
    """How many of the values make nearly all rows: few are a form, many are what the texts are about."""
    counts = sorted(Counter(values).values(), reverse=True)
    held = list(accumulate(counts))
    return next(k for k, n in enumerate(held, start=1) if n >= _ACCURACY * len(values))


def _length_classes(texts: Sequence[str]) -> list[str]:
    """Of each text, which of some equally frequent ranges of lengths it is in."""
    lengths = sorted(map(len, texts))
    count = min(_RANGES, len(texts) // 6)
    cuts = sorted({lengths[k * len(lengths) // count] for k in range(count)})
    spans = [f"{low}-{high - 1}" for low, high in pairwise([*cuts, lengths[-1] + 1])]
    return [spans[bisect_right(cuts, len(text)) - 1] for text in texts]


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


def _tokens(cases: Sequence[Case], labels: Sequence[str], *, better_than: float) -> Iterator[Finding]:
    """Texts inside prompts with which the label is decided both ways, or (if nothing does) one label among several."""
    drawn = drawn_rows([len(case.prompt) for case in cases])
    texts, of = [cases[k].prompt for k in drawn], [labels[k] for k in drawn]
    sizes = Counter(of)
    usual = {
        text: counts
        for text, counts in frequent_texts(texts, of, least=max(2, int(_LEAST_SHARE * len(drawn)))).items()
        if counts.total() <= (1 - _COVERAGE) * len(drawn)
    }
    both = {t: sure for t, c in usual.items() if (sure := _accuracy(c, sizes)) >= _ACCURACY}
    if both:
        best = max(both, key=lambda text: (both[text], "\n" not in text, len(text)))
        result = rule(["with" if best in case.prompt else "without" for case in cases], labels)
        if result.tells and result.accuracy > better_than:
            yield _finding(f"the text `{best}` in the prompt", result, is_read=True)
            return
    if not better_than:
        yield from _of_one_label(usual, sizes, cases, labels)


def _of_one_label(
    usual: Mapping[str, Counter[str]], sizes: Counter[str], cases: Sequence[Case], labels: Sequence[str]
) -> Iterator[Finding]:
    """Labels that one text tells from all others: it stands in nearly all of their prompts, and in no others."""
    told: dict[str, tuple[str, int, int]] = {}
    for label, size in sizes.items():
        if len(sizes) < 3 or size < _MIN_ROWS / 2:
            continue
        sure = [
            t for t, c in usual.items() if c[label] >= _SURE * max(c.total(), size) and not _is_said(t, label)
        ]
        if sure:
            best = max(sure, key=lambda text: (usual[text][label], "\n" not in text, len(text)))
            having = [k for k, case in enumerate(cases) if best in case.prompt]
            told[label] = (best, sum(labels[k] == label for k in having), len(having))
    if told:
        yield found(
            "give_away",
            "note" if all(text.isalpha() for text, _, _ in told.values()) else "warning",
            f"{many(len(told), 'label')} of {len(sizes):,} can be told by one text in the prompt: "
            + "; ".join(
                f"{label} by `{text}` in {right:,} of {labels.count(label):,} prompts, and in {total - right:,} others"
                for label, (text, right, total) in told.items()
            ),
            (),
            count=len(told),
            texts={label: text for label, (text, _, _) in told.items()},
            in_prompt=True,
        )


def _is_said(text: str, label: str) -> bool:
    """Whether a label is a word of the prompt, which is then what is asked for."""
    return text.strip() in label or label in text


def frequent_texts(
    texts: Sequence[str], labels: Sequence[str], *, least: int, longest: int = 6
) -> dict[str, Counter[str]]:
    """All pieces of texts that stand in so many of them, with the number of texts by label.

    Level by level: a piece is looked at only where its parts are frequent, so that few are held at a time.

    Args:
        texts: Where pieces are looked for.
        labels: One for each text.
        least: Texts that a piece stands in.
        longest: Characters of a piece.
    """
    result: dict[str, Counter[str]] = {}
    level: dict[str, Counter[str]] = {"": Counter()}
    for size in range(1, longest + 1):
        counts: dict[str, Counter[str]] = {}
        for text, label in zip(texts, labels, strict=True):
            pieces = {
                text[k : k + size]
                for k in range(len(text) - size + 1)
                if text[k : k + size - 1] in level and text[k + 1 : k + size] in level
            }
            for piece in pieces:
                counts.setdefault(piece, Counter())[label] += 1
        level = {piece: by_label for piece, by_label in counts.items() if by_label.total() >= least}
        result.update(level)
    return result


def _accuracy(inside: Counter[str], sizes: Counter[str]) -> float:
    """Of the best guess from whether a piece is there."""
    outside = max(sizes[label] - inside[label] for label in sizes)
    return (max(inside.values()) + outside) / sizes.total()


def drawn_rows(lengths: Sequence[int]) -> list[int]:
    """Numbers of rows of about a million characters in all, and a thousand rows at least; all where there are no more.

    What stands in every seventh prompt is seen in these too, and rarer texts are not looked for.
    """
    count = max(_LEAST_DRAWN, int(_DRAWN * len(lengths) / max(1, sum(lengths))))
    if count >= len(lengths):
        return list(range(len(lengths)))
    return sorted(random.Random(0).sample(range(len(lengths)), count))


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
