"""Ctrl-C and SIGTERM: the step at hand is finished and saved, a long evaluation is left at once."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType


class Interrupts:
    """Remembers that a signal came.

    Attributes:
        asked: A signal came since `listening` began.
    """

    def __init__(self) -> None:
        self.asked = False
        self._immediate = False

    def _receive(self, number: int, frame: FrameType | None) -> None:
        again, self.asked = self.asked, True
        if again or self._immediate:
            raise KeyboardInterrupt

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Take the signals while the block runs; a second one interrupts at once.

        Outside of the main thread Python delivers no signals, and nothing is changed.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        old = {n: signal.signal(n, self._receive) for n in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in old.items():
                signal.signal(number, signal.SIG_DFL if handler is None else handler)

    @contextlib.contextmanager
    def at_once(self) -> Iterator[None]:
        """Work that may be left anywhere: a signal raises `KeyboardInterrupt` in the middle of it."""
        self._immediate = True
        try:
            if self.asked:
                raise KeyboardInterrupt
            yield
        finally:
            self._immediate = False
