"""Trainings of one model on several workers of a Dask cluster at once.

The first worker runs the stage by DVC, the others run its command. If one of them is lost, all
start again from the last checkpoint, on workers that are there then.
"""

from __future__ import annotations

import queue
import re
import signal
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from pipelines import paths
from pipelines.cluster.client import LOOK_SECONDS, PERIOD, RemoteTask, reported_loss, write_log
from pipelines.config import params
from pipelines.errors import UserError
from pipelines.scheduling.schedule import FINISHED
from pipelines.training.supervisor import LOST, MAX_RESTARTS, PORTS, worker_variables

LOCK = "seqproof-workers"  # two groups at once could wait for each other's workers
# In DVC's message about a worker that has lost another one, or that a signal has ended: all end
# by the signal that one of them gets, for example before its machine is taken away.
LOSS = re.compile(rf"exited with (?:{LOST}|-\d+|1[3-9]\d)\b")
KILLED = "exit code -"  # in the message of `make_task` about a process that a signal has ended
GRACE_SECONDS = 10.0  # in which the other workers end after the first one
LOG_LINES = 20


def worker_count(text: str, stage: str) -> int:
    """Return the number of workers of a stage: more than one if it trains a model with `workers`.

    Args:
        text: of params.yaml.
        stage: its name.
    """
    name = stage.partition("@")[2]
    if not name:
        return 1
    config = params.parse(text, paths.PARAMS.as_posix(), with_goals=False)
    if name not in config.models or paths.training_stage(config, name) != stage:
        return 1
    return getattr(config.models[name], "workers", None) or 1


class WorkerGroup(RemoteTask):
    """A job that several workers run together.

    Args:
        client: of the cluster.
        stage: name of the stage.
        on_message: called with each message of the job.
        count: number of workers.
    """

    def __init__(
        self, client: Any, stage: str, on_message: Callable[[str], None], count: int
    ) -> None:
        super().__init__(client, stage, on_message)
        self._count = count
        self._processes: dict[int, tuple[str, int]] = {}  # worker and process of each number
        self._logs: dict[int, deque[str]] = {}
        self._is_ended = False  # the first worker, by the loss of another one or a signal

    def run(self, job: dict[str, Any], archive: bytes) -> tuple[dict[str, Any], bytes]:
        """Run the job on the workers; print the output of the first one.

        Ctrl-C stops all after the same step.

        Args:
            job: the job.
            archive: files of the copy.

        Returns:
            The result of the job, and its runs of MLflow.

        Raises:
            UserError: the job could not run to its end.
            KeyboardInterrupt: Ctrl-C has come before the workers began.
        """
        with self._recorded_interrupts(), self._alone():
            for attempt in range(MAX_RESTARTS + 1):
                if attempt:
                    sentence = "A worker was lost. All start again from the last checkpoint."
                    write_log(f"{sentence}\n")
                    self._notify(sentence)
                answer = self._attempt(job, archive, self._choose())
                if answer is not None:
                    return answer
        raise UserError(
            f"{self._stage} has lost workers {MAX_RESTARTS + 1} times. Is their memory large "
            "enough? Run the same command again to resume from the last checkpoint."
        )

    def _choose(self) -> Sequence[str]:
        """Return the workers with the fewest tasks, when there are enough."""
        is_reported = False
        while True:
            self._raise_if_interrupted()
            with reported_loss():
                tasks = self._client.processing()
            if len(tasks) >= self._count:
                return sorted(tasks, key=lambda worker: (len(tasks[worker]), worker))[: self._count]
            if not is_reported:
                sentence = f"waits for {self._count} workers; the cluster has {len(tasks)}."
                write_log(f"{self._stage} {sentence}\n")
                self._notify(sentence)
                is_reported = True
            time.sleep(PERIOD)

    def _attempt(
        self, job: dict[str, Any], archive: bytes, workers: Sequence[str]
    ) -> tuple[dict[str, Any], bytes] | None:
        """Run the job on these workers; return its result, or None if one of them was lost."""
        try:
            addresses = self._client.run(make_reservation(), workers=list(workers))
        except Exception:  # of Dask, if a worker has gone
            return None
        self._process, self._processes, self._is_ended = None, {}, False
        self._events = queue.SimpleQueue()
        ordered = [addresses[worker] for worker in workers]
        futures = [
            self._submit_to(job, archive, worker, number, ordered)
            for number, worker in enumerate(workers)
        ]
        try:
            if not self._follow_all(futures, workers):
                return None
            return self._answer(futures)
        finally:
            self._end(futures)

    def _submit_to(
        self,
        job: dict[str, Any],
        archive: bytes,
        worker: str,
        number: int,
        addresses: Sequence[str],
    ) -> Any:
        """Submit the task of one worker."""
        variables = job["variables"] | worker_variables(addresses, number)
        events = self._events
        self._logs[number] = deque(maxlen=LOG_LINES)
        return self._submit(
            job | {"variables": variables, "assists": number > 0},
            archive,
            lambda event: events.put({**event, "number": number}),
            workers=[worker],
            allow_other_workers=False,
        )

    def _follow_all(self, futures: Sequence[Any], workers: Sequence[str]) -> bool:
        """Handle events until the first worker has ended; return False if a worker was lost.

        Raises:
            UserError: another worker failed by itself.
        """
        deadline, next_look = float("inf"), 0.0
        while not futures[0].done():
            self._stop_if_interrupted(futures[0])
            self._handle_events(PERIOD)
            now = time.monotonic()
            if now < next_look:
                continue
            next_look = now + LOOK_SECONDS
            states = self._states(futures)
            if not self._has(workers) or (now > deadline and "failed" not in states):
                return False
            if now > deadline:
                self._report(states)
                raise UserError(f"{self._stage} failed on one of its workers.")
            if {"lost", "failed"} & set(states):  # the first worker may wait for it
                deadline = min(deadline, now + GRACE_SECONDS)
        return True

    def _answer(self, futures: Sequence[Any]) -> tuple[dict[str, Any], bytes] | None:
        """Return the result of the first worker, which has ended; None if it has lost another."""
        answer = self._result(futures[0])
        if self._state(0, futures[0]) == "lost":
            return None
        result, runs = self._parse(answer)
        deadline = time.monotonic() + GRACE_SECONDS
        while "running" in self._states(futures) and time.monotonic() < deadline:
            self._handle_events(PERIOD)
        if result["state"] not in FINISHED and not self._interrupted:
            states = self._states(futures)
            if self._is_ended and "failed" not in states[1:]:
                return None
            self._report(states)
        return result, runs

    def _states(self, futures: Sequence[Any]) -> list[str]:
        return [self._state(number, future) for number, future in enumerate(futures)]

    def _state(self, number: int, future: Any) -> str:
        """Return how a worker has ended, or `running`.

        Raises:
            UserError: it could not begin.
        """
        if not future.done():
            return "running"
        if future.status != "finished":
            return "lost"
        try:
            return str(self._parse(future.result())[0]["state"])
        except UserError as error:
            if KILLED in str(error):
                return "lost"
            raise

    def _handle_events(self, seconds: float) -> None:
        """Handle what has happened; wait for the first event only."""
        with suppress(queue.Empty):
            while True:
                event = self._events.get(timeout=seconds)
                if event is not None:
                    self._handle(event)
                seconds = 0.0

    def _handle(self, event: dict[str, Any]) -> None:
        number = event["number"]
        if "process" in event:
            self._processes[number] = event["address"], event["process"]
        if "log" in event:
            self._logs[number].extend(event["log"].splitlines())
            self._is_ended |= number == 0 and LOSS.search(event["log"]) is not None
        if number == 0:
            super()._handle(event)

    def _report(self, states: Sequence[str]) -> None:
        """Print the last lines of workers that failed by themselves."""
        for number, state in enumerate(states):
            if number and state == "failed":
                write_log("".join(f"worker {number}: {line}\n" for line in self._logs[number]))

    def _end(self, futures: Sequence[Any]) -> None:
        """Kill the processes that still run."""
        self._handle_events(0)
        running = [self._processes.get(n) for n, future in enumerate(futures) if not future.done()]
        for process in running:
            if process is not None and self._has([process[0]]):
                self._signal(process, signal.SIGKILL)
        with suppress(Exception):  # the scheduler may be gone
            self._client.cancel(list(futures), force=True)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Wait until no other group runs on the cluster, and keep others waiting."""
        from distributed import Lock

        with reported_loss():
            lock = Lock(LOCK, scheduler_rpc=self._client.scheduler, loop=self._client.loop)
            while not lock.acquire(timeout=LOOK_SECONDS):
                self._raise_if_interrupted()
        try:
            yield
        finally:
            with suppress(Exception):  # the scheduler may be gone
                lock.release()


def make_reservation() -> Callable[..., str]:
    """Return a function that returns an address with a free port on a worker's machine.

    Dask sends it with its code, as `make_task` does.
    """

    ports = PORTS

    def free_address(dask_worker: Any) -> str:
        import contextlib
        import random
        import socket
        from urllib.parse import urlsplit

        host = urlsplit(dask_worker.address).hostname
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        for port in random.SystemRandom().sample(ports, len(ports)):
            with (
                contextlib.suppress(OSError),
                socket.create_server((host, port), family=family),
            ):
                return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        raise OSError(f"no port of {host} is free")

    return free_address
