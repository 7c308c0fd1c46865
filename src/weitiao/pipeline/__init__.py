"""The stages in order: what the command line and the Python API call."""

from __future__ import annotations
