"""``python -m weitiao`` is the ``weitiao`` command."""

from __future__ import annotations

from weitiao.cli import main

main()
