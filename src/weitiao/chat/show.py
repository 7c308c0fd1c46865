"""A sample to look at: which tokens are there, and which of them are trained."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from weitiao.chat.protocols import ChatFormat, Piece
from weitiao.types import Rendered

if TYPE_CHECKING:
    from rich.text import Text

_SHADES = {True: ("black on green3", "black on pale_green3"), False: ("", "on grey19")}
_SPECIAL = "bold magenta"
_SPECIAL_TARGET = "bold magenta on green3"


def show(rendered: Rendered, format: ChatFormat, *, ids: bool = False) -> Text:
    """A sample for the terminal: targets on green, special tokens by name, neighbouring tokens in two shades.

    Args:
        rendered: The sample.
        format: The format it was rendered in.
        ids: Write the id behind each token.
    """
    from rich.text import Text

    out = Text()
    out.append(summary(rendered) + "\n", style="bold")
    for k, (piece, target) in enumerate(zip(format.pieces(rendered.ids), rendered.trained, strict=True)):
        if piece.special:
            style = _SPECIAL_TARGET if target else _SPECIAL
        else:
            style = _SHADES[target][k % 2]
        out.append(_visible(piece), style=style)
        if ids:
            out.append(f"({piece.id})", style="dim")
        if "\n" in piece.text:
            out.append("\n")
    return out


def show_plain(rendered: Rendered, format: ChatFormat, *, ids: bool = False) -> str:
    """The same as plain text; targets stand between ⟦ and ⟧, with ``ids`` tokens are divided by ``|``."""
    pairs = zip(format.pieces(rendered.ids), rendered.trained, strict=True)
    out = [summary(rendered), "\n"]
    for target, group in groupby(pairs, key=lambda pair: pair[1]):
        pieces = [piece for piece, _ in group]
        text = "|".join(f"{p.text}({p.id})" for p in pieces) if ids else "".join(p.text for p in pieces)
        out.append(f"⟦{text}⟧" if target else text)
    return "".join(out)


def summary(rendered: Rendered) -> str:
    """Counts in one line."""
    name = f"example {rendered.example_id}: " if rendered.example_id else ""
    return f"{name}{len(rendered)} tokens, {sum(rendered.trained)} targets"


def _visible(piece: Piece) -> str:
    """A token that is only part of a character shows as a dot, a line end as an arrow."""
    return piece.text.replace("\n", "↵") if piece.text else "·"
