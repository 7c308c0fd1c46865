"""Base models: loading them, and training the tokenizer of a new one."""

from __future__ import annotations
