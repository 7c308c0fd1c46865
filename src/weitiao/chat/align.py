"""Where the contents of messages lie in the text that a chat template writes.

The template is rendered twice, with the contents and with marks in their place. The marks say what is the
template's and what is content; the two renderings must agree outside the contents.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from weitiao.errors import FormatError


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of the rendered text.

    Attributes:
        text: The text.
        message: Number of the message whose content it is, None for text of the template.
    """

    text: str
    message: int | None = None


def align(
    render: Callable[[Sequence[str]], str], contents: Sequence[str], *, keep: Sequence[bool], template: str
) -> tuple[Part, ...]:
    """Cut a rendered conversation into text of the template and contents of messages.

    Args:
        render: Renders the conversation with the given contents.
        contents: Content of each message.
        keep: Which blank contents need a place of their own; others count as text of the template.
        template: Text of the template, in which the marks must not occur.

    Returns:
        Parts in order; template (possibly empty) and content alternate, beginning and ending with template.

    Raises:
        FormatError: The template drops, repeats or changes a content.
    """
    real = render(contents)
    marked = {i for i, c in enumerate(contents) if c.strip() or keep[i]}
    sign = "\ue0a1"
    while any(sign in text for text in (*contents, template)):
        sign += "\ue0a2"
    marks = [f"{sign}{i}{sign}" if i in marked else c for i, c in enumerate(contents)]
    shape = re.split(f"{sign}([0-9]+){sign}", render(marks))
    order = [int(i) for i in shape[1::2]]
    _check_order(order, marked)
    texts = _place(real, shape[0::2], [_forms(contents[i]) for i in order])
    if texts is None:
        raise FormatError(
            "the chat template does not write the contents of the messages as they are: it changes them, or "
            "writes other text around them depending on what they say"
        )
    parts = [Part(shape[0])]
    for i, text, after in zip(order, texts, shape[2::2], strict=True):
        parts.extend([Part(text, i), Part(after)])
    return tuple(parts)


def _check_order(order: Sequence[int], marked: set[int]) -> None:
    missing, repeated = sorted(marked - set(order)), sorted({i for i in order if order.count(i) > 1})
    if missing:
        raise FormatError(f"the chat template leaves out message {missing[0] + 1}")
    if repeated:
        raise FormatError(f"the chat template writes message {repeated[0] + 1} more than once")


def _forms(content: str) -> tuple[str, ...]:
    """The content and what is left of it after the ways in which templates strip it."""
    strips = (content, content.strip(), content.lstrip(), content.rstrip())
    lines = (content.strip("\n"), content.lstrip("\n"), content.rstrip("\n"))
    return tuple(dict.fromkeys(strips + lines))


def _place(real: str, between: Sequence[str], forms: Sequence[tuple[str, ...]]) -> list[str] | None:
    """Choose one form of each content so that they and the text between them make up ``real``."""
    if not real.startswith(between[0]):
        return None
    chosen: list[int] = []
    ends = [len(between[0])]
    trial = 0
    while True:
        k = len(chosen)
        if k == len(forms):
            if ends[-1] == len(real):
                return [forms[i][c] for i, c in enumerate(chosen)]
        else:
            while trial < len(forms[k]) and not real.startswith(forms[k][trial] + between[k + 1], ends[-1]):
                trial += 1
            if trial < len(forms[k]):
                ends.append(ends[-1] + len(forms[k][trial]) + len(between[k + 1]))
                chosen.append(trial)
                trial = 0
                continue
        if not chosen:
            return None
        ends.pop()
        trial = chosen.pop() + 1
