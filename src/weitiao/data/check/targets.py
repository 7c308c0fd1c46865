"""Targets: labels with typos, stray labels, separators and endings mixed, error messages, empty fields."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from weitiao.data.check.finding import Finding, found, many, short
from weitiao.data.check.material import Material
from weitiao.data.check.text import fold
from weitiao.data.header import JOINT
from weitiao.data.template import to_text

_RARE = 0.005
_HEADERS = {
    "label",
    "labels",
    "category",
    "title",
    "text",
    "tokens",
    "sentence",
    "question",
    "标签",
    "类别",
    "标题",
    "问题",
}
SEPARATORS = (",", "，", "、", ";", "；", "|", "_", "/")
_SENTENCE = re.compile(r"[。！？!?：]|\.\s|\b(?:select|from|where)\b|[{}<>=]", re.IGNORECASE)
_PIECE = 40  # characters of one entry of a list
ENDINGS = "。.;；,，、!！"
ERROR = re.compile(
    r"\s*(?:err(?:or)?\s*[:：]|traceback \(most recent|\w+(?:error|exception)\s*[:：]|fatal\s*[:：]|https? ?[45]\d\d\b"
    r"|[45]\d\d (?:bad|unauthorized|forbidden|not found|too many|internal|bad gateway|service)|rate limit"
    r"|<!doctype|<html|(?:request )?time(?:d )?out\b|connection (?:refused|reset)|"
    r"(?:请求|连接|服务)(?:超时|失败|异常)|系统(?:错误|异常)"
    r")",
    re.IGNORECASE,
)
BARE = re.compile(r"undefined|nan|null|none|n/a")
REFUSAL = re.compile(
    r"\s*(?:as an ai\b|i'?m sorry,? (?:but )?(?:i|as)|i cannot (?:assist|help)|sorry, i can"
    r"|作为(?:一个|一名)?(?:ai|人工智能)"
    r"|(?:很)?抱歉,?我(?:无法|不能)|对不起,?我(?:无法|不能))",
    re.IGNORECASE,
)


def check_labels(material: Material) -> Iterator[Finding]:
    """Labels that are another label with a stray character, header lines, and labels with one or two rows."""
    labels = material.labels
    if labels is None:
        return
    typos = label_typos(labels)
    rows = [(c.where, c.said or "") for c in material.cases if c.said in typos]
    if rows:
        yield found(
            "label_typo",
            "serious",
            f"{many(len(rows), 'label')} are misspelt: "
            + ", ".join(f"{wrong!r} for {right!r}" for wrong, right in typos.items()),
            (where for where, _ in rows),
            corrections=typos,
        )
    names = {fold(name) for name in material.columns} | _HEADERS
    rare_labels = {label for label, n in labels.items() if n <= max(2, _RARE * labels.total())}
    headers = [
        c
        for c in material.cases
        if c.said in rare_labels and _is_header(c.fields, names) and not is_heading(c.fields)
    ]
    if headers:
        yield found(
            "header_row",
            "serious",
            f"{many(len(headers), 'row')} hold a header instead of data",
            (c.where for c in headers),
            examples=[{"text": short(c.prompt), "answer": c.said} for c in headers],
        )
    stray = {label for label, n in labels.items() if n <= 2 and n <= _RARE * labels.total()} - set(typos)
    rare = [c for c in material.cases if c.said in stray and c not in headers and not is_heading(c.fields)]
    if rare:
        yield found(
            "rare_label",
            "warning",
            f"{many(len(rare), 'row')} have a label that stands in no more than two rows",
            (c.where for c in rare),
            labels=sorted(stray),
        )


def label_typos(labels: Counter[str]) -> dict[str, str]:
    """Rare labels that are a frequent one with marks, blanks or case changed, or one letter wrong."""
    from rapidfuzz.distance import DamerauLevenshtein

    found_typos: dict[str, str] = {}
    for label, count in labels.items():
        for other, more in labels.most_common():
            if more < 10 * count or count > max(2, 0.02 * more):
                break
            plain = re.sub(r"[\W_]+", "", fold(label)) == re.sub(r"[\W_]+", "", fold(other))
            letters = label.isalpha() and other.isalpha() and min(len(label), len(other)) >= 5
            if plain or (letters and DamerauLevenshtein.distance(label, other) == 1):
                found_typos[label] = other
                break
    return found_typos


def _is_header(fields: Mapping[str, Any], names: set[str]) -> bool:
    """Whether two fields of a row hold names of columns."""
    return sum(fold(value) in names for value in fields.values() if isinstance(value, str)) >= 2


def check_headings(material: Material) -> Iterator[Finding]:
    """Rows that hold the names of their own columns: two tables that were put together."""
    headings = [record for record, _ in material.records if is_heading(record.fields)]
    if headings:
        yield found(
            "header_row",
            "serious",
            f"{many(len(headings), 'row')} repeat the names of the columns",
            (str(record.origin) for record in headings),
            examples=[
                {"text": short(", ".join(map(str, record.fields.values()))), "rows": [str(record.origin)]}
                for record in headings
            ],
        )


def is_heading(fields: Mapping[str, Any]) -> bool:
    """Whether each of a row's values is the name of its column, or the last part of it; two at least."""
    values = [(name, value) for name, value in fields.items() if value not in (None, "")]
    return len(values) > 1 and all(
        isinstance(value, str) and value.strip() in (name.strip(), name.rpartition(JOINT)[2])
        for name, value in values
    )


def check_separators(material: Material) -> Iterator[Finding]:
    """Lists that are separated in more than one way, in replies and in columns."""
    for name, values in _list_like(material):
        names = _class_names([text for _, text in values])  # in which a mark is a part of the name
        use = main_separator([text for _, text in values])
        if use is None or not use[1]:
            continue
        main, others = use
        used = {s: [w for w, text in values if s in text] for s in SEPARATORS}
        strays = {s: [w for w, text in values if s in text and text not in names] for s in others}
        strays = {s: rows for s, rows in strays.items() if rows}
        if strays and sum(map(len, strays.values())) <= len(used[main]) * 1.05:
            yield found(
                "separators",
                "warning",
                f"{name}: separated by "
                + ", ".join(
                    f"`{s}` in {many(len(rows), 'row')}" for s, rows in {main: used[main], **strays}.items()
                ),
                (w for rows in strays.values() for w in rows),
                column=name,
                rows_by_separator={s: len(rows) for s, rows in used.items() if rows},
            )


def _class_names(texts: Sequence[str]) -> frozenset[str]:
    """The texts that stand there three times or more, where nearly all do; else none: these are no classes."""
    frequent = {text: n for text, n in Counter(texts).items() if n >= 3}
    return frozenset(frequent) if sum(frequent.values()) >= 0.95 * len(texts) else frozenset()


def main_separator(texts: Sequence[str]) -> tuple[str, list[str]] | None:
    """The mark that separates most lists, and the others that separate some; None where there are hardly lists.

    A mark that mostly stands beside the main one in the same text is a part of entries, not a separator.
    """
    used = {s: {k for k, text in enumerate(texts) if s in text} for s in SEPARATORS}
    main = max(used, key=lambda s: len(used[s]))
    if len(used[main]) < 0.05 * len(texts):
        return None
    others = [s for s, rows in used.items() if s != main and s != "/" and rows]
    return main, [s for s in others if len(used[s] & used[main]) <= 0.5 * len(used[s])]


def check_endings(material: Material) -> Iterator[Finding]:
    """Replies and lists of which a part ends with a mark that the others do not have."""
    for name, values in _list_like(material, also_code=True):
        marks = Counter(text.rstrip()[-1] for _, text in values if text.rstrip()[-1:] in ENDINGS)
        rows = [w for w, text in values if text.rstrip()[-1:] and text.rstrip()[-1] in ENDINGS]
        if len(rows) >= 2 and len(rows) <= 0.6 * len(values):
            yield found(
                "endings",
                "note",
                f"{name}: {many(len(rows), 'row')} of {len(values):,} end with a mark "
                + ", ".join(f"`{mark}` {n:,}" for mark, n in marks.most_common()),
                rows,
                column=name,
            )


def _list_like(material: Material, *, also_code: bool = False) -> Iterator[tuple[str, list[tuple[str, str]]]]:
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


def check_errors(material: Material) -> Iterator[Finding]:
    """Replies that are an error message or begin as a refusal."""
    cases = [c for c in material.cases if c.example.reference]
    marked = errors_among([c.example.reference or "" for c in cases])
    errors = [c for c, is_wrong in zip(cases, marked, strict=True) if is_wrong]
    refusals = [c for c in cases if REFUSAL.match(fold(c.example.reference or ""))]
    for code, rows, what in (
        ("error_target", errors, "are error messages"),
        ("refusal", refusals, "begin with a refusal"),
    ):
        if not rows:
            continue
        is_topic = len(rows) > 0.2 * len(cases) or code == "refusal"  # then the task is about them
        yield found(
            code,
            "note" if is_topic else "serious",
            f"{many(len(rows), 'target')} {what}",
            (c.where for c in rows),
            examples=[{"text": short(c.asked), "answer": short(c.example.reference or "")} for c in rows],
        )


def errors_among(replies: Sequence[str]) -> list[bool]:
    """Whether each target begins as an error message does, or is a bare ``null`` or ``nan``.

    Where bare words are more than one target in fifty, they are a label that is meant.
    """
    bare = [BARE.fullmatch(fold(reply)) is not None for reply in replies]
    meant = sum(bare) > 0.02 * len(replies) + 1
    return [ERROR.match(fold(r)) is not None or (b and not meant) for r, b in zip(replies, bare, strict=True)]


def check_empty(material: Material) -> Iterator[Finding]:
    """Empty cells of columns that are filled in most rows, and rows that cannot be read."""
    if material.unreadable:
        yield found(
            "unreadable",
            "serious",
            f"{many(len(material.unreadable), 'row')} cannot be made into samples",
            (where for where, _ in material.unreadable),
            examples=[{"text": reason, "rows": [where]} for where, reason in material.unreadable],
        )
    for name, values in material.columns.items():
        empty = [where for where, value in values if _is_empty(value)]
        if empty and len(empty) <= 0.4 * len(values):
            yield found(
                "empty",
                "warning" if len(empty) <= 0.05 * len(values) else "note",
                f'column "{name}": {many(len(empty), "row")} of {len(values):,} are empty',
                empty,
                column=name,
            )


def _is_empty(value: Any) -> bool:
    return (
        value is None or value in ([], {}) or (isinstance(value, str | float) and not to_text(value).strip())
    )
