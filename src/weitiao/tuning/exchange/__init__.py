"""Prefixes of other systems, in and out: the official ChatGLM P-Tuning v2 scripts, and PEFT.

    folder ──read──▶ Encoder ──kv──▶ adapter folder ──▶ Encoder ──write──▶ folder

All three store the same numbers in another order; what differs is where the text begins (`position_start`). The
official scripts begin it at 0 with the prefix in front, PEFT and weitiao at P. An imported prefix keeps its numbers
and its start, so that going back is bit-equal; they are turned to P when they meet a base (`turning`).

No file is ever unpickled: ``.bin`` files are read as tensors only.
"""

from __future__ import annotations
