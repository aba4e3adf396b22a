"""A signal is noted, asked for between steps, and does its own again afterwards."""

import os
import signal
import threading

import pytest

from pipelines.errors import Interrupted
from pipelines.training import signals as stopping


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_it_is_raised_where_it_is_asked_for_and_nowhere_else(number):
    with stopping.listening() as signals:
        signals.check()
        os.kill(os.getpid(), number)
        done = sum(range(1000))  # whatever goes on is not disturbed
        with pytest.raises(Interrupted) as stop:
            signals.check()
    assert done == 499500
    assert stop.value.code == 128 + number


def test_a_second_one_ends_it_at_once():
    with stopping.listening():
        os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


def test_what_was_there_before_comes_back():
    before = {number: signal.getsignal(number) for number in stopping.SIGNALS}
    with stopping.listening():
        assert all(signal.getsignal(number) != before[number] for number in before)
    assert {number: signal.getsignal(number) for number in before} == before


def test_in_another_thread_no_handler_is_set():
    found = []

    def inside():
        with stopping.listening() as signals:
            signals.check()
            found.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=inside)
    thread.start()
    thread.join()
    assert found == [signal.getsignal(signal.SIGTERM)]
