"""Prompt sharing: how much of the prompts is common, and what moving the variable field last would save."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from os.path import commonprefix

import yaml

from weitiao.data.check.finding import Finding, found
from weitiao.data.check.material import Material

_INSIDE = 0.8
_WORTH = 0.1  # share of all characters from which a new order is proposed
_MIN_VALUE = 4


@dataclass(frozen=True)
class Reordered:
    """A prompt template with its variable fields at the end.

    Attributes:
        columns: The fields.
        template: jinja2, ready for ``data.prompt``.
        before: Share of all prompt characters that need not be computed again, as the prompts are.
        after: The same with the template.
    """

    columns: tuple[str, ...]
    template: str
    before: float
    after: float

    @property
    def recipe(self) -> str:
        """The template as lines of a recipe: YAML, ready to copy."""
        lines = "\n".join(f"    {line}" if line else "" for line in self.template.split("\n"))
        block = f"data:\n  prompt: |2-\n{lines}\n"
        try:
            read = yaml.safe_load(block)
        except yaml.YAMLError:
            read = None
        if read == {"data": {"prompt": self.template}}:
            return block
        return f"data:\n  prompt: {json.dumps(self.template)}\n"


def shared(texts: Sequence[str]) -> float:
    """Share of characters that another text with the same beginning has computed already (a prefix tree)."""
    total = sum(map(len, texts))
    ordered = sorted(texts)
    kept = sum(len(commonprefix(pair)) for pair in pairwise(ordered))  # noqa: RUF071  (characters are meant)
    return kept / total if total else 0.0


def reorder(prompts: Sequence[str], fields: Sequence[tuple[str, Sequence[str]]]) -> Reordered | None:
    """The prompts' own text with its variable field last; None where no field stands inside most prompts.

    Where one field alone does not make the prompts, all that stand inside most prompts are put last, by their names.

    Args:
        prompts: As they are.
        fields: Names of columns, and their value for each prompt.
    """
    alone = [better for field in fields if (better := _moved(prompts, [field])) is not None]
    if alone:
        return max(alone, key=lambda better: better.after)
    inside = [
        (name, values)
        for name, values in fields
        if sum(len(v) >= _MIN_VALUE and v != p and v in p for v, p in zip(values, prompts, strict=True))
        >= _INSIDE * len(prompts)
    ]
    return _moved(prompts, inside) if len(inside) > 1 else None


def _moved(prompts: Sequence[str], fields: Sequence[tuple[str, Sequence[str]]]) -> Reordered | None:
    """The prompts with these fields last; None where their rest is not mostly one text, or they are last already."""
    rests = []
    for number, prompt in enumerate(prompts):
        rest = prompt
        for k, (_, values) in sorted(enumerate(fields), key=lambda field: -len(field[1][1][number])):
            value = values[number]
            if len(value) >= _MIN_VALUE and value != prompt:
                rest = rest.replace(value, f"\0{k}\0")
        rests.append(rest)
    whole = [rest for rest in rests if all(rest.count(f"\0{k}\0") == 1 for k in range(len(fields)))]
    fixed, number = Counter(whole).most_common(1)[0] if whole else ("", 0)
    is_last = not fixed.rstrip().rpartition("\0")[2]
    if (
        number < _INSIDE / 2 * len(prompts)
        or len(whole) < _INSIDE * len(prompts)
        or (is_last and len(fields) == 1)
    ):
        return None
    chinese = any("\u4e00" <= c <= "\u9fff" for c in fixed)
    order = sorted(range(len(fields)), key=lambda k: fixed.index(f"\0{k}\0"))
    names = [fields[k][0] for k in order]
    head = fixed
    for k, (name, _) in enumerate(fields):
        note = ("（见文末{}）" if chinese else "(see{} below)").format("" if len(fields) == 1 else f" {name}")
        head = head.replace(f"\0{k}\0", note)
    titles = ["" if len(fields) == 1 else f"{name}: " for name in names]
    columns = [fields[k][1] for k in order]
    ends = [
        "\n".join(f"{title}{text}" for title, text in zip(titles, row, strict=True))
        for row in zip(*columns, strict=True)
    ]
    quoted = (json.dumps(name, ensure_ascii=False) for name in names)
    tail = "\n".join(f"{title}{{{{ row[{name}] }}}}" for title, name in zip(titles, quoted, strict=True))
    after = shared([f"{head}\n{end}" for end in ends])
    return Reordered(tuple(names), f"{_literal(head)}\n{tail}", shared(prompts), after)


def _literal(text: str) -> str:
    """A text as it must stand in a template."""
    return f"{{% raw %}}{text}{{% endraw %}}" if "{{" in text or "{%" in text or "{#" in text else text


def check_sharing(material: Material) -> Iterator[Finding]:
    """How much is shared now, and the re-ordered template where it would share clearly more."""
    cases = [c for c in material.cases if len([m for m in c.example.prompt if m.role != "system"]) == 1]
    prompts = [case.prompt for case in cases]
    if len(prompts) < 8:
        return
    columns = [
        (name, [value if isinstance(value := c.fields.get(name), str) else "" for c in cases])
        for name in material.columns
        if name not in material.answer_columns
    ]
    better = reorder(prompts, columns)
    now = shared(prompts)
    beginning = len(commonprefix(prompts))  # noqa: RUF071
    title = (
        f"{now:.0%} of the characters of prompts stand in a common beginning ({beginning:,} in that of all)"
    )
    if better is None or better.after < now + _WORTH:
        yield found("prompt_sharing", "note", title, (), count=len(prompts), shared=now, beginning=beginning)
        return
    total = sum(map(len, prompts))
    saved = round((better.after - now) * total)
    named = ("field " if len(better.columns) == 1 else "fields ") + ", ".join(
        f'"{c}"' for c in better.columns
    )
    yield found(
        "prompt_sharing",
        "warning" if better.after >= now + 0.3 else "note",
        f"{title}; with the variable {named} last it is {better.after:.0%}: about {saved:,} of "
        f"{total:,} prompt characters less to compute in each epoch, and the same share of each prompt in serving",
        (),
        count=len(prompts),
        examples=[{"recipe": better.recipe}],
        shared=now,
        shared_after=better.after,
        beginning=beginning,
        columns=list(better.columns),
        template=better.template,
        characters=total,
        characters_saved=saved,
    )
