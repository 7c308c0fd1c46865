"""Contents: numbers and words of answers that prompts lack, languages."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from weitiao.data.check.finding import Finding, found, many, short
from weitiao.data.check.material import Case, Material
from weitiao.data.check.text import fold, is_han, numbers_of

_YEARS = re.compile(r"((?:19|20)\d\d)年?\s*(?:[-~—–至到]|through|to)+\s*((?:19|20)\d\d)")
_IN_NAME = re.compile(
    r"(?<![A-Za-z0-9])(?:[A-Za-z][A-Za-z0-9]*\d[A-Za-z0-9]*|\d+[A-Z][A-Z0-9]*)(?![A-Za-z0-9])"
)
_GROUNDED = 0.8
_ABSENT_SHOWN = 20


def check_numbers(material: Material) -> Iterator[Finding]:
    """Numbers of answers that stand nowhere in the prompt, where answers normally take theirs from it."""
    with_numbers = [c for c in material.cases if c.example.reference and numbers_of(c.example.reference)]
    if len(with_numbers) < 20 or material.labels is not None or _is_code(with_numbers):
        return
    invented = [(c, extra) for c in with_numbers if (extra := invented_numbers(c))]
    if not invented:
        return
    usual = len(invented) <= (1 - _GROUNDED) * len(with_numbers)
    yield found(
        "ungrounded_number",
        "warning" if usual else "note",
        f"{many(len(invented), 'answer')} of {len(with_numbers):,} with numbers have one that the prompt does not have",
        (c.where for c, _ in invented),
        examples=[
            {"text": short(material.asked(c)), "answer": short(c.said or ""), "numbers": extra}
            for c, extra in invented
        ],
    )


def _is_code(cases: Sequence[Case]) -> bool:
    """Whether answers are SQL or JSON, whose numbers follow other rules."""
    coded = sum((c.said or "").lstrip().lower().startswith(("select", "with", "{", "[")) for c in cases)
    return coded >= 0.5 * len(cases)


def invented_numbers(case: Case) -> list[str]:
    """Numbers of the answer that are not in the prompt, nor the same as a percentage or rounded.

    Digits in a name (``3D``, ``5G``, ``CYP1A1``) are no numbers.
    """
    text = "\n".join(m.content for m in case.example.prompt)
    given = set(numbers_of(text))
    for first, last in _YEARS.findall(text):
        given.update(map(str, range(int(first), int(last) + 1)))
    said = _IN_NAME.sub(" ", case.example.reference or "")
    return [n for n in numbers_of(said) if n not in given and not _derived(n, given)]


def _derived(number: str, given: set[str]) -> bool:
    value = float(number)
    digits = len(number.partition(".")[2])
    for other in given:
        known = float(other)
        if any(round(known * scale, digits) == value for scale in (1, 100, 0.01)):
            return True
    return False


def check_words(material: Material) -> Iterator[Finding]:
    """Entries of lists (keywords) that do not stand literally in the prompt."""
    absent: Counter[str] = Counter()
    counted = whole = 0
    lengths: list[int] = []
    rows = []
    for case, core in zip(material.cases, material.cores, strict=True):
        said = case.example.reference or ""
        parts = [p.strip() for p in re.split(r"[,，、;；_]", said.rstrip("。. ")) if p.strip()]
        lengths += map(len, parts)
        prompt = fold(case.prompt)
        missing = [p for p in parts if len(p) > 1 and fold(p) not in prompt]
        counted += len(parts)
        absent.update(missing)
        whole += said not in core
        if missing:
            rows.append(case.where)
    if sum(n > 60 for n in lengths) > 0.03 * len(lengths) or material.labels is not None:
        return  # prose, or labels
    if absent and absent.total() <= 0.6 * counted:
        yield found(
            "ungrounded_text",
            "note",
            f"{absent.total():,} of {counted:,} entries of answers ({absent.total() / counted:.0%}) do not stand in "
            f"their prompt; {many(whole, 'answer')} do not stand there as a whole",
            rows,
            count=absent.total(),
            entries=counted,
            answers=whole,
            examples=[{"text": short(entry), "count": n} for entry, n in absent.most_common(_ABSENT_SHOWN)],
        )


def check_language(material: Material) -> Iterator[Finding]:
    """Rows in another script than nearly all others."""
    scripts = [_script(core) for core in material.cores]
    counts = Counter(s for s in scripts if s)
    if counts.total() < 50 or len(counts) < 2:
        return
    main, number = counts.most_common(1)[0]
    rows = [c.where for c, s in zip(material.cases, scripts, strict=True) if s and s != main]
    if number >= 0.98 * counts.total():
        yield found(
            "language",
            "warning",
            f"{many(len(rows), 'prompt')} are not {main} as the other {number:,} are",
            rows,
            scripts=dict(counts),
        )
    else:
        said = ", ".join(f"{script} {n:,}" for script, n in counts.most_common())
        yield found(
            "language", "note", f"prompts by script: {said}", (), count=len(rows), scripts=dict(counts)
        )


def _script(text: str) -> str:
    han = sum(map(is_han, text))
    latin = sum(c.isascii() and c.isalpha() for c in text)
    if han + latin < 6:
        return ""
    return "Chinese" if han * 4 >= latin else "Latin"
