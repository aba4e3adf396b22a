"""Signals are recorded, checked between steps, and handled as before afterwards."""

import os
import signal
import threading

import pytest

from pipelines.errors import Interrupted
from pipelines.training.signals import SIGNALS, handle_signals


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_is_raised_only_when_it_is_checked(number):
    with handle_signals() as signals:
        signals.check()
        os.kill(os.getpid(), number)
        total = sum(range(1000))  # other work is not disturbed
        with pytest.raises(Interrupted) as error:
            signals.check()
    assert total == 499500
    assert error.value.code == 128 + number


def test_a_second_signal_ends_the_process_at_once():
    with handle_signals():
        os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


def test_earlier_handlers_are_restored():
    handlers = {number: signal.getsignal(number) for number in SIGNALS}
    with handle_signals():
        assert all(signal.getsignal(number) != handlers[number] for number in handlers)
    assert {number: signal.getsignal(number) for number in handlers} == handlers


def test_no_handler_is_set_in_another_thread():
    handlers = []

    def run():
        with handle_signals() as signals:
            signals.check()
            handlers.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert handlers == [signal.getsignal(signal.SIGTERM)]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_that_the_process_ignores_stays_ignored(number):
    handler = signal.signal(number, signal.SIG_IGN)
    try:
        with handle_signals() as signals:
            os.kill(os.getpid(), number)
            signals.check()
        assert signal.getsignal(number) is signal.SIG_IGN
    finally:
        signal.signal(number, handler)
