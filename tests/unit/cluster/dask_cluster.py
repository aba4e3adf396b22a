"""A Dask cluster of this machine: its scheduler and its workers are processes with own folders."""

import itertools
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import psutil

from tests import watchdog
from tests.unit.service import Service
from tests.unit.tracking.servers import closed_port

DASK = (sys.executable, "-m", "dask")
READY = "Scheduler at:"  # in the log of a scheduler that answers


class DaskCluster(Service):
    """The cluster; the context ends it.

    Args:
        folder: for the files of its processes.
        variables: environment of the processes.
        options: of scheduler and workers, certificates for example.
        protocol: of its address.
    """

    def __init__(
        self,
        folder: Path,
        variables: Mapping[str, str],
        options: tuple[str, ...] = (),
        protocol: str = "tcp",
    ) -> None:
        self._folder, self._variables, self._options = folder, variables, options
        self.address = f"{protocol}://127.0.0.1:{closed_port()}"
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._numbers = itertools.count(1)

    def add_workers(self, count: int) -> None:
        """Start workers until this many run."""
        for name in self.names():
            if self._processes[name].poll() is not None:
                del self._processes[name]
        for _ in range(count - len(self.names())):
            name = f"worker-{next(self._numbers)}"
            folder = self._folder / name
            options = ("--nthreads", "1", "--no-nanny", "--local-directory", str(folder))
            self._start(name, "worker", self.address, "--name", name, *options)

    def kill(self, name: str) -> None:
        """Kill a worker, or the scheduler."""
        process = self._processes.pop(name)
        process.kill()
        process.wait()

    def terminate(self, name: str) -> None:
        """Send SIGTERM to a worker and to all that it has started, and wait for its end."""
        process = self._processes.pop(name)
        worker = psutil.Process(process.pid)
        for each in (worker, *worker.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):  # short commands of a stage
                each.terminate()
        process.wait()

    def names(self) -> list[str]:
        """Return the names of the workers."""
        return [name for name in self._processes if name != "scheduler"]

    def stages(self) -> list[int]:
        """Return the processes that work in copies of a project on the workers."""
        own = {process.pid for process in self._processes.values()}
        return [pid for pid in watchdog.inside(self._folder) if pid not in own]

    def _start(self, name: str, *arguments: str) -> None:
        (self._folder / name).mkdir(parents=True)
        with (self._folder / f"{name}.log").open("wb") as log:
            self._processes[name] = subprocess.Popen(
                [*DASK, *arguments, "--no-dashboard", *self._options],
                cwd=self._folder / name,
                env=dict(self._variables),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def log(self, name: str) -> str:
        """Return the output of a process."""
        return (self._folder / f"{name}.log").read_text()

    def start(self) -> None:
        """Start the scheduler."""
        protocol, _, host = self.address.partition("://")
        options = ("--host", host.partition(":")[0], "--port", host.partition(":")[2])
        self._start("scheduler", "scheduler", "--protocol", protocol, *options)
        wait_until(lambda: READY in self.log("scheduler"))

    def stop(self) -> None:
        """Kill the scheduler and all workers."""
        for name in list(self._processes):
            self.kill(name)


def wait_until(condition) -> None:
    """Wait as long as it takes."""
    while not condition():
        time.sleep(0.05)
