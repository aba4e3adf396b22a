"""Running the stages of a schedule in child processes until all have ended."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol, get_args

from pipelines.lineage.reproduction import Reproduction
from pipelines.scheduling.children import Main, StopSignals
from pipelines.scheduling.schedule import Schedule, State
from pipelines.scheduling.screen import Screen

STARTED = "started"  # message of a child whose stage runs its command
PERIOD = 0.25  # seconds between two drawings of the table


class Executor(Protocol):
    """Child processes by name."""

    def start(self, name: str, main: Main, variables: Mapping[str, str] | None = None) -> None:
        """Start a child."""

    def wait(self, seconds: float) -> Iterable[tuple[str, list[str], int | None]]:
        """Return what has happened: a child, its messages, and its exit code at its end."""

    def send_signal(self, number: int) -> None:
        """Send a signal to all children."""


class Runner:
    """Runs the stages of a schedule.

    Args:
        schedule: the stages.
        children: the processes in which they run.
        screen: for messages.
        stop: the signals that have arrived: the first stops the stages, the second kills them.
        work: returns the function that reproduces a stage.
        variables: returns the environment variables of a stage that has a GPU, or none.

    Attributes:
        seconds: duration of each stage that has run its command.
    """

    def __init__(
        self,
        schedule: Schedule,
        children: Executor,
        screen: Screen,
        stop: StopSignals,
        work: Callable[[str], Main],
        variables: Callable[[str | None], Mapping[str, str]],
    ) -> None:
        self._schedule, self._children, self._screen = schedule, children, screen
        self._stop, self._work, self._variables = stop, work, variables
        self._signals_sent = 0
        self._start_times: dict[str, float] = {}
        self._newest_message: dict[str, str] = {}
        self.seconds: dict[str, float] = {}

    def run(self) -> None:
        """Run all stages; after a signal, only wait for those that are running."""
        while True:
            self._pass_signals_on()
            if not self._stop.numbers:
                self._start_stages()
            if not self._start_times:
                return
            now = time.monotonic()
            self._screen.draw({name: now - begun for name, begun in self._start_times.items()})
            for name, messages, code in self._children.wait(PERIOD):
                self._handle(name, messages, code)

    def _start_stages(self) -> None:
        while (choice := self._schedule.start_next()) is not None:
            name, gpu = choice
            self._start_times[name] = time.monotonic()
            self._children.start(name, self._work(name), self._variables(gpu))

    def _pass_signals_on(self) -> None:
        new = len(self._stop.numbers) - self._signals_sent
        if new and not self._signals_sent:
            self._screen.stop(list(self._start_times))
            self._children.send_signal(signal.SIGINT)
            new -= 1
            self._signals_sent += 1
        if new:
            self._children.send_signal(signal.SIGKILL)
            self._signals_sent += new

    def _handle(self, name: str, messages: list[str], code: int | None) -> None:
        for message in messages:
            if message == STARTED:
                self._screen.start(name)
            self._newest_message[name] = message
        if code is None:
            return
        seconds = time.monotonic() - self._start_times.pop(name)
        state = self._final_state(self._newest_message.pop(name, ""), code)
        if state == "ran":
            self.seconds[name] = seconds
        self._schedule.end(name, state, seconds)
        self._screen.end(name, state, seconds)

    def _final_state(self, message: str, code: int) -> State:
        states: dict[str, State] = {state: state for state in get_args(Reproduction)}
        state: State = states.get(message, "failed") if code == 0 else "failed"
        return "stopped" if state == "failed" and self._stop.numbers else state
