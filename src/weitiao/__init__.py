"""weitiao (微调): from a domain file to a proven adapter of a language model."""

from __future__ import annotations

__version__ = "0.1.0"
