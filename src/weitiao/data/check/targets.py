"""Targets: labels with typos, stray labels, separators and endings mixed, error messages, empty fields."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from weitiao.data.check.finding import Finding, found, many, short
from weitiao.data.check.lists import ENDINGS, class_names, list_like
from weitiao.data.check.material import Material
from weitiao.data.check.text import bare_label, fold
from weitiao.data.header import JOINT
from weitiao.data.noise.pinyin import is_hanzi
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
_HEADING = re.compile(r"^[^:]{1,10}:\s*(?=\S)")
ERROR = re.compile(
    r"\s*(?:err(?:or)?\s*[:：]|traceback \(most recent|[\w.]*(?:error|exception)\s*[:：]|fatal\s*[:：]"
    r"|https? ?[45]\d\d\b"
    r"|[45]\d\d (?:bad|unauthorized|forbidden|not found|too many|internal|bad gateway|service)|rate limit"
    r"|<!doctype|<html|(?:request )?time(?:d )?out\b|connection (?:refused|reset|error)|internal server error"
    r"|request failed\b|bad gateway\b|service unavailable\b|\{\s*\"error\"\s*:|出错了|操作失败"
    r"|(?:请求|连接|服务|调用|接口|访问|网络)(?:调用|请求|连接|服务)?(?:超时|失败|异常|出错|错误)|(?:系统|服务器)(?:内部)?(?:错误|异常|繁忙)"
    r")",
    re.IGNORECASE,
)
_CODE = re.compile(r"[\d:：<{]")
BARE = re.compile(r"undefined|nan|null|none|n/a")
CELL_ERROR = re.compile(r"#(?:n/a|ref!|value!|div/0!|name\?|num!|null!|spill!|calc!)")
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
    """Rare labels that are a frequent one with marks, blanks or a heading added, or a letter or character wrong."""
    from rapidfuzz.distance import DamerauLevenshtein

    found_typos: dict[str, str] = {}
    for label, count in labels.items():
        for other, more in labels.most_common():
            if more < 10 * count:
                break
            letters = label.isalpha() and other.isalpha() and min(len(label), len(other)) >= 5
            rare = count <= max(2, 0.02 * more)
            if (
                _is_same_label(label, other)
                or (rare and letters and DamerauLevenshtein.distance(label, other) == 1)
                or (rare and _sound_alike(label, other))
            ):
                found_typos[label] = other
                break
    return found_typos


def _is_same_label(label: str, other: str) -> bool:
    """Whether a label is another with marks and blanks around or inside it, a heading, or written twice."""
    plain, meant = bare_label(label), bare_label(other)
    headed = bare_label(_HEADING.sub("", fold(label)))
    return bool(meant) and meant in (plain, headed, plain[: len(plain) // 2] if _is_twice(plain) else plain)


def _sound_alike(label: str, other: str) -> bool:
    """Whether Chinese labels have a character in common and the others of one sound: 抱修 and 报修, 缴費 and 缴费."""
    from pypinyin import lazy_pinyin

    common = sum(one == two for one, two in zip(label, other, strict=False))
    return (
        len(label) == len(other) > common >= len(label) / 2
        and all(map(is_hanzi, label + other))
        and lazy_pinyin(label) == lazy_pinyin(other)
    )


def _is_twice(text: str) -> bool:
    return len(text) % 2 == 0 and text[: len(text) // 2] * 2 == text


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


def check_endings(material: Material) -> Iterator[Finding]:
    """Replies and lists of which a part ends with a mark that the others do not have."""
    for name, values in list_like(material, also_code=True):
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


def check_errors(material: Material) -> Iterator[Finding]:
    """Replies that are an error message or begin as a refusal."""
    cases = [c for c in material.cases if c.example.reference]
    marked = errors_among([c.example.reference or "" for c in cases])
    errors = [c for c, is_wrong in zip(cases, marked, strict=True) if is_wrong]
    refusals = [c for c in cases if REFUSAL.match(fold(c.example.reference or ""))]
    for code, rows, what in (
        ("error_target", errors, "hold an error message"),
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
            examples=[
                {"text": short(material.asked(c)), "answer": short(c.example.reference or "")} for c in rows
            ],
        )


def errors_among(replies: Sequence[str]) -> list[bool]:
    """Whether each target begins as an error message does, is a bare ``null`` or ``nan``, or a cell's ``#N/A``.

    Where bare words are more than one target in fifty, they are a label that is meant, and so is a frequent class of
    a word or two (a ticket about a time-out).
    """
    folded = [fold(reply) for reply in replies]
    bare = [BARE.fullmatch(text) is not None for text in folded]
    meant = sum(bare) > 0.02 * len(replies) + 1
    classes = frozenset(reply for reply in class_names(replies) if not _CODE.search(reply))
    return [
        (ERROR.match(text) is not None and reply not in classes)
        or (is_bare and not meant)
        or CELL_ERROR.fullmatch(text) is not None
        for reply, text, is_bare in zip(replies, folded, bare, strict=True)
    ]


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
        is_target = name in material.answer_columns
        if empty and (is_target or len(empty) <= 0.4 * len(values)):
            yield found(
                "empty",
                "serious" if is_target else "warning" if len(empty) <= 0.05 * len(values) else "note",
                f'column "{name}": {many(len(empty), "row")} of {len(values):,} are empty'
                + (", and their targets with them" if is_target else ""),
                empty,
                column=name,
            )


def _is_empty(value: Any) -> bool:
    return (
        value is None or value in ([], {}) or (isinstance(value, str | float) and not to_text(value).strip())
    )
