"""A data set in the formats of other tools; each of them can be read back to the same messages."""

from __future__ import annotations

from weitiao.data.export.dialogues import Turns, merged, rounds
from weitiao.data.export.formats import FORMATS, Format, Unsayable
from weitiao.data.export.write import Exported, export

__all__ = ["FORMATS", "Exported", "Format", "Turns", "Unsayable", "export", "merged", "rounds"]
