"""Jobs: stages that run somewhere, and what an executor of them does."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

# Messages of a job. The last one is the state in which it ends: a `Reproduction`.
STARTED = "started"  # the command of the stage runs
EPOCH = "epoch "  # followed by a row of the training history, as JSON
LOCK = "lock "  # followed by a `LockedOuts`, as JSON
NOTICE = "notice "  # followed by a sentence for the user


@dataclass(frozen=True)
class StageJob:
    """A stage to run.

    Attributes:
        stage: its name.
        params: text of another params.yaml; such a job runs in a copy of the project, and changes
            nothing in the project but DVC's cache.
        entries: of dvc.lock by stage, of earlier jobs with the same `params`: an evaluation needs
            that of the training.
    """

    stage: str
    params: str | None = None
    entries: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class LockedOuts:
    """Results of a job with its own params.yaml that its executor needs beside DVC's cache.

    Attributes:
        entry: the stage's entry in the dvc.lock of the copy.
        files: text of the metrics and plots (histories) among the outs, by path.
    """

    entry: Mapping[str, Any]
    files: Mapping[str, str] = field(default_factory=dict)

    def message(self) -> str:
        """Return the message of a job."""
        return LOCK + json.dumps({"entry": self.entry, "files": self.files})


def epoch_row(message: str) -> dict[str, float] | None:
    """Return the row of the history that a message holds; None for another message."""
    if not message.startswith(EPOCH):
        return None
    row: dict[str, float] = json.loads(message.removeprefix(EPOCH))
    return row


def locked_outs(message: str) -> LockedOuts | None:
    """Return what a message holds of a job's outs; None for another message."""
    return (
        LockedOuts(**json.loads(message.removeprefix(LOCK))) if message.startswith(LOCK) else None
    )


class Executor(Protocol):
    """Runs jobs by name: on this machine or on others."""

    def start(self, name: str, job: StageJob, variables: Mapping[str, str]) -> None:
        """Start a job.

        Args:
            name: unique among the jobs that run.
            job: the stage.
            variables: environment variables of its command.
        """

    def wait(self, seconds: float) -> Iterable[tuple[str, list[str], int | None]]:
        """Return what has happened, waiting for it for some seconds at most.

        Returns:
            Jobs, the messages that they sent, and their exit codes if they have ended. A job has
            ended well if the exit code is 0 and the last message a state other than `failed`.
        """

    def send_signal(self, number: int, name: str | None = None) -> None:
        """Send a signal to a job, or to all.

        SIGINT stops a job; a training writes a checkpoint first. SIGKILL ends it at once.
        """

    def log(self, name: str) -> Path:
        """Return the file with the output of a job, which grows while it runs."""
