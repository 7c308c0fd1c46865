"""Prompt sharing: how much of the prompts is common, and what moving the variable field last would save."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from os.path import commonprefix

from weitiao.data.check.finding import Finding, found
from weitiao.data.check.material import Material

_INSIDE = 0.8
_WORTH = 0.1  # share of all characters from which a new order is proposed
_MIN_VALUE = 4


@dataclass(frozen=True)
class Reordered:
    """A prompt template with its variable field at the end.

    Attributes:
        column: The field.
        template: jinja2, ready for ``data.prompt``.
        before: Share of all prompt characters that need not be computed again, as the prompts are.
        after: The same with the template.
    """

    column: str
    template: str
    before: float
    after: float


def shared(texts: Sequence[str]) -> float:
    """Share of characters that another text with the same beginning has computed already (a prefix tree)."""
    total = sum(map(len, texts))
    ordered = sorted(texts)
    kept = sum(len(commonprefix(pair)) for pair in pairwise(ordered))  # noqa: RUF071  (characters are meant)
    return kept / total if total else 0.0


def reorder(prompts: Sequence[str], fields: Sequence[tuple[str, Sequence[str]]]) -> Reordered | None:
    """The prompts' own text with its variable field last; None where no field stands inside most prompts.

    Args:
        prompts: As they are.
        fields: Names of columns, and their value for each prompt.
    """
    best: Reordered | None = None
    before = shared(prompts)
    for name, values in fields:
        rests = [
            prompt.replace(value, "\0") if len(value) >= _MIN_VALUE and value != prompt else prompt
            for prompt, value in zip(prompts, values, strict=True)
        ]
        held = [rest for rest in rests if rest.count("\0") == 1]
        fixed, number = Counter(held).most_common(1)[0] if held else ("", 0)
        if number < _INSIDE / 2 * len(prompts) or len(held) < _INSIDE * len(prompts) or fixed.endswith("\0"):
            continue
        head = fixed.replace(
            "\0", "（见文末）" if any("\u4e00" <= c <= "\u9fff" for c in fixed) else "(see below)"
        )
        after = shared([f"{head}\n{value}" for value in values])
        if best is None or after > best.after:
            best = Reordered(name, f'{_literal(head)}\n{{{{ row["{name}"] }}}}', before, after)
    return best


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
    yield found(
        "prompt_sharing",
        "warning" if better.after >= now + 0.3 else "note",
        f'{title}; with the variable field "{better.column}" last it is {better.after:.0%}: about {saved:,} of '
        f"{total:,} prompt characters less to compute in each epoch, and the same share of each prompt in serving",
        (),
        count=len(prompts),
        examples=[{"template": better.template}],
        shared=now,
        shared_after=better.after,
        beginning=beginning,
        column=better.column,
        characters=total,
        characters_saved=saved,
    )
