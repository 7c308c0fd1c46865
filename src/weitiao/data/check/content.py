"""Contents: numbers and words of answers that prompts lack, languages, personal data, damage, spacing."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from weitiao.data.check.finding import Finding, found, many, short
from weitiao.data.check.material import Case, Material
from weitiao.data.check.text import fold, is_han, numbers_of
from weitiao.data.template import to_text

_PHONE = re.compile(  # an amount of eleven digits has decimals or a unit
    r"(?<!\d)(?<!\d\.)1[3-9]\d{9}(?!\d|\.\d|\s*(?:[元万亿股%％]|[港美欧日]元|人民币))"
)
_IDENTITY = re.compile(
    r"(?<!\d)[1-9]\d{5}(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}[\dXx](?!\d)"
)
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)*\.[A-Za-z]{2,}", re.ASCII)
_DAMAGE = re.compile(
    "\ufffd|锟斤拷|烫烫烫|屯屯屯|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]|[ÃÂ][\u0080-\u00bf]|â€[™œ\x9d“”]|ï¼[ŒŸš›]|[\ue000-\uf8ff]"
)
MARKUP = re.compile(
    r"</?(?:p|br|div|span|b|i|em|strong|sub|sup|a|table|tr|td|ul|li|font|h[1-6])\b[^<>]{0,80}>|&(?:lt|gt|amp|nbsp|quot|#\d{2,5});",
    re.IGNORECASE,
)
DOUBLED = re.compile(r"(?<=\w)  +(?=\w)")
_YEARS = re.compile(r"((?:19|20)\d\d)年?\s*(?:[-~—–至到]|through|to)+\s*((?:19|20)\d\d)")
_GROUNDED = 0.8
_ABSENT_SHOWN = 20
_KINDS = (("phone number", _PHONE), ("identity number", _IDENTITY), ("e-mail address", _EMAIL))


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
            {"text": short(c.asked), "answer": short(c.said or ""), "numbers": extra} for c, extra in invented
        ],
    )


def _is_code(cases: Sequence[Case]) -> bool:
    """Whether answers are SQL or JSON, whose numbers follow other rules."""
    coded = sum((c.said or "").lstrip().lower().startswith(("select", "with", "{", "[")) for c in cases)
    return coded >= 0.5 * len(cases)


def invented_numbers(case: Case) -> list[str]:
    """Numbers of the answer that are not in the prompt, nor the same as a percentage or rounded."""
    text = "\n".join(m.content for m in case.example.prompt)
    given = set(numbers_of(text))
    for first, last in _YEARS.findall(text):
        given.update(map(str, range(int(first), int(last) + 1)))
    return [n for n in numbers_of(case.example.reference or "") if n not in given and not _derived(n, given)]


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


def check_personal(material: Material) -> Iterator[Finding]:
    """Phone numbers, identity numbers with a right check digit, e-mail addresses."""
    for what, pattern in _KINDS:
        rows: list[str] = []
        for record, _ in material.records:
            text = "\n".join(to_text(value) for value in record.fields.values())
            if any(what != "identity number" or is_identity(hit) for hit in pattern.findall(text)):
                rows.append(str(record.origin))
        if rows:
            yield found(
                "personal_data",
                "warning",
                f"{many(len(rows), 'row')} hold a {what}".replace("a e-", "an e-").replace("a i", "an i"),
                rows,
                kind=what,
            )


def is_identity(number: str) -> bool:
    """Whether the check digit of a Chinese identity number is right (GB 11643)."""
    total = sum(int(digit) * 2 ** (17 - k) for k, digit in enumerate(number[:17]))
    return "10X98765432"[total % 11] == number[17].upper()


def check_damage(material: Material) -> Iterator[Finding]:
    """Damaged characters, leftovers of markup, doubled spaces inside lines."""
    for name, values in material.columns.items():
        texts = [(w, t) for w, v in values if (t := to_text(v))]
        for pattern, what, severity in (
            (_DAMAGE, "damaged or invisible characters", "serious"),
            (MARKUP, "leftovers of markup", "warning"),
        ):
            hits = [(w, hit) for w, t in texts if (hit := pattern.search(t))]
            if hits and len(hits) <= 0.5 * len(texts):
                yield found(
                    "encoding",
                    severity,  # pyright: ignore[reportArgumentType]
                    f'column "{name}": {many(len(hits), "row")} hold {what}',
                    (w for w, _ in hits),
                    examples=[{"text": short(_around(hit)), "rows": [w]} for w, hit in hits],
                    column=name,
                )
        spaced = [w for w, t in texts if DOUBLED.search(t)]
        if spaced:
            yield found(
                "spacing",
                "note",
                f'column "{name}": {many(len(spaced), "row")} hold doubled spaces between words',
                spaced,
                column=name,
            )


def _around(hit: re.Match[str]) -> str:
    return hit.string[max(0, hit.start() - 30) : hit.end() + 30]
