"""Processes of several workers on this machine.

The process of a stage starts itself once for each worker, as `TF_CONFIG` tells each, and waits for
them. If a worker is lost, all others are ended and all start again from the last checkpoint.
"""

from __future__ import annotations

import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from typing import IO, NoReturn

from pipelines import console
from pipelines.config import params
from pipelines.errors import UserError
from pipelines.training.signals import handled_by

CLUSTER = "TF_CONFIG"  # variable with the addresses of all workers and the number of this one
SUPERVISED = "SEQPROOF_SUPERVISED"  # variable of workers that end with this process
FRESH = "SEQPROOF_FRESH"  # variable instead of the option `--fresh`
# Memory that glibc keeps: otherwise large messages between workers get new pages each time.
MEMORY = {
    "MALLOC_MMAP_THRESHOLD_": str(2**30),
    "MALLOC_TRIM_THRESHOLD_": str(2**32),
    "MALLOC_TOP_PAD_": str(2**28),
}
LOST = 75  # exit code of a worker that has lost another one; EX_TEMPFAIL
MAX_RESTARTS = 5
GRACE_SECONDS = 5.0  # in which workers end after another one has failed or ended
PERIOD = 0.1  # seconds between two looks at the processes
MAX_PER_CORE = 4  # more processes would fill the memory
PORTS = range(20_000, 32_768)  # of workers: no connection gets one of them as its own port
ADDRESS = re.compile(r"\S+:(\d{1,5})")  # of a worker


def start(config: params.TrainableConfig, gpus: Sequence[str]) -> None:
    """Train in a process for each worker, if this process is none of them and cannot be all.

    It must run before this process imports TensorFlow.

    Args:
        config: a model with `workers`.
        gpus: the GPUs of this machine.

    Raises:
        SystemExit: the workers have ended.
        UserError: there are fewer GPUs than workers, or too few cores; `TF_CONFIG` is invalid.
    """
    assert config.workers is not None
    if CLUSTER in os.environ:
        addresses, number = parse_cluster(config.workers)
        if SUPERVISED in os.environ:
            threading.Thread(target=_wait_for_end_of_input, daemon=True).start()
        else:
            others = ", ".join(addresses[:number] + addresses[number + 1 :])
            console.echo(f"Worker {number} of {config.workers} waits for the others: {others}.")
        return
    if gpus and len(gpus) < config.workers:
        raise UserError(
            f"'workers: {config.workers}' needs as many GPUs, and this stage has {len(gpus)}. "
            "Lower 'workers', or set CUDA_VISIBLE_DEVICES=-1 to use the processor."
        )
    # One process drives all GPUs, but Keras cannot accumulate gradients there.
    if not gpus or config.gradient_accumulation_steps is not None:
        cores = len(os.sched_getaffinity(0))
        if config.workers > MAX_PER_CORE * cores and not gpus:
            raise UserError(
                f"'workers: {config.workers}' starts {config.workers} processes on this machine, "
                f"which has {cores} cores. Lower 'workers' to {MAX_PER_CORE * cores} or less, or "
                "name the workers of several machines in TF_CONFIG."
            )
        run_workers(config.workers, gpus)


def parse_cluster(count: int) -> tuple[list[str], int]:
    """Return the addresses of all workers and the number of this one, as `TF_CONFIG` has them.

    TensorFlow itself would wait for ever for a worker whose address is invalid.

    Args:
        count: number of workers.

    Raises:
        UserError: TF_CONFIG is invalid, or does not name so many workers.
    """
    try:
        content = json.loads(os.environ[CLUSTER])
        cluster, task = content["cluster"], content["task"]
        addresses, number = cluster["worker"], int(task["index"])
        matches = [ADDRESS.fullmatch(address) for address in addresses]
        is_valid = (
            list(cluster) == ["worker"]
            and task["type"] == "worker"
            and isinstance(addresses, list)
            and len(set(addresses)) == len(addresses) == count
            and all(match and 0 < int(match[1]) < 2**16 for match in matches)
            and 0 <= number < count
        )
    except (ValueError, KeyError, TypeError):
        is_valid = False
    if not is_valid:
        raise UserError(
            f"TF_CONFIG must name {count} different addresses HOST:PORT as cluster.worker, nothing "
            'else in cluster, and this worker\'s number as task: {"type": "worker", "index": 0}. '
            "Without TF_CONFIG, seqproof starts all workers on this machine."
        )
    return addresses, number


@contextmanager
def ended_by_ctrl_c() -> Iterator[None]:
    """Let Ctrl-C end this process while TensorFlow waits for workers of other machines."""
    handler = signal.getsignal(signal.SIGINT)
    is_alone = SUPERVISED not in os.environ and callable(handler)
    if not is_alone or threading.current_thread() is not threading.main_thread():
        yield
        return
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)


def run_workers(count: int, gpus: Sequence[str] = ()) -> NoReturn:
    """Run the program of this process in so many workers, and end as the first of them.

    Args:
        count: number of workers.
        gpus: a GPU for each worker; none to use the processor.

    Raises:
        SystemExit: with the exit code of the first worker.
        UserError: workers were lost too often.
    """
    received: list[int] = []
    with handled_by(lambda number, _: received.append(number)):
        for attempt in range(MAX_RESTARTS + 1):
            with _started(count, gpus, is_restart=attempt > 0) as workers:
                code = _wait(workers, received)
            if code is not None:
                raise SystemExit(code)
            if attempt < MAX_RESTARTS:
                console.echo("A worker was lost. All start again from the last checkpoint.")
    raise UserError(
        f"A worker was lost {MAX_RESTARTS + 1} times. Is there enough memory for {count} workers? "
        "Run the same command again to resume from the last checkpoint."
    )


def _wait_for_end_of_input() -> None:
    """End the process of a worker when its supervisor ends, whatever ends that."""
    os.read(0, 1)  # the supervisor never writes: it returns when the supervisor ends
    os.kill(os.getpid(), signal.SIGKILL)


class _Worker:
    """The process of a worker; the first one alone writes to the terminal."""

    def __init__(self, number: int, variables: Mapping[str, str], is_restart: bool) -> None:
        self.number = number
        self._errors: IO[bytes] | None = tempfile.TemporaryFile() if number else None  # noqa: SIM115
        arguments = sys.orig_argv[1:]
        environment = os.environ | variables | {SUPERVISED: "1"}
        if is_restart:
            arguments = [word for word in arguments if word != console.RESTART]
            environment.pop(FRESH, None)
        self.process = subprocess.Popen(
            [sys.executable, *arguments],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL if number else None,
            stderr=self._errors,
            start_new_session=True,  # Ctrl-C in the terminal reaches it through this process only
        )

    def close(self) -> None:
        """Kill the process if it still runs."""
        self.process.kill()
        self.process.wait()
        if self.process.stdin is not None:
            self.process.stdin.close()
        if self._errors is not None:
            self._errors.close()

    def report(self) -> None:
        """Print the last errors of a worker that does not write to the terminal itself."""
        if self._errors is None:
            return
        self._errors.seek(0)
        lines = self._errors.read().decode("utf-8", "replace").splitlines()[-20:]
        sys.stderr.write("".join(f"worker {self.number}: {line}\n" for line in lines))


@contextmanager
def _started(count: int, gpus: Sequence[str], is_restart: bool) -> Iterator[list[_Worker]]:
    addresses = _free_addresses(count)
    workers: list[_Worker] = []
    try:
        for number in range(count):
            variables = worker_variables(addresses, number)
            if gpus:
                variables["CUDA_VISIBLE_DEVICES"] = gpus[number]
            workers.append(_Worker(number, variables, is_restart))
        yield workers
    finally:
        for worker in workers:
            worker.close()


def worker_variables(addresses: Sequence[str], number: int) -> dict[str, str]:
    """Return the environment variables of a worker, given the addresses of all."""
    task = {"type": "worker", "index": number}
    return MEMORY | {CLUSTER: json.dumps({"cluster": {"worker": list(addresses)}, "task": task})}


def _free_addresses(count: int) -> list[str]:
    """Return addresses of this machine whose ports are free."""
    ports = random.SystemRandom().sample(PORTS, len(PORTS))
    return [f"127.0.0.1:{port}" for port in islice(filter(_is_free, ports), count)]


def _is_free(port: int) -> bool:
    with suppress(OSError), socket.create_server(("127.0.0.1", port)):
        return True
    return False


def _wait(workers: Sequence[_Worker], received: Sequence[int]) -> int | None:
    """Wait for the end of all workers, and pass signals on to them.

    Returns:
        The exit code of the training; None if it is to start again.
    """
    passed_on, deadline = 0, float("inf")
    while True:
        codes = [worker.process.poll() for worker in workers]
        for number in received[passed_on:]:
            for worker in workers:
                worker.process.send_signal(number if not passed_on else signal.SIGKILL)
            passed_on += 1
        ended = [code for code in codes if code is not None]
        if len(ended) == len(codes) or time.monotonic() > deadline:
            break
        if any(ended) or codes[0] == 0:
            is_killed = any(code < 0 for code in ended) and not received
            deadline = min(deadline, time.monotonic() + (0 if is_killed else GRACE_SECONDS))
        time.sleep(PERIOD)
    return _outcome(workers, received)


def _outcome(workers: Sequence[_Worker], received: Sequence[int]) -> int | None:
    """Return the exit code of a training whose workers have ended, or of which some failed."""
    codes = [worker.process.poll() for worker in workers]
    if codes[0] == 0 or received:
        return codes[0] if codes[0] is not None and codes[0] >= 0 else 128 + signal.SIGKILL
    if codes[0] not in (None, LOST) and codes[0] > 0:
        return codes[0]
    for worker, code in zip(workers, codes, strict=True):
        if code is not None and code > 0 and code != LOST:
            worker.report()
            return code
    return None
