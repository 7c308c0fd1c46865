"""Methods: how a base attends, what is trained on it, and the adapter folder."""

from __future__ import annotations
