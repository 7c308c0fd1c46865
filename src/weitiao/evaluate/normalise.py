"""The one place that says which differences between two answers do not count."""

from __future__ import annotations

import unicodedata

NORMALISATION = (
    "Before comparison both texts are brought to Unicode form NFKC (full-width letters, digits and "
    "punctuation become half-width), runs of white space become one space, and white space at both "
    "ends is removed. Case, punctuation and everything else count."
)
"""What `normalise` does, in words; printed in every report."""


def normalise(text: str) -> str:
    r"""Bring an answer to the form in which `exact` and `accuracy` compare it.

    Example:
        >>> normalise(" Ａ： 营业\n 收入 ")
        'A: 营业 收入'
    """
    return " ".join(unicodedata.normalize("NFKC", text).split())
