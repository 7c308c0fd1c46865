"""Multiple choice: number of options, options twice, answers that are no option, damaged option marks."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from weitiao.data.check.finding import Finding, found, many, short
from weitiao.data.check.material import Material

_OPTIONS = ("choice", "choices", "options", "选项")
_ANSWERS = ("answer", "answers", "label", "答案")
_MARK = re.compile(r"(?<!\S)([A-G])(?=\s*[．.、:：）)])")


def check_choices(material: Material) -> Iterator[Finding]:
    """Lists of options and their answers."""
    rows = [
        (str(r.origin), options, _answer(r.fields))
        for r, _ in material.records
        if (options := _options(r.fields))
    ]
    if not rows:
        return
    counts = Counter(len(options) for _, options, _ in rows)
    usual = counts.most_common(1)[0][0]
    other = [w for w, options, _ in rows if len(options) != usual]
    if other:
        yield found(
            "option_count",
            "note",
            f"{many(len(other), 'question')} of {len(rows):,} do not have {usual} options: "
            + ", ".join(f"{size} options {n:,}" for size, n in sorted(counts.items())),
            other,
            counts={str(size): n for size, n in sorted(counts.items())},
        )
    twice = [(w, o) for w, o, _ in rows if len({str(x).strip() for x in o}) < len(o)]
    if twice:
        yield found(
            "option_repeated",
            "warning",
            f"{many(len(twice), 'question')} have the same option twice",
            (w for w, _ in twice),
            examples=[{"text": short(" / ".join(map(str, o))), "rows": [w]} for w, o in twice],
        )
    wrong = [(w, o, a) for w, o, a in rows if a is not None and not is_valid(a, o)]
    if wrong and len(wrong) <= 0.5 * len(rows):
        yield found(
            "option_answer",
            "serious",
            f"{many(len(wrong), 'answer')} are none of the options",
            (w for w, _, _ in wrong),
            examples=[
                {"text": short(" / ".join(map(str, o))), "answer": str(a), "rows": [w]} for w, o, a in wrong
            ],
        )


def _options(fields: Mapping[str, Any]) -> Sequence[Any]:
    """The list of options of a row, empty where there is none."""
    values = (value for name, value in fields.items() if name.lower() in _OPTIONS)
    for value in values:
        if isinstance(value, list) and len(value) > 1:
            return value
        if isinstance(value, dict) and len(value) > 1:
            return list(value.values())
    return ()


def _answer(fields: Mapping[str, Any]) -> Any:
    return next((value for name, value in fields.items() if name.lower() in _ANSWERS), None)


def is_valid(answer: Any, options: Sequence[Any]) -> bool:
    """Whether an answer is an option, its letter, or its number from 0."""
    if isinstance(answer, bool):
        return False
    if isinstance(answer, int):
        return 0 <= answer < len(options)
    text = str(answer).strip()
    letters = "ABCDEFGHIJ"[: len(options)]
    return text in {str(o).strip() for o in options} or (bool(text) and set(text.upper()) <= set(letters))


def check_marks(material: Material) -> Iterator[Finding]:
    """Texts with several questions whose option marks are not A, B, C, D over and over."""
    for name, values in material.columns.items():
        marks = {where: marks_of(value) for where, value in values if isinstance(value, str)}
        last = Counter(max(text) for text in marks.values() if text).most_common(1)
        if len(marks) < 5 or not last or last[0][0] < "C":
            continue
        series = "ABCDEFG"[: "ABCDEFG".index(last[0][0]) + 1]
        uneven = {w: text for w, text in marks.items() if text.replace(series, "")}
        if sum(bool(text) for text in marks.values()) - len(uneven) < 0.6 * len(marks) or not uneven:
            continue
        yield found(
            "option_marks",
            "warning",
            f'column "{name}": in {many(len(uneven), "row")} the option marks are not '
            f"{', '.join(series)} over and over",
            uneven,
            examples=[{"text": f"marks in this order: {text}", "rows": [w]} for w, text in uneven.items()],
            column=name,
        )


def marks_of(text: str) -> str:
    """The option marks of a text in their order: a capital with a point behind it, at the start of a line or word.

    Example:
        >>> marks_of("1. Why? A. so B. thus C that D. then")
        'ABD'
    """
    return "".join(_MARK.findall(text))
