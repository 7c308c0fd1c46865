"""Section ``data.fix``: what `weitiao data check` proposes, done only when asked for."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from weitiao.config.section import Section


class FixConfig(Section):
    """Repairs of examples before the split, in this order; each is counted in the card with its first rows."""

    error_targets: Literal["keep", "drop"] = Field(
        default="keep",
        description="Targets that are error messages, of a spreadsheet (`#N/A`) too: drop these rows.",
    )
    no_data: Literal["keep", "drop"] = Field(
        default="keep", description="Answers that say that there is no data: drop these rows."
    )
    encoding: Literal["keep", "repair"] = Field(
        default="keep",
        description="Characters that were read in a wrong encoding, and invisible ones: repair, where it can be done "
        "letter by letter.",
    )
    markup: Literal["keep", "strip"] = Field(
        default="keep",
        description="Tags such as <p> and entities such as &lt; in prompts and answers: strip.",
    )
    spacing: Literal["keep", "collapse"] = Field(
        default="keep", description="Doubled spaces between words: collapse to one."
    )
    personal: Literal["keep", "mask"] = Field(
        default="keep",
        description="Mobile numbers, identity numbers and e-mail addresses in prompts and answers: stars for all but "
        "the first three digits.",
    )
    labels: Literal["keep", "strip"] = Field(
        default="keep",
        description="Labels that are another label with a stray character, or a wrong one of the same sound: strip "
        "to that label.",
    )
    separators: Literal["keep", "majority"] = Field(
        default="keep", description="Answers that are lists: all separated as most are."
    )
    endings: Literal["keep", "strip"] = Field(
        default="keep", description="Closing marks of answers where most have none: strip."
    )
    contradictions: Literal["keep", "majority", "drop"] = Field(
        default="keep",
        description="Equal prompts with different answers: keep only rows with the most frequent answer (of equals "
        "the first), or drop all of them.",
    )
    duplicates: Literal["keep", "drop"] = Field(
        default="keep", description="Rows with prompt and answer of an earlier row of the same part: drop."
    )
    leaks: Literal["keep", "drop"] = Field(
        default="keep",
        description="Of parts given as files: training rows whose prompt stands in dev or test, and dev rows whose "
        "prompt stands in test: drop.",
    )
