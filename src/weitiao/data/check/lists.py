"""Lists in replies and columns: how their entries are separated."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from weitiao.data.check.finding import Finding, found, many
from weitiao.data.check.material import Material
from weitiao.data.check.text import is_han

SEPARATORS = (",", "，", "、", ";", "；", "|", "_", "/")
_BLANKS = ("\t", " ")
_SENTENCE = re.compile(r"[。！？!?：]|\.\s|\b(?:select|from|where)\b|[{}<>=]", re.IGNORECASE)
_PIECE = 40  # characters of one entry of a list
_FREQUENT = 3  # rows of a text that is a class, of an entry that is known
_SHOWN = {"\t": "tab", " ": "blank"}
ENDINGS = "。.;；,，、!！"


class United(NamedTuple):
    """Lists with one separator.

    Attributes:
        main: The mark that separates most of them.
        texts: The lists, all separated by it.
        strays: Of each list, the other marks that separated it.
    """

    main: str
    texts: list[str]
    strays: list[tuple[str, ...]]


def check_separators(material: Material) -> Iterator[Finding]:
    """Lists that are separated in more than one way, in replies and in columns."""
    for name, values in list_like(material):
        lists = united([text for _, text in values])
        if lists is None:
            continue
        marks = dict.fromkeys(mark for strays in lists.strays for mark in strays)
        rows = {m: [w for (w, _), s in zip(values, lists.strays, strict=True) if m in s] for m in marks}
        used = {s: sum(s in text for _, text in values) for s in SEPARATORS}
        if rows and sum(map(len, rows.values())) <= used[lists.main] * 1.05:
            yield found(
                "separators",
                "warning",
                f"{name}: separated by `{lists.main}` in {many(used[lists.main], 'row')}, "
                + ", ".join(f"`{_SHOWN.get(m, m)}` in {many(len(of), 'row')}" for m, of in rows.items()),
                (w for of in rows.values() for w in of),
                column=name,
                rows_by_separator={s: n for s, n in used.items() if n},
            )


def united(texts: Sequence[str]) -> United | None:
    """Lists separated as most of them are; None where there are hardly lists.

    A mark that mostly stands beside the main one in the same text is a part of entries, not a separator, unless what
    stands on both sides of it are entries that are known from elsewhere. In the name of a class a mark is a part of it.
    """
    found_marks = main_separator(texts)
    if found_marks is None:
        return None
    main, others = found_marks
    names = class_names(texts)
    entries = Counter(entry.strip() for text in texts for entry in text.split(main))
    known = frozenset(entry for entry, n in entries.items() if n >= _FREQUENT)
    strays = [
        ()
        if text in names
        else tuple(m for m in others if m in text) + _between_known(text, main, others, known)
        for text in texts
    ]
    result = [
        re.sub("|".join(map(re.escape, marks)), main, text) if marks else text
        for text, marks in zip(texts, strays, strict=True)
    ]
    return United(main, result, strays)


def _between_known(text: str, main: str, others: Sequence[str], known: frozenset[str]) -> tuple[str, ...]:
    """The marks of a list that stand between entries which are known, and nowhere else in it."""
    marks = []
    for mark in (*SEPARATORS, *_BLANKS):
        joined = [entry for entry in text.split(main) if mark in entry.strip()]
        if mark == main or mark in others or not joined or any(entry.strip() in known for entry in joined):
            continue
        pieces = [piece.strip() for entry in joined for piece in entry.strip().split(mark)]
        if all(p in known for p in pieces) and (mark not in _BLANKS or all(map(is_han, pieces))):
            marks.append(mark)
    return tuple(marks)


def class_names(texts: Sequence[str]) -> frozenset[str]:
    """The texts that stand there three times or more, where nearly all do; else none: these are no classes."""
    frequent = {text: n for text, n in Counter(texts).items() if n >= _FREQUENT}
    return frozenset(frequent) if sum(frequent.values()) >= 0.95 * len(texts) else frozenset()


def main_separator(texts: Sequence[str]) -> tuple[str, list[str]] | None:
    """The mark that separates most lists, and the others that separate some; None where there are hardly lists."""
    used = {s: {k for k, text in enumerate(texts) if s in text} for s in SEPARATORS}
    main = max(used, key=lambda s: len(used[s]))
    if len(used[main]) < 0.05 * len(texts):
        return None
    others = [s for s, rows in used.items() if s != main and s != "/" and rows]
    return main, [s for s in others if len(used[s] & used[main]) <= 0.5 * len(used[s])]


def list_like(material: Material, *, also_code: bool = False) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Replies and text columns of short entries; prose has marks of its own and is left out."""
    replies = [(c.where, c.said) for c in material.cases if c.said]
    spoken = {text for _, text in replies}
    columns = [
        (f'column "{name}"', [(w, v) for w, v in values if isinstance(v, str) and v.strip()])
        for name, values in material.columns.items()
    ]
    asked = {case.asked for case in material.cases}
    for name, values in [("answers", replies), *columns]:
        texts = [text for _, text in values]
        if name != "answers" and len(set(texts) - spoken) < 0.1 * len(set(texts)):
            continue  # the column of the answers
        if name != "answers" and asked and len(set(texts) - asked) < 0.1 * len(set(texts)):
            continue  # the column of the prompts
        if (
            len(texts) < 8
            or len(set(texts)) < max(3, 0.06 * len(texts))
            or not (are_lists(texts) or (also_code and _is_code(texts)))
        ):
            continue
        yield name, values


def are_lists(texts: Sequence[str]) -> bool:
    """Whether texts are lists of short entries, or single entries, and not prose."""
    prose = sum(bool(_SENTENCE.search(text.rstrip(ENDINGS + " "))) for text in texts)
    if prose > 0.05 * len(texts):
        return False
    pieces = [piece for text in texts for piece in re.split(r"[,，、;；|_]", text)]
    return sum(len(p) > _PIECE for p in pieces) <= 0.03 * len(pieces)


def _is_code(texts: Sequence[str]) -> bool:
    return sum(text.lstrip()[:6].lower() == "select" for text in texts) >= 0.9 * len(texts)
