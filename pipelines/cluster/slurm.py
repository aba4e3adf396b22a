"""Dask workers as jobs of SLURM, started by dask-jobqueue.

Queue, cores, memory, time and more come from Dask's configuration, section `jobqueue.slurm`.
Connections are encrypted: whoever reaches a scheduler without certificates can run code there.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipelines.data import dask_client
from pipelines.errors import UserError
from pipelines.scheduling.children import Children, Send

PERIOD = 5.0  # seconds between two looks at the jobs
MAX_LOST_JOBS = 20  # of one stage: each may have ended at its time limit
MAX_EARLY_ENDS = 3  # jobs in a row that end before their workers have connected
STDERR = 2
CHILD = "slurm"  # process of the scheduler
SECTION = "jobqueue.slurm"
TLS = "distributed.comm.tls"
INHERITED = "DASK_INTERNAL_INHERIT_CONFIG"  # Dask's variable for the configuration of a child
LIST = (list, "a list of texts")
TYPES: Mapping[str, tuple[type, str]] = {
    "cores": (int, "a positive whole number"),
    "memory": (str, "text such as 4GB"),
    "walltime": (str, "text in quotes"),  # YAML reads 12:00:00 as a number
    "log-directory": (str, "a path"),
    "local-directory": (str, "a path"),
    "worker-extra-args": LIST,
    "job-script-prologue": LIST,
    "job-extra-directives": LIST,
    "scheduler-options": (dict, "a mapping"),
}
EXAMPLE = (
    "Write it to ~/.config/dask/jobqueue.yaml, for example "
    "`jobqueue: {slurm: {queue: short, cores: 2, memory: 4GB, walltime: '04:00:00'}}`"
)


@contextmanager
def open_scheduler(jobs: int, logs: Path, check: Callable[[], None]) -> Iterator[str]:
    """Start a scheduler in a child process and its workers as jobs, which end with the context.

    A child, because Dask starts threads, and this process forks.

    Args:
        jobs: number of jobs, each with one worker, which runs a stage at a time. A job that ends
            early, at its time limit for example, is replaced. The scheduler ends when
            `MAX_EARLY_ENDS` jobs in a row have ended before their workers had connected, and no
            other job is left.
        logs: folder for the output of the child, and in `slurm` of the jobs, unless Dask's
            configuration names another.
        check: called while the scheduler starts; may raise.

    Yields:
        Address of the scheduler. Clients in this process and in its children have its certificates.

    Raises:
        UserError: there is no SLURM, Dask's configuration is incomplete, or SLURM refuses a job.
    """
    dask_client.require("dask_jobqueue", "`--slurm`")  # adds its defaults to the configuration
    import dask

    if shutil.which("sbatch") is None:
        raise UserError(
            "`--slurm` needs the command `sbatch`, which is not installed here. Run seqproof on a "
            "login node of the cluster, or use `--scheduler ADDRESS`."
        )
    _check_section(dask.config.get(SECTION, None))
    tls = dask.config.get(TLS)
    if not tls["ca-file"]:
        tls = {**tls, **_certificates()}
    terminal = os.dup(STDERR)
    try:
        with (
            dask.config.set({TLS: tls}),
            _inherited(dask.config.serialize(_nested(TLS, tls))),
            Children(logs) as children,
        ):
            children.start(CHILD, lambda send: _hold_cluster(jobs, logs / "slurm", terminal, send))
            address = _address(children, check)
            try:
                yield address
            finally:
                _end(children)
    finally:
        os.close(terminal)


def _check_section(section: object) -> None:
    """Check the values that dask-jobqueue would take as others, or would not understand.

    Raises:
        UserError: one is missing or has another type.
    """
    if not isinstance(section, dict):
        raise UserError(f"Dask's configuration {SECTION} must be a mapping. {EXAMPLE}.")
    for key in ("cores", "memory"):
        if section.get(key) is None:
            raise UserError(f"Dask's configuration lacks {SECTION}.{key}. {EXAMPLE}.")
    for key, (kind, title) in TYPES.items():
        value = section.get(key)
        is_valid = isinstance(value, kind) and not isinstance(value, bool)
        if isinstance(value, list):
            is_valid &= all(isinstance(item, str) for item in value)
        elif isinstance(value, int):
            is_valid &= value > 0
        if value is not None and not is_valid:
            raise UserError(
                f"Dask's configuration {SECTION}.{key} must be {title}, not {value!r}. {EXAMPLE}."
            )


def _address(children: Children, check: Callable[[], None]) -> str:
    """Return the address that the child sends."""
    while True:
        for _, messages, code in children.wait(0.25):
            for message in messages:
                kind, _, text = message.partition(" ")
                if kind == "error":
                    raise UserError(text)
                return text
            if code is not None:
                raise UserError(f"The Dask scheduler did not start. See {children.log(CHILD)}.")
        check()


def _end(children: Children) -> None:
    """Let the child cancel its jobs, and wait for its end."""
    children.send_signal(signal.SIGTERM)
    while all(code is None for _, _, code in children.wait(1.0)):
        pass


def _hold_cluster(jobs: int, logs: Path, terminal: int, send: Send) -> None:
    """Hold scheduler and jobs until SIGTERM arrives or no job is left.

    Call it in a child process.

    Args:
        jobs: their number.
        logs: folder for their output.
        terminal: file descriptor for messages to the user.
        send: sends the address of the scheduler, or an error.
    """
    import dask
    from dask_jobqueue import SLURMCluster

    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])  # of the threads, too
    try:
        with dask.config.set({"distributed.scheduler.allowed-failures": MAX_LOST_JOBS}):
            cluster = _create(SLURMCluster, logs)
        with cluster:
            _check_script(cluster.job_script())
            cluster.scale(jobs=jobs)
            with _replaced_jobs(cluster, jobs, terminal):
                send(f"address {cluster.scheduler_address}")
                signal.sigwait([signal.SIGTERM])
    except UserError as error:
        send(f"error {error}")


def _create(cluster: Any, logs: Path) -> Any:
    """Return a cluster without jobs.

    Raises:
        UserError: Dask's configuration has an invalid value.
    """
    import dask

    section = dask.config.get(SECTION)
    arguments = [*(section.get("worker-extra-args") or []), "--nthreads", "1", "--no-dashboard"]
    # SLURM sends SIGTERM to all processes of a job, and kills them when the script ends.
    prologue = [*(section.get("job-script-prologue") or []), "trap : TERM"]
    # What the dashboard shows is not encrypted.
    options = {"dashboard_address": "127.0.0.1:0", **(section.get("scheduler-options") or {})}
    try:
        return cluster(
            protocol="tls://",
            processes=1,
            nanny=False,  # another process that SIGTERM ends
            worker_extra_args=arguments,
            job_script_prologue=prologue,
            scheduler_options=options,
            log_directory=section.get("log-directory") or str(logs.resolve()),
        )
    except Exception as error:  # of dask-jobqueue, Dask or the system
        cause: BaseException = error
        while isinstance(cause, RuntimeError) and cause.__cause__ is not None:
            cause = cause.__cause__  # of a scheduler that did not start
        reason = (str(cause) or type(cause).__name__).splitlines()[0].rstrip(".")
        raise UserError(f"Dask's configuration {SECTION} is invalid: {reason}.") from None


def _check_script(script: str) -> None:
    """Let SLURM check the script of a job without running it.

    Raises:
        UserError: SLURM refuses it.
    """
    process = subprocess.run(
        ["sbatch", "--test-only"], input=script, capture_output=True, text=True, check=False
    )
    if process.returncode:
        lines = [line.removeprefix("sbatch: ") for line in process.stderr.splitlines()]
        reason = "; ".join(line.removeprefix("error: ").rstrip(".") for line in lines if line)
        raise UserError(
            f"SLURM refuses the job: {reason}. Correct {SECTION} in Dask's configuration."
        )


def _certificates() -> dict[str, Any]:
    """Return new certificates of scheduler, workers and client, as Dask's configuration."""
    from distributed.security import Security

    security = Security.temporary()
    roles = {
        role: {name: getattr(security, f"tls_{role}_{name}") for name in ("key", "cert")}
        for role in ("client", "scheduler", "worker")
    }
    return {"ca-file": security.tls_ca_file, **roles}


def _nested(path: str, value: object) -> dict[str, Any]:
    for part in reversed(path.split(".")):
        value = {part: value}
    assert isinstance(value, dict)
    return value


@contextmanager
def _inherited(configuration: str) -> Iterator[None]:
    """Give Dask's configuration to the jobs, which get the environment of this process.

    So the certificates are in no file.
    """
    earlier = os.environ.get(INHERITED)
    os.environ[INHERITED] = configuration
    try:
        yield
    finally:
        del os.environ[INHERITED]
        if earlier is not None:
            os.environ[INHERITED] = earlier


@contextmanager
def _replaced_jobs(cluster: Any, jobs: int, terminal: int) -> Iterator[None]:
    """Replace jobs that have ended, while the context is open."""
    loop, end = cluster.loop.asyncio_loop, asyncio.Event()
    task = asyncio.run_coroutine_threadsafe(_replace_jobs(cluster, jobs, terminal, end), loop)
    try:
        yield
    finally:
        loop.call_soon_threadsafe(end.set)
        task.result()


async def _replace_jobs(cluster: Any, jobs: int, terminal: int, end: asyncio.Event) -> None:
    connections = _observe_connections(cluster.scheduler)
    unconnected: set[str] = set()  # jobs that have ended before their workers had connected
    while not end.is_set():
        with suppress(TimeoutError):
            await asyncio.wait_for(end.wait(), PERIOD)
        submitted = {name: job for name, job in cluster.workers.items() if job.job_id is not None}
        queue = await _queue()  # has all of them that have not ended
        if queue is None:
            continue
        for name, job in submitted.items():
            if job.job_id in queue or name in unconnected or cluster.workers.get(name) is not job:
                continue
            if name in connections.names:
                connections.names.remove(name)
                del cluster.workers[name]  # `scale` submits it again
            else:
                unconnected.add(name)
                connections.early_ends += 1
                message = (
                    f"Job {job.job_id} of SLURM ended before its worker had connected. See its "
                    f"output in {job.log_directory}.\n"
                )
                os.write(terminal, message.encode())
        if connections.early_ends < MAX_EARLY_ENDS:
            for name in unconnected:
                del cluster.workers[name]
            unconnected.clear()
        elif len(unconnected) == jobs:
            message = (
                f"The last {connections.early_ends} jobs of SLURM ended before their workers had "
                f"connected. Correct {SECTION} in Dask's configuration, and run the command "
                "again.\n"
            )
            os.write(terminal, message.encode())
            os.kill(os.getpid(), signal.SIGTERM)  # _hold_cluster waits for it
            return
        cluster.scale(jobs=jobs)


@dataclass
class _Connections:
    """Workers that have connected.

    Attributes:
        names: of their jobs, which have not ended.
        early_ends: number of jobs that have ended before their workers had connected, since the
            last connection.
    """

    names: set[str] = field(default_factory=set)
    early_ends: int = 0


def _observe_connections(scheduler: Any) -> _Connections:
    """Return the connections of a scheduler, which are updated when a worker connects."""
    from distributed.diagnostics.plugin import SchedulerPlugin

    connections = _Connections()

    class Plugin(SchedulerPlugin):  # type: ignore[misc]
        """Observer of connections."""

        def add_worker(self, scheduler: Any, worker: str) -> None:
            """Add the name of a worker."""
            connections.names.add(str(scheduler.workers[worker].name))
            connections.early_ends = 0

    scheduler.add_plugin(Plugin(), name="seqproof-connected")
    return connections


async def _queue() -> set[str] | None:
    """Return the numbers of this user's jobs in the queue; None if SLURM does not answer."""
    command = ("squeue", "--me", "--noheader", "--format=%A")
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    output, _ = await process.communicate()
    return None if process.returncode else set(output.decode().split())
