"""Jobs of an executor that are started, watched and stopped one by one."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import get_args

from pipelines.lineage.reproduction import Reproduction
from pipelines.scheduling import gpus, jobs
from pipelines.scheduling.children import StopSignals
from pipelines.scheduling.jobs import Executor, LockedOuts, StageJob

ERROR = "seqproof: "  # begins the error of a command
Row = Mapping[str, float]  # of a training history


@dataclass(frozen=True)
class JobEnd:
    """End of a job.

    Attributes:
        state: `ran`, `restored`, `unchanged`, `failed` or `stopped`.
        outs: its entry in dvc.lock and its small files; None if it has none.
        seconds: its duration.
    """

    state: Reproduction
    outs: LockedOuts | None
    seconds: float


class JobPool:
    """The jobs of a sweep that run now.

    Args:
        executor: runs them.
        stop: the signals that have arrived: the first stops all jobs, the second kills them.
        variables: environment variables of all jobs.
        devices: names of the GPUs, of which each job has one to itself; no more jobs run at a time.
    """

    def __init__(
        self,
        executor: Executor,
        stop: StopSignals,
        variables: Mapping[str, str],
        devices: Sequence[str] = (),
    ) -> None:
        self._executor, self._stop, self._variables = executor, stop, variables
        self._free_devices, self._device_of = sorted(devices, reverse=True), dict[str, str]()
        self._signals_sent = 0
        self._start_times: dict[str, float] = {}
        self._outs: dict[str, LockedOuts] = {}
        self._newest_message: dict[str, str] = {}

    @property
    def is_stopping(self) -> bool:
        """True after a signal: no job should start any more."""
        return bool(self._stop.numbers)

    def elapsed(self) -> dict[str, float]:
        """Return the seconds of each running job."""
        now = time.monotonic()
        return {name: now - started for name, started in self._start_times.items()}

    def start(self, name: str, job: StageJob) -> None:
        """Start a job."""
        self._start_times[name] = time.monotonic()
        variables = {**self._variables}
        if self._free_devices:
            self._device_of[name] = self._free_devices.pop()
            variables |= gpus.variables(self._device_of[name], 1)
        self._executor.start(name, job, variables)

    def stop(self, name: str) -> None:
        """Stop a job, whose result is not needed."""
        self._executor.send_signal(signal.SIGINT, name)

    def log_lines(self, name: str) -> list[str]:
        """Return the lines of a job's log."""
        try:
            return self._executor.log(name).read_text("utf-8", "replace").splitlines()
        except OSError:
            return []

    def problem(self, name: str) -> str:
        """Return what a failed job has printed as its error, or the end of its log."""
        lines = [line.strip() for line in self.log_lines(name) if line.strip()]
        errors = [line for line in lines if line.startswith(ERROR)]
        return (errors or lines or ["it printed nothing."])[-1].removeprefix(ERROR)

    def wait(self, seconds: float) -> Iterator[tuple[str, Row | JobEnd]]:
        """Yield the epochs and ends of jobs, waiting for them for some seconds at most."""
        self._pass_signals_on()
        for name, messages, code in self._executor.wait(seconds):
            for message in messages:
                row, outs = jobs.epoch_row(message), jobs.locked_outs(message)
                if row is not None:
                    yield name, row
                elif outs is not None:
                    self._outs[name] = outs
                else:
                    self._newest_message[name] = message
            if code is not None:
                yield name, self._end(name, code)

    def _end(self, name: str, code: int) -> JobEnd:
        if name in self._device_of:
            self._free_devices.append(self._device_of.pop(name))
        states: dict[str, Reproduction] = {state: state for state in get_args(Reproduction)}
        state = states.get(self._newest_message.pop(name, ""), "failed")
        return JobEnd(
            "failed" if code else state,
            self._outs.pop(name, None),
            time.monotonic() - self._start_times.pop(name),
        )

    def _pass_signals_on(self) -> None:
        """Pass new signals on to all jobs."""
        new = len(self._stop.numbers) - self._signals_sent
        if new:
            is_first = not self._signals_sent
            self._executor.send_signal(signal.SIGINT if is_first and new == 1 else signal.SIGKILL)
            self._signals_sent += new
