"""Names and dates of answers that the prompt does not have: titles in marks, companies, Latin words, dates."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from weitiao.data.check.finding import Finding, found, many, short
from weitiao.data.check.material import Case, Material
from weitiao.data.check.text import fold, is_han, numbers_of

_MIN_ROWS = 20  # with a name of this kind
_GROUNDED = 0.9  # share of the rows whose names stand in the prompt, from which the others are odd
_GENERIC = 3  # rows in which a word may stand without the prompt before it counts as a word of the language
_QUOTED = re.compile(r"《([^《》\n]{2,30})》|“([^“”\n]{2,20})”|「([^「」\n]{2,20})」")
_COMPANY = re.compile(
    r"([\u4e00-\u9fff]{2})(?:股份有限公司|有限责任公司|集团有限公司|有限公司|股份公司|集团|股份|公司)"
)
_LATIN = re.compile(r"(?<![A-Za-z0-9@._-])[A-Za-z][A-Za-z&.'-]*[A-Za-z](?![A-Za-z0-9@])")
_NAME_EN = re.compile(r"(?<=[a-z,;:] )[A-Z][\w'&.-]*\w(?: [A-Z][\w'&.-]*\w)*")
_DATE = re.compile(
    r"(?<!\d)(\d{4})\s*(?:年|[-/.])\s*(\d{1,2})\s*(?:月|[-/.])\s*(\d{1,2})(?!\d)"
    r"|(?<!\d)(\d{4})\s*年\s*(\d{1,2})\s*月|(?<!\d)(\d{1,2})\s*月\s*(\d{1,2})\s*日"
)


def check_names(material: Material) -> Iterator[Finding]:
    """Names in answers that stand nowhere in the prompt, kind by kind, where answers take theirs from it."""
    cases = [case for case in material.cases if case.example.reference]
    if len(cases) < _MIN_ROWS or material.labels is not None or _is_code(cases):
        return
    for kind, absent in _KINDS.items():
        looked = [(case, *absent(case.example.reference or "", _given(case))) for case in cases]
        with_names = [(case, missing) for case, names, missing in looked if names]
        counts = Counter(name for _, missing in with_names for name in set(missing))
        generic = {name for name, n in counts.items() if n >= _GENERIC}
        odd = [
            (case, names) for case, all_of in with_names if (names := [n for n in all_of if n not in generic])
        ]
        usual = sum(not missing or set(missing) <= generic for _, missing in with_names)
        if len(with_names) < _MIN_ROWS or not odd or usual < _GROUNDED * len(with_names):
            continue
        yield found(
            "ungrounded_name",
            "warning",
            f"{many(len(odd), 'answer')} of {len(with_names):,} with {kind} have one that the prompt does not have",
            (case.where for case, _ in odd),
            examples=[
                {"text": short(material.asked(case)), "answer": short(case.said or ""), "names": names}
                for case, names in odd
            ],
            kind=kind,
        )


def _given(case: Case) -> str:
    return "\n".join(message.content for message in case.example.prompt)


def _is_code(cases: Sequence[Case]) -> bool:
    coded = sum((c.said or "").lstrip().lower().startswith(("select", "with", "{", "[")) for c in cases)
    return coded >= 0.5 * len(cases)


Looked = tuple[
    list[str], list[str]
]  # the names of an answer, and those of them that the prompt does not have


def absent_quoted(answer: str, prompt: str) -> Looked:
    """Titles and words in marks."""
    names = ["".join(groups) for groups in _QUOTED.findall(answer)]
    dense = _dense(prompt)
    return names, [name for name in names if _dense(name) not in dense]


def absent_companies(answer: str, prompt: str) -> Looked:
    """Company names by what stands in front of their ending, two characters: where a name begins is not written."""
    names = [hit[0] for hit in _COMPANY.finditer(answer)]
    return names, [name for name in names if name[:2] not in prompt]


def absent_words(answer: str, prompt: str) -> Looked:
    """Latin words in a Chinese answer; in an English one capitalised names inside sentences."""
    pattern = _LATIN if is_han(answer) else _NAME_EN
    names = [hit[0] for hit in pattern.finditer(answer) if len(hit[0]) >= 3]
    given = fold(prompt)
    return names, [name for name in names if fold(name) not in given]


def absent_dates(answer: str, prompt: str) -> Looked:
    """Dates whose numbers the prompt has, but not as this date: days and months that were exchanged."""
    dates = _dates(answer)
    known = {parts for _, parts in _dates(prompt)}
    known |= {parts[:2] for parts in known} | {parts[1:] for parts in known if len(parts) == 3}
    numbers = set(numbers_of(prompt))
    odd = [text for text, parts in dates if parts not in known and {str(part) for part in parts} <= numbers]
    return [text for text, _ in dates], odd if known else []


def _dates(text: str) -> list[tuple[str, tuple[int, ...]]]:
    plain = unicodedata.normalize("NFKC", text)
    found_dates = []
    for hit in _DATE.finditer(plain):
        parts = tuple(int(part) for part in hit.groups() if part is not None)
        month, day = (parts[1], 1) if hit[4] is not None else parts[-2:]
        if 1 <= month <= 12 and 1 <= day <= 31:
            found_dates.append((hit[0], parts))
    return found_dates


def _dense(text: str) -> str:
    return fold(text).replace(" ", "")


_KINDS: dict[str, Callable[[str, str], Looked]] = {
    "a title or quotation": absent_quoted,
    "a company name": absent_companies,
    "a Latin name": absent_words,
    "a date": absent_dates,
}
