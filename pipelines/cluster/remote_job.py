"""Program that runs a job in a copy of the project, on another machine.

It reads the job as a line of JSON, and writes messages, output and result as lines of JSON. The end
of its input, SIGINT and SIGTERM stop the stage.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
import tarfile
import time
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from pipelines.cluster.checkpoint_exchange import exchanged
from pipelines.cluster.worker_task import RUNS
from pipelines.errors import UserError
from pipelines.lineage import dvc_project, transfer
from pipelines.lineage.project_copy import CopyContent, complete
from pipelines.scheduling import copies
from pipelines.scheduling.children import Children, Main, Send, StopSignals
from pipelines.scheduling.jobs import LOCK, StageJob
from pipelines.scheduling.local_jobs import LocalExecutor
from pipelines.training.supervisor import LOST

PERIOD = 0.25  # seconds between two looks at messages and output
GRACE = 20.0  # seconds in which a stopped stage may end
JOB = "job"


class CopyExecutor(LocalExecutor):
    """Runs jobs in a copy.

    Args:
        folder: the copy.
        children: the processes.
        pulls: True if data travel through the default remote.
        assists: True if another worker runs the stage, which this one helps.
    """

    def __init__(
        self, folder: Path, children: Children, pulls: bool, assists: bool = False
    ) -> None:
        super().__init__(folder, children, [])
        self._folder, self._pulls, self._assists = folder, pulls, assists

    def main(self, name: str, job: StageJob) -> Main:
        """Return the function that a child process runs for a job."""

        def main(send: Send) -> None:
            # SLURM sends SIGTERM to all processes. The parent passes it on as SIGINT, and a second
            # signal would end a training at once. The shell and the program of the stage ignore it,
            # too. Blocking it would not do: dash unblocks all signals when it starts a program.
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            if self._assists:
                assist(self._folder, job.stage, send, self._pulls)
                return
            checkpoints = partial(exchanged, self._folder, job.stage)
            copies.run(self._folder, job.stage, send, self._pulls, checkpoints)

        return main


class RemoteJob:
    """A job in a copy of the project.

    Args:
        folder: the copy.
        job: as the client has sent it.
    """

    def __init__(self, folder: Path, job: dict[str, Any]) -> None:
        self._folder, self._job = folder, job
        self._log_position = 0
        self._stop_time: float | None = None
        self._state, self._lock = "failed", ""

    def run(self) -> None:
        """Run the stage to its end, and write the result."""
        stage, content = self._job["stage"], CopyContent(**self._job["content"])
        complete(self._folder, content, self._folder.parent / "seqproof-cache")
        stop = StopSignals()
        with stop.recorded(), Children(self._folder / ".seqproof" / "logs") as children:
            executor = CopyExecutor(
                self._folder, children, content.cache is None, self._job.get("assists", False)
            )
            executor.start(JOB, StageJob(stage), {})
            while not self._wait(executor):
                self._pass_signals_on(executor, stop)
        self._pack_runs()
        _write("result", {"state": self._state, "lock": self._lock, "costs": self._costs()})

    def _wait(self, executor: LocalExecutor) -> bool:
        """Write what has happened; return True if the stage has ended."""
        for _, messages, code in executor.wait(PERIOD):
            for message in messages:
                if message.startswith(LOCK):
                    self._lock = message
                else:
                    _write("message", message)
                    self._state = message
            if code is not None:
                self._write_log(executor.log(JOB))
                self._state = self._state if code == 0 else "failed"
                return True
        self._write_log(executor.log(JOB))
        return False

    def _write_log(self, log: Path) -> None:
        with suppress(OSError), log.open("rb") as file:
            file.seek(self._log_position)
            content = file.read()
            self._log_position += len(content)
            if content:
                _write("log", content.decode("utf-8", "replace"))

    def _pass_signals_on(self, executor: LocalExecutor, stop: StopSignals) -> None:
        if self._stop_time is None:
            if stop.numbers or _has_ended(sys.stdin.fileno()):
                self._stop_time = time.monotonic()
                executor.send_signal(signal.SIGINT)
        elif len(stop.numbers) > 1 or time.monotonic() > self._stop_time + GRACE:
            executor.send_signal(signal.SIGKILL)

    def _costs(self) -> dict[str, str]:
        """Return what the stage has recorded of its seconds and its memory, by file."""
        folder = self._folder / ".seqproof" / "costs"
        return {file.name: file.read_text(encoding="utf-8") for file in folder.glob("*.json")}

    def _pack_runs(self) -> None:
        folder = self._folder / ".seqproof" / "unsent"
        if folder.is_dir():
            with tarfile.open(self._folder / RUNS, "w:gz", compresslevel=1) as archive:
                archive.add(folder, ".")


def assist(folder: Path, stage: str, send: Send, pulls: bool) -> None:
    """Run the command of a stage in a copy, for a training that another worker records.

    Args:
        folder: the copy.
        stage: its name.
        send: sends the state: `lost` if another worker was lost, or if a signal ended the command.
        pulls: True if data travel through the default remote.
    """
    os.chdir(folder)
    try:
        with dvc_project.open_project(folder, wait=True) as repo:
            transfer.restore_inputs(repo, stage, pulls)
            code = transfer.run_command(repo, stage)
        is_lost = code == LOST or not 0 <= code < 128
        send("ran" if code == 0 else "lost" if is_lost else "failed")
    except UserError as error:
        sys.stderr.write(f"seqproof: {error}\n")
        send("failed")
    except KeyboardInterrupt:
        send("stopped")


def main() -> None:
    """Run the job of standard input in the current folder."""
    RemoteJob(Path.cwd(), json.loads(sys.stdin.readline())).run()


def _has_ended(descriptor: int) -> bool:
    """Return True if nothing more can be read."""
    ready, _, _ = select.select([descriptor], [], [], 0)
    return bool(ready) and not os.read(descriptor, 1024)


def _write(kind: str, value: object) -> None:
    """Write a line; if nobody reads it any more, the job goes on until it has stopped."""
    with suppress(BrokenPipeError):
        sys.stdout.write(json.dumps({kind: value}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
