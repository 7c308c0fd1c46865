"""Samples as one self-contained page: what the model sees, and in colour what it learns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from weitiao.chat.calls import json_text
from weitiao.chat.protocols import ChatFormat
from weitiao.chat.show import summary
from weitiao.types import Example, Rendered

_STYLE = """
:root { color-scheme: light dark; --line: #8884; }
body { font: 15px/1.6 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h2 { font-size: 1rem; margin: 2rem 0 .3rem; }
.origin { font-weight: normal; opacity: .7; }
pre { font: 14px/1.7 ui-monospace, monospace; white-space: pre-wrap; overflow-wrap: anywhere;
  border: 1px solid var(--line); border-radius: 6px; padding: .7rem; margin: .3rem 0; }
.t { background: #8fd19e; color: #06280f; } .t.odd { background: #b9e4c2; }
.odd { background: #8882; } .s { color: #a01a8f; font-weight: 600; }
.t.s { color: #7a0f6c; } .c { background: #8883; border-radius: 3px; }
summary { cursor: pointer; } footer { opacity: .7; margin-top: 2rem; }
"""


def show_html(samples: Sequence[tuple[Example, Rendered]], format: ChatFormat, *, title: str) -> str:
    """A page with samples: targets on green, special tokens by name, ids on hovering, the calls read back.

    Args:
        samples: Examples and what they are rendered to.
        format: The format they were rendered in.
        title: Heading of the page.

    Returns:
        HTML that loads nothing from elsewhere.
    """
    body = "\n".join(_sample(k, *pair, format) for k, pair in enumerate(samples, start=1))
    legend = '<span class="t">learnt</span> · read only · <span class="s">special token</span>'
    return (
        f'<!doctype html>\n<html lang="en">\n<head><meta charset="utf-8"><title>{escape(title)}</title>\n'
        f"<style>{_STYLE}</style></head>\n<body>\n<h1>{escape(title)}</h1>\n<p>{legend}</p>\n"
        f"{body or '<p>no samples</p>'}\n"
        f"<footer>format <code>{escape(format.kind)}</code> {escape(format.fingerprint)}</footer>\n</body>\n</html>\n"
    )


def _sample(number: int, example: Example, rendered: Rendered, format: ChatFormat) -> str:
    origin = f' <span class="origin">{escape(str(example.origin))}</span>' if example.origin else ""
    tokens = "".join(_tokens(rendered, format))
    context = f", {rendered.context} of them see each other" if rendered.context else ""
    return (
        f"<section>\n<h2>{number}. {escape(summary(rendered))}{context}{origin}</h2>\n"
        f"<pre>{tokens}</pre>\n{_calls(example)}</section>"
    )


def _tokens(rendered: Rendered, format: ChatFormat) -> list[str]:
    out: list[str] = []
    for k, (piece, target) in enumerate(zip(format.pieces(rendered.ids), rendered.trained, strict=True)):
        classes = " ".join(
            name for name, on in (("t", target), ("s", piece.special), ("odd", k % 2 == 1)) if on
        )
        text = escape(piece.text).replace("\n", "↵\n") if piece.text else "·"
        named = f' class="{classes}"' if classes else ""
        out.append(f'<span{named} title="{piece.id}">{text}</span>')
    return out


def _calls(example: Example) -> str:
    """Function calls of the example, and the functions it may call."""
    calls = [
        f'<li><code class="c">{escape(call.name)}({escape(_arguments(call.arguments))})</code> in message {k}</li>'
        for k, message in enumerate(example.messages, start=1)
        for call in message.tool_calls
    ]
    names = [str(t.get("function", t).get("name", "?")) for t in example.tools]
    functions = f"<p>functions: {escape(', '.join(names))}</p>\n" if names else ""
    listed = f"<details open><summary>calls</summary><ul>{''.join(calls)}</ul></details>\n" if calls else ""
    return functions + listed


def _arguments(arguments: Mapping[str, Any]) -> str:
    return ", ".join(f"{k}={json_text(v)}" for k, v in arguments.items())
