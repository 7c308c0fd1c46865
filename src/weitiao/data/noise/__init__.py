"""Text as a speech recogniser hears it, at a chosen character error rate; spans of the text move along."""

from __future__ import annotations

from weitiao.data.noise.noise import Noised, Span, noisy

__all__ = ["Noised", "Span", "noisy"]
