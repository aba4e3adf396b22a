"""SIGTERM, SIGHUP and Ctrl-C during a training: it stops between two steps and never inside one."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from pipelines.errors import Stopped

SIGNALS = {signal.SIGINT: "Ctrl-C", signal.SIGTERM: "SIGTERM", signal.SIGHUP: "SIGHUP"}


class Signals:
    """What the training was told; `Stopped` is raised at once, or after what is `whole`."""

    def __init__(self) -> None:
        self._told: int | None = None
        self._over = False
        self._deep = 0

    def tell(self, number: int, frame: FrameType | None = None) -> None:
        """A signal has come; of several the first counts, so that none disturbs the stopping."""
        if not self._over:
            self._told = number
            self._raise()

    @contextmanager
    def whole(self) -> Iterator[None]:
        """What is done in here is done to its end."""
        self._deep += 1
        try:
            yield
        finally:
            self._deep -= 1
        self._raise()

    def _raise(self) -> None:
        if self._told is not None and not self._deep:
            number, self._told, self._over = self._told, None, True
            raise Stopped(SIGNALS[signal.Signals(number)], 128 + number)


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
