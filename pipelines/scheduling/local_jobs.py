"""Executor of jobs on this machine: each is a forked process.

A job with its own params.yaml runs in a copy of the project, which shares DVC's cache with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from pipelines import files
from pipelines.lineage import epoch_rows, project_copy, reproduction
from pipelines.lineage.epoch_rows import EpochRows
from pipelines.scheduling import copies
from pipelines.scheduling.children import Children, Main, Send
from pipelines.scheduling.jobs import EPOCH, STARTED, StageJob


class LocalExecutor:
    """Runs jobs in child processes of this one.

    Args:
        root: the project's root.
        children: the processes.
        order: names of all stages in the order of dvc.lock.
    """

    def __init__(self, root: Path, children: Children, order: Sequence[str]) -> None:
        self._root, self._children, self._order = root, children, order
        self._rows: dict[str, EpochRows] = {}

    def start(self, name: str, job: StageJob, variables: Mapping[str, str]) -> None:
        """Start a job."""
        rows = self._rows[name] = EpochRows(self.log(name).with_suffix(".epochs"))
        variables = {**variables, epoch_rows.VARIABLE: str(rows.file)}
        self._children.start(name, self.main(name, job), variables)

    def wait(self, seconds: float) -> Iterator[tuple[str, list[str], int | None]]:
        """Yield what has happened, waiting for it for some seconds at most."""
        reported = set()
        for name, messages, code in self._children.wait(seconds):
            reported.add(name)
            rows = self._rows[name]
            yield name, [*_epochs(rows), *messages], code  # the state comes last
            if code is not None:
                rows.file.unlink(missing_ok=True)
                files.remove(self._copy(name))
                del self._rows[name]
        for name in self._rows.keys() - reported:
            messages = _epochs(self._rows[name])
            if messages:
                yield name, messages, None

    def send_signal(self, number: int, name: str | None = None) -> None:
        """Send a signal to the processes of a job, or of all."""
        self._children.send_signal(number, name)

    def log(self, name: str) -> Path:
        """Return the log of a job."""
        return self._children.log(name)

    def main(self, name: str, job: StageJob) -> Main:
        """Return the function that a child process runs for a job."""

        def main(send: Send) -> None:
            if job.params is None:
                stage, order = job.stage, self._order
                send(reproduction.reproduce(self._root, stage, order, lambda: send(STARTED)))
            else:
                copies.run_locally(self._root, self._copy(name), job, send)

        return main

    def _copy(self, name: str) -> Path:
        return self._root.resolve() / project_copy.COPIES / self.log(name).stem


def _epochs(rows: EpochRows) -> list[str]:
    return [EPOCH + row for row in rows.read()]
