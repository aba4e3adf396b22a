"""Handling of SIGTERM, SIGHUP and Ctrl-C: a training stops between two steps, never inside one.

Signals are recorded and handled between steps: raising inside a TensorFlow call could corrupt its
state. A second signal ends the process at once.
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
    """Signals received during a training run."""

    def __init__(self) -> None:
        self._received: int | None = None

    def record(self, number: int, frame: FrameType | None = None) -> None:
        """Record a signal; the second one is passed on to the process."""
        if self._received is None:
            self._received = number
            return
        is_interrupt = number == signal.SIGINT
        signal.signal(number, signal.default_int_handler if is_interrupt else signal.SIG_DFL)
        os.kill(os.getpid(), number)

    def check(self) -> None:
        """Stop the training if a signal was received.

        Raises:
            Interrupted: a signal was received.
        """
        if self._received is not None:
            raise Interrupted(SIGNALS[signal.Signals(self._received)], 128 + self._received)


@contextmanager
def handle_signals() -> Iterator[Signals]:
    """Record signals while the context is open, and restore the earlier handlers at its end."""
    signals = Signals()
    if threading.current_thread() is not threading.main_thread():
        yield signals  # Python delivers signals to the main thread only
        return
    handlers = {number: signal.signal(number, signals.record) for number in SIGNALS}
    try:
        yield signals
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
