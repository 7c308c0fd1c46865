"""Two label schemes over the same questions: most labels of one stand for one label of the other, some rows do not."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from weitiao.data.check.finding import Finding, found, many, short
from weitiao.data.check.material import Material
from weitiao.data.check.text import fold
from weitiao.data.template import to_text

_MAX_LABELS = 50
_LABEL_LENGTH = 20
_MIN_QUESTION = 6  # characters, median
_MIN_SHARED = 30  # questions that both label
_MOST_OFF = 0.05  # more than that, and the schemes are not about the same thing
_EXPLAINED = 0.7  # share of the guesses at a label that the other one makes right
_MAX_COLUMNS = 8
_ROWS_LOOKED_AT = 5000

Rows = Sequence[tuple[str, Mapping[str, Any]]]


class Scheme(NamedTuple):
    """Labels of one column.

    Attributes:
        file: Its file.
        column: Its column, ``outer.inner`` inside an object.
        labels: Label and place by question.
    """

    file: str
    column: str
    labels: Mapping[str, tuple[str, str]]


def check_schemes(material: Material) -> Iterator[Finding]:
    """Questions that two columns of labels, of one file or of two, do not label as they do elsewhere."""
    by_file: dict[str, list[tuple[str, Mapping[str, Any]]]] = defaultdict(list)
    for record, _ in material.records:
        by_file[record.origin.file].append((str(record.origin), _flat(record.fields)))
    columns = {file: _label_columns(rows) for file, rows in by_file.items()}
    for file, rows in by_file.items():
        whole = {
            name: Scheme(file, name, {w: (to_text(f.get(name)), w) for w, f in rows if to_text(f.get(name))})
            for name in columns[file]
        }
        for left, right in itertools.combinations(columns[file], 2):
            yield from _disagreements(whole[left], whole[right])
    for one, other in itertools.combinations(by_file, 2):
        keys = _common_question(by_file[one], by_file[other]) if columns[one] and columns[other] else None
        if keys is None:
            continue
        for left in columns[one]:
            for right in columns[other]:
                yield from _disagreements(
                    _scheme(one, by_file[one], keys[0], left), _scheme(other, by_file[other], keys[1], right)
                )


def _flat(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields with those one level inside objects."""
    flat: dict[str, Any] = {}
    for name, value in fields.items():
        if isinstance(value, dict):
            flat.update({f"{name}.{key}": inner for key, inner in value.items()})
        else:
            flat[name] = value
    return flat


def _label_columns(rows: Rows) -> list[str]:
    """Columns with few short values, each of them in several rows."""
    found_columns = []
    for name in _names(rows):
        values = [f.get(name) for _, f in rows[:_ROWS_LOOKED_AT]]
        if any(isinstance(value, list | dict | float) for value in values):
            continue
        counts = Counter(text for value in values if (text := to_text(value)))
        short_ones = all(len(text) <= _LABEL_LENGTH for text in counts)
        if 2 <= len(counts) <= _MAX_LABELS and short_ones and counts.total() >= 5 * len(counts):
            found_columns.append(name)
    return found_columns[:_MAX_COLUMNS]


def _names(rows: Rows) -> list[str]:
    return list(dict.fromkeys(name for _, fields in rows[:200] for name in fields))


def _questions(rows: Rows) -> dict[str, frozenset[str]]:
    """Columns of texts that mostly differ, with their texts."""
    columns = {}
    for name in _names(rows):
        texts = [value for _, f in rows if isinstance(value := f.get(name), str) and value.strip()]
        lengths = sorted(map(len, texts))
        if len(texts) >= 0.5 * len(rows) and lengths[len(lengths) // 2] >= _MIN_QUESTION:
            distinct = frozenset(map(fold, texts))
            if len(distinct) >= 0.5 * len(texts):
                columns[name] = distinct
    return dict(list(columns.items())[:_MAX_COLUMNS])


def _common_question(one: Rows, other: Rows) -> tuple[str, str] | None:
    """The columns of two files that share most texts, None where they share too few."""
    pairs = {
        (left, right): len(texts & others)
        for left, texts in _questions(one).items()
        for right, others in _questions(other).items()
    }
    best = max(pairs, key=lambda pair: pairs[pair], default=None)
    return best if best is not None and pairs[best] >= _MIN_SHARED else None


def _scheme(file: str, rows: Rows, question: str, column: str) -> Scheme:
    labels: dict[str, tuple[str, str]] = {}
    for where, fields in rows:
        label, text = to_text(fields.get(column)), fields.get(question)
        if label and isinstance(text, str):
            labels.setdefault(fold(text), (label, where))
    return Scheme(file, column, labels)


def _disagreements(one: Scheme, other: Scheme) -> Iterator[Finding]:
    shared = [(q, *one.labels[q], *other.labels[q]) for q in one.labels if q in other.labels]
    counts = Counter((left, right) for _, left, _, right, _ in shared)
    fewest = min(len({left for left, _ in counts}), len({right for _, right in counts}))
    if fewest < (3 if one.file == other.file else 2):  # two flags of a row agree by chance
        return
    if len(shared) < _MIN_SHARED or _is_one_scheme(counts) or not _explains(counts):
        return
    usual = usual_pairs(counts)
    off = [row for row in shared if (row[1], row[3]) not in usual]
    if not off or len(off) > _MOST_OFF * len(shared):
        return
    names = [f'"{s.column}"' if one.file == other.file else f'"{s.column}" of {s.file}' for s in (one, other)]
    pairs = Counter((left, right) for _, left, _, right, _ in off)
    yield found(
        "scheme_disagreement",
        "warning",
        f"columns {names[0]} and {names[1]} label {len(shared):,} questions in common, "
        f"{many(len(off), 'question')} not as they do elsewhere: "
        + ", ".join(f"{left} with {right} {n:,}" for (left, right), n in pairs.most_common(5)),
        dict.fromkeys(where for _, _, w, _, v in off for where in (w, v)),
        count=len(off),
        examples=[
            {
                "text": "" if one.file == other.file else short(q),
                "answer": f"{left} / {right}",
                "rows": [w, v],
            }
            for q, left, w, right, v in off
        ],
        shared=len(shared),
        pairs={f"{left} / {right}": n for (left, right), n in pairs.most_common()},
        usual=sorted(f"{left} / {right}" for left, right in usual),
    )


def usual_pairs(counts: Mapping[tuple[str, str], int]) -> frozenset[tuple[str, str]]:
    """Pairs in which one label is the most frequent partner of the other."""
    left: dict[str, Counter[str]] = defaultdict(Counter)
    right: dict[str, Counter[str]] = defaultdict(Counter)
    for (one, other), number in counts.items():
        left[one][other] += number
        right[other][one] += number
    return frozenset(
        {(one, partners.most_common(1)[0][0]) for one, partners in left.items()}
        | {(partners.most_common(1)[0][0], other) for other, partners in right.items()}
    )


def _is_one_scheme(counts: Mapping[tuple[str, str], int]) -> bool:
    """Whether the labels are the same words: then rows that differ are contradictions."""
    left, right = {a for a, _ in counts}, {b for _, b in counts}
    return len(left & right) > 0.5 * min(len(left), len(right))


def _explains(counts: Mapping[tuple[str, str], int]) -> bool:
    """Whether one label nearly decides the other, far better than guessing its most frequent value."""
    total = sum(counts.values())
    for side in (0, 1):
        best: dict[str, int] = defaultdict(int)
        alone: Counter[str] = Counter()
        for pair, number in counts.items():
            best[pair[side]] = max(best[pair[side]], number)
            alone[pair[1 - side]] += number
        guessed = alone.most_common(1)[0][1]
        wrong = total - guessed
        if wrong >= 10 and sum(best.values()) - guessed >= _EXPLAINED * wrong:
            return True
    return False
