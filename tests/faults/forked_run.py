"""`seqproof` in a process forked from the server of the injector, which has its imports.

Starting it cold takes as long as a run of seven short stages.
"""

import contextlib
import io
import os
import signal
import sys
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path

from tests.faults.injector import FORKSERVER, ROOT

SCRIPT = Path(sys.executable).parent / "seqproof"


class ForkedRun:
    """A running `seqproof run` that leads a session and a group of its own.

    Args:
        folder: the project.
        arguments: of the command.
        command: another command.
        errors: file for its errors; None if they are part of the output.

    Attributes:
        stdout: its output.
        returncode: its exit code after `communicate`, or minus the signal that ended it.
    """

    def __init__(
        self,
        folder: Path,
        arguments: Sequence[str],
        command: str = "run",
        errors: Path | None = None,
    ) -> None:
        self.returncode: int | None = None
        words = [command, *arguments]
        # The end of the process, however it ends, is the end of its output.
        reader, writer = FORKSERVER.Pipe(duplex=False)
        with reader, writer:
            self._process = FORKSERVER.Process(target=_run, args=(folder, words, writer, errors))
            with contextlib.chdir(ROOT):  # where the server looks for modules
                self._process.start()
            self.stdout = os.fdopen(os.dup(reader.fileno()), encoding="utf-8")
        assert self._process.pid is not None
        self.pid = self._process.pid

    def poll(self) -> int | None:
        """Return its exit code; None while it runs."""
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        """Send a signal to the process alone."""
        os.kill(self.pid, number)

    def kill(self, group: bool) -> None:
        """Kill the process or its group; it may have ended."""
        with contextlib.suppress(ProcessLookupError):
            (os.killpg if group else os.kill)(self.pid, signal.SIGKILL)

    def communicate(self) -> str:
        """Wait for the end of the process; return the rest of its output."""
        with self.stdout:
            output = self.stdout.read()
        self._process.join()
        self.returncode = self._process.exitcode
        self._process.close()
        return output


def _run(folder: Path, arguments: Sequence[str], writer: Connection, errors: Path | None) -> None:
    """Become the process of the command, and run it."""
    os.setsid()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(folder)
    for name in [name for name in os.environ if name.startswith(("DVC_", "MLFLOW_TRACKING_"))]:
        del os.environ[name]
    # No fork server: these stages import nothing.
    os.environ |= {"PYTHONPATH": str(ROOT), "SEQPROOF_FORK_SERVER": "none", "SHELL": "/bin/sh"}
    os.environ["PATH"] = f"{SCRIPT.parent}{os.pathsep}{os.environ['PATH']}"
    sys.argv = [str(SCRIPT), *arguments]
    os.dup2(writer.fileno(), 1)
    os.dup2(1, 2)
    writer.close()
    if errors is not None:
        error_writer = os.open(errors, os.O_WRONLY)
        os.dup2(error_writer, 2)
        os.close(error_writer)
    sys.stdout = io.TextIOWrapper(open(1, "wb", closefd=False), "utf-8")  # noqa: SIM115
    sys.stderr = io.TextIOWrapper(
        open(2, "wb", closefd=False),  # noqa: SIM115
        "utf-8",
        line_buffering=True,
    )
    from commands import app

    app.main()
