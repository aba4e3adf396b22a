"""SIGTERM, SIGHUP and Ctrl-C during a training: it stops between two steps and never inside one.

A signal is only noted, for an exception out of nowhere would do what TensorFlow is about no good;
the training asks for it between its steps. A second one ends the process at once.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from pipelines.errors import Interrupted

SIGNALS = {signal.SIGINT: "Ctrl-C", signal.SIGTERM: "SIGTERM", signal.SIGHUP: "SIGHUP"}


class Signals:
    """What the training was told."""

    def __init__(self) -> None:
        self._told: int | None = None

    def tell(self, number: int, frame: FrameType | None = None) -> None:
        """A signal has come."""
        if self._told is None:
            self._told = number
            return
        default = number == signal.SIGINT
        signal.signal(number, signal.default_int_handler if default else signal.SIG_DFL)
        os.kill(os.getpid(), number)

    def check(self) -> None:
        """Between two steps: go on or not.

        Raises:
            Stopped: a signal has come.
        """
        if self._told is not None:
            raise Interrupted(SIGNALS[signal.Signals(self._told)], 128 + self._told)


@contextmanager
def listening() -> Iterator[Signals]:
    """Signals are told to the training, and afterwards do again what they did before."""
    signals = Signals()
    if threading.current_thread() is not threading.main_thread():
        yield signals  # Python hands signals to the main thread alone
        return
    before = {number: signal.signal(number, signals.tell) for number in SIGNALS}
    try:
        yield signals
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
