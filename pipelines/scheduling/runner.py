"""Running the stages of a schedule until all have ended."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Mapping
from typing import get_args

from pipelines.lineage.reproduction import Reproduction
from pipelines.scheduling.children import StopSignals
from pipelines.scheduling.jobs import NOTICE, STARTED, Executor, StageJob
from pipelines.scheduling.schedule import Schedule, State
from pipelines.scheduling.screen import Screen

PERIOD = 0.25  # seconds between two drawings of the table


class Runner:
    """Runs the stages of a schedule.

    Args:
        schedule: the stages.
        executor: runs them.
        screen: for messages.
        stop: the signals that have arrived: the first stops the stages, the second kills them.
        variables: returns the environment variables of a stage that has a GPU, or none.

    Attributes:
        seconds: duration of each stage that has run its command.
    """

    def __init__(
        self,
        schedule: Schedule,
        executor: Executor,
        screen: Screen,
        stop: StopSignals,
        variables: Callable[[str | None], Mapping[str, str]],
    ) -> None:
        self._schedule, self._executor, self._screen = schedule, executor, screen
        self._stop, self._variables = stop, variables
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
            for name, messages, code in self._executor.wait(PERIOD):
                self._handle(name, messages, code)

    def _start_stages(self) -> None:
        while (choice := self._schedule.start_next()) is not None:
            name, gpu = choice
            self._start_times[name] = time.monotonic()
            self._executor.start(name, StageJob(name), self._variables(gpu))

    def _pass_signals_on(self) -> None:
        new = len(self._stop.numbers) - self._signals_sent
        if new and not self._signals_sent:
            self._screen.stop(list(self._start_times))
            self._executor.send_signal(signal.SIGINT)
            new -= 1
            self._signals_sent += 1
        if new:
            self._executor.send_signal(signal.SIGKILL)
            self._signals_sent += new

    def _handle(self, name: str, messages: list[str], code: int | None) -> None:
        for message in messages:
            if message == STARTED:
                self._screen.start(name)
            elif message.startswith(NOTICE):
                self._screen.notify(name, message.removeprefix(NOTICE))
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
