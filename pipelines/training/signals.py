"""Handling of SIGTERM, SIGHUP and Ctrl-C: a training stops between two steps, never inside one.

Signals are recorded and handled between steps: raising inside a TensorFlow call could corrupt its
state. A second signal ends the process at once.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
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

    @property
    def number(self) -> int | None:
        """The signal that was received; None if there is none."""
        return self._received

    def check(self) -> None:
        """Stop the training if a signal was received.

        Raises:
            Interrupted: a signal was received.
        """
        if self.number is not None:
            raise Interrupted(SIGNALS[signal.Signals(self.number)], 128 + self.number)


class AgreedSignals(Signals):
    """Signals of a training with several workers, which must stop after the same step.

    Args:
        own: the signals that this worker receives.
    """

    def __init__(self, own: Signals) -> None:
        super().__init__()
        self._own = own

    @property
    def request(self) -> float:
        """1 if this worker was asked to stop; the sum over all workers is given to `agree`."""
        return float(self._own.number is not None)

    def agree(self, requests: float) -> None:
        """Let all workers stop if there is a request."""
        if requests:
            self._received = self._own.number or signal.SIGTERM


@contextmanager
def handled_by(handler: Callable[[int, FrameType | None], object]) -> Iterator[None]:
    """Call a function for each signal that stops a training while the context is open.

    Signals that the process ignores stay ignored, SIGHUP after `nohup` for example. The end of the
    context restores the earlier handlers.
    """
    handlers = {
        number: signal.signal(number, handler)
        for number in SIGNALS
        if signal.getsignal(number) is not signal.SIG_IGN
    }
    try:
        yield
    finally:
        for number, earlier in handlers.items():
            signal.signal(number, earlier)


@contextmanager
def handle_signals() -> Iterator[Signals]:
    """Record the signals that stop a training while the context is open; see `handled_by`."""
    signals = Signals()
    if threading.current_thread() is not threading.main_thread():
        yield signals  # Python delivers signals to the main thread only
        return
    with handled_by(signals.record):
        yield signals
