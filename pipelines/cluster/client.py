"""Client of a Dask cluster: sends a job to a worker and follows it to its end."""

from __future__ import annotations

import asyncio
import json
import os
import queue
import signal
import sys
import time
import uuid
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Any

from pipelines.cluster.worker_task import Answer, make_task
from pipelines.data import dask_client
from pipelines.errors import UserError, redact
from pipelines.scheduling.jobs import NOTICE

PERIOD = 0.25  # seconds between two looks at signals
LOOK_SECONDS = 1.0  # between two looks at the workers of the cluster
CONNECTION_LOST = "The connection to the Dask scheduler was lost."


def connect(address: str) -> AbstractContextManager[Any]:
    """Return the connection to a scheduler as a context.

    Raises:
        UserError: it does not answer, or Dask is not installed.
    """
    fix = "Correct the address, or start one with `dask scheduler`."
    return dask_client.connect(address, "`--scheduler`", fix)


def count_workers(address: str) -> int:
    """Return the number of workers that a scheduler has now.

    Raises:
        UserError: it does not answer.
    """
    with connect(address) as client:
        return len(client.nthreads())


class RemoteTask:
    """A job that a worker runs.

    Args:
        client: of the cluster.
        stage: name of the stage.
        on_message: called with each message of the job.
    """

    def __init__(self, client: Any, stage: str, on_message: Callable[[str], None]) -> None:
        self._client, self._stage, self._on_message = client, stage, on_message
        self._events: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self._interrupted = False
        self._signal_sent = False
        self._process: tuple[str, int] | None = None  # worker and process that run the job

    def shares_disk(self, token: str) -> bool:
        """Return True if all workers see a file of this machine; wait for the first worker.

        Args:
            token: path of the file.

        Raises:
            UserError: the connection to the scheduler is lost.
            KeyboardInterrupt: Ctrl-C has come.
        """
        with self._recorded_interrupts(), reported_loss():
            while not self._client.nthreads():
                self._raise_if_interrupted()
                with suppress(queue.Empty):
                    self._events.get(timeout=2 * PERIOD)
            answers = self._client.run(os.path.exists, token, on_error="ignore")
        return all(answers.values())

    def run(self, job: dict[str, Any], archive: bytes) -> tuple[dict[str, Any], bytes]:
        """Run the job on a worker; print its output.

        Ctrl-C stops the stage on the worker. A job whose worker dies starts on another one.

        Args:
            job: the job.
            archive: files of the copy.

        Returns:
            The result of the job, and its runs of MLflow.

        Raises:
            UserError: the job could not run to its end.
            KeyboardInterrupt: Ctrl-C has come before a worker began.
        """
        with self._recorded_interrupts():
            future = self._submit(job, archive, self._events.put)
            future.add_done_callback(lambda _: self._events.put(None))
            self._follow(future)
            answer = self._result(future)
        return self._parse(answer)

    def _submit(
        self,
        job: dict[str, Any],
        archive: bytes,
        on_event: Callable[[dict[str, Any]], None],
        **options: Any,
    ) -> Any:
        """Submit a task that runs a job; return its future."""
        name = f"seqproof-{self._stage}-{uuid.uuid4().hex}"
        self._client.subscribe_topic(name, lambda event: on_event(event[1]))
        return self._client.submit(
            make_task(), json.dumps(job), archive, name, key=name, pure=False, **options
        )

    def _follow(self, future: Any) -> None:
        """Handle the events of a job until it has ended."""
        next_look = time.monotonic() + LOOK_SECONDS
        while True:
            self._stop_if_interrupted(future)
            if time.monotonic() > next_look:
                next_look = time.monotonic() + LOOK_SECONDS
                if self._process is not None and not self._has([self._process[0]]):
                    self._report_loss()
            try:
                event = self._events.get(timeout=PERIOD)
            except queue.Empty:
                continue
            if event is None:
                return
            self._handle(event)

    def _report_loss(self) -> None:
        """Report that the worker of the job was lost, after which Dask looks for another one."""
        assert self._process is not None
        write_log(f"Worker {self._process[0]} was lost.\n")
        self._notify(
            f"its worker {self._process[0]} was lost. Another one runs it again; a training goes "
            "on from its last checkpoint."
        )
        self._process, self._signal_sent = None, False

    def _notify(self, sentence: str) -> None:
        self._on_message(f"{NOTICE}{sentence}")

    def _has(self, workers: Collection[str]) -> bool:
        """Return True if the cluster still has these workers."""
        try:
            return set(workers) <= set(self._client.nthreads())
        except Exception:  # the connection is lost, which ends the tasks, too
            return True

    def _handle(self, event: dict[str, Any]) -> None:
        if "process" in event:
            if self._process is not None:
                self._report_loss()
            write_log(f"Running {self._stage} on {event['address']}.\n")
            self._process, self._signal_sent = (event["address"], event["process"]), False
        elif "log" in event:
            write_log(event["log"])
        elif "message" in event:
            self._on_message(event["message"])

    def _stop_if_interrupted(self, future: Any) -> None:
        """Pass Ctrl-C on to the worker.

        Raises:
            KeyboardInterrupt: no worker has begun.
        """
        if self._interrupted and not self._signal_sent:
            self._signal_sent = True
            if self._process is None:
                future.cancel()
                self._raise_if_interrupted()
            else:
                self._signal(self._process, signal.SIGINT)

    def _signal(self, process: tuple[str, int], number: int) -> None:
        """Send a signal to the process of a job on a worker."""
        with suppress(Exception):  # the worker or the process may be gone
            self._client.run(os.kill, process[1], number, workers=[process[0]])

    def _parse(self, answer: Answer) -> tuple[dict[str, Any], bytes]:
        """Return result and runs of MLflow.

        Raises:
            UserError: the job could not run to its end.
        """
        content = json.loads(answer[0])
        if "error" in content:
            raise UserError(content["error"])
        result: dict[str, Any] = content["result"]
        return result, answer[1]

    def _result(self, future: Any) -> Answer:
        from distributed import CancelledError, KilledWorker

        try:
            answer: Answer = future.result()
        except KilledWorker as error:
            raise UserError(
                f"{self._stage} was tried on several workers, and each of them died, the last one "
                f"at {error.last_worker.address}. Their memory may be too small."
            ) from None
        except (CancelledError, OSError):
            raise UserError(CONNECTION_LOST) from None
        except Exception as error:  # of Dask on the worker
            reason = redact(" ".join(str(error).split())).rstrip(".") or type(error).__name__
            raise UserError(f"Dask could not run {self._stage}: {reason}.") from None
        return answer

    @contextmanager
    def _recorded_interrupts(self) -> Iterator[None]:
        """Record Ctrl-C while the context is open."""

        def record(number: int, frame: object) -> None:
            self._interrupted = True

        handler = signal.signal(signal.SIGINT, record)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, handler)

    def _raise_if_interrupted(self) -> None:
        if self._interrupted:
            raise KeyboardInterrupt


@contextmanager
def reported_loss() -> Iterator[None]:
    """Report errors of Dask in the context as a lost connection.

    Raises:
        UserError: Dask has raised an error.
    """
    try:
        yield
    except (Exception, asyncio.CancelledError):  # Dask has no class for it
        raise UserError(CONNECTION_LOST) from None


def write_log(text: str) -> None:
    """Write to the log of the job, which is the output of this process."""
    sys.stdout.write(text)
    sys.stdout.flush()
