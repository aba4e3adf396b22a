"""A watchdog that ends hanging tests; no test depends on the speed of the machine.

A process makes progress while it, or a process that it started, uses the processor. Servers and
loops that wait use it, too: so no test runs for more than half an hour, which is twenty times the
duration of the longest one.
"""

import faulthandler
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

PATIENCE = 600.0  # seconds without progress
SHARE = 0.01  # of a core, which waiting in a loop may use
LIMIT = 1800.0  # seconds of one test
TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100


def _processes() -> dict[int, tuple[int, float]]:
    """Parent and processor seconds, with those of ended children, of each process by its id."""
    processes = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        except OSError:  # it has ended
            continue
        ticks = sum(int(field) for field in fields[11:15])
        processes[int(folder.name)] = int(fields[1]), ticks / TICKS
    return processes


def tree(root: int) -> dict[int, float]:
    """Return the processor seconds of a process and of all that descend from it."""
    processes = _processes()
    members = {root} & processes.keys()
    new = members
    while new:
        new = {pid for pid, (parent, _) in processes.items() if parent in new} - members
        members = members | new
    return {pid: processes[pid][1] for pid in members}


def inside(folder: Path) -> dict[int, float]:
    """Return the processor seconds of all processes whose current folder is in this one."""
    seconds = {}
    for pid, (_, used) in _processes().items():
        try:
            if Path(f"/proc/{pid}/cwd").readlink().is_relative_to(folder):
                seconds[pid] = used
        except OSError:
            continue
    return seconds


class Progress:
    """Progress of processes.

    Args:
        read: returns the processor seconds of each process.
        patience: seconds without progress.
    """

    def __init__(self, read: Callable[[], dict[int, float]], patience: float = PATIENCE) -> None:
        self._read, self._patience = read, patience
        self._seconds, self._ended = read(), 0.0
        self._reached, self._since = self._total(), time.monotonic()

    def _total(self) -> float:
        return self._ended + sum(self._seconds.values())

    def has_stalled(self) -> bool:
        """Return True if the processes have hardly used the processor for a long time."""
        seconds = self._read()
        self._ended += sum(old for pid, old in self._seconds.items() if pid not in seconds)
        # The times that Linux reports are rounded, and may fall.
        old = self._seconds
        self._seconds = {pid: max(new, old.get(pid, 0.0)) for pid, new in seconds.items()}
        if self._total() - self._reached > SHARE * self._patience:
            self._reached, self._since = self._total(), time.monotonic()
        return time.monotonic() - self._since > self._patience


class CurrentTest:
    """The test that this process runs.

    Attributes:
        name: its node identifier; empty if none runs.
        start: when it started, by the monotonic clock.
    """

    def __init__(self) -> None:
        self.name, self.start = "", 0.0

    @contextmanager
    def running(self, name: str) -> Iterator[None]:
        """Note that a test runs while the context is open."""
        self.start, self.name = time.monotonic(), name
        try:
            yield
        finally:
            self.name = ""


def kill(pids: Iterable[int]) -> None:
    """Kill processes."""
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def watch(
    stream: TextIO, test: CurrentTest, patience: float = PATIENCE, limit: float = LIMIT
) -> None:
    """End this process, with all that it started, when a test hangs: print where.

    Between two tests a process may wait for another one as long as it takes.

    Args:
        stream: where to print.
        test: the test that this process runs.
        patience: seconds without progress.
        limit: seconds of one test.
    """
    me = os.getpid()
    # One process of pytest may wait for what another makes.
    root = os.getppid() if "PYTEST_XDIST_WORKER" in os.environ else me

    def read() -> dict[int, float]:
        seconds = tree(root)
        return seconds | {me: seconds[me] - time.thread_time()}  # without this thread

    def wait_for_problem() -> str:
        """Return what is wrong with a test that hangs."""
        progress = Progress(read, patience)
        while not progress.has_stalled():
            time.sleep(patience / 60)
            if not test.name:
                progress = Progress(read, patience)
            elif time.monotonic() - test.start > limit:
                return f"{test.name} has run for {limit:.0f} seconds."
        return f"{test.name} made no progress for {patience:.0f} seconds."

    def look() -> None:
        stream.write(f"{wait_for_problem()}\n")
        for pid in tree(me):
            command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ")
            stream.write(f"{pid}: {command.decode('utf-8', 'replace')[:200]}\n")
        stream.flush()
        faulthandler.dump_traceback(stream)
        kill(tree(me).keys() - {me})
        os._exit(1)

    if Path("/proc/self/stat").exists():
        threading.Thread(target=look, daemon=True).start()
