"""Queue on disk for runs whose server is unreachable; uploaded later, in order and once.

Each such run has a folder below `.seqproof/unsent`: one line of JSON per event, the files that
belong to the events, and the number of events that the server already has. If a process is killed
between uploading an event and recording that, the event is uploaded again, which has no effect: see
`RunWriter`.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipelines import console, files
from pipelines.errors import UserError, redact
from pipelines.lineage import dvc_project
from pipelines.tracking import connection
from pipelines.tracking.log_events import START, LogEvent
from pipelines.tracking.run_writer import RunWriter

EVENTS, UPLOADED, SERVER, LOCK = "events.jsonl", "uploaded", "server", "lock"  # names of files
TIMEOUT = 300.0  # seconds to wait for another process that uploads
RETRYABLE = (401, 403, 408, 429)  # HTTP statuses of requests that may succeed later
COMPILED = shutil.ignore_patterns("__pycache__")


@dataclass
class SyncSummary:
    """Result of an upload.

    Attributes:
        uploaded: names of the runs that the server now has completely.
        rejected: one message per event that the server refused.
        busy: names of runs that another process is still writing.
        other_servers: addresses of the servers that the remaining runs are queued for.
        failure: why the server became unreachable; None if it did not.
    """

    uploaded: list[str] = field(default_factory=list)
    rejected: list[str] = field(default_factory=list)
    busy: list[str] = field(default_factory=list)
    other_servers: list[str] = field(default_factory=list)
    failure: str | None = None


class QueuedRun:
    """Queued events of one run.

    Args:
        folder: its folder; created by the first event.
        server: address of the server that the events are for, without a password.
    """

    def __init__(self, folder: Path, server: str) -> None:
        self.folder, self.server = folder, server
        self._count: int | None = None  # of events; None before the first one is added

    def add(self, event: LogEvent) -> None:
        """Append an event with copies of its files.

        Raises:
            OSError: the disk is full, for instance.
        """
        if self._count is None:
            files.write_text(self.folder / SERVER, self.server)
            self._count = self._drop_partial_line()
        copies = {key: self._copy(self._count, key, path) for key, path in event.files.items()}
        record = {
            "kind": event.kind,
            "payload": dict(event.payload),
            "files": copies,
            "time": event.time,
        }
        with (self.folder / EVENTS).open("a", encoding="utf-8", newline="\n") as file:
            file.write(json.dumps(record) + "\n")
            file.flush()
            os.fsync(file.fileno())
        self._count += 1

    def events(self) -> list[LogEvent]:
        """Read all events, uploaded or not."""
        path = self.folder / EVENTS
        text = path.read_text(encoding="utf-8") if path.is_file() else ""
        return [self._event(json.loads(line)) for line in text.split("\n")[:-1]]

    @property
    def uploaded(self) -> int:
        """Number of events that the server has."""
        with suppress(OSError, ValueError):
            return int((self.folder / UPLOADED).read_text(encoding="utf-8"))
        return 0

    def set_uploaded(self, count: int) -> None:
        """Record the number of events that the server has."""
        files.write_text(self.folder / UPLOADED, str(count))

    def delete(self) -> None:
        """Delete the folder, once the server has all events."""
        shutil.rmtree(self.folder)

    @contextmanager
    def exclusive_lock(self, timeout: float) -> Iterator[None]:
        """Let one process at a time write or upload the run.

        Args:
            timeout: seconds to wait for the other process.

        Raises:
            filelock.Timeout: the other process did not finish in time.
        """
        from filelock import FileLock

        self.folder.mkdir(parents=True, exist_ok=True)
        with FileLock(self.folder / LOCK, timeout=timeout):
            yield

    def _drop_partial_line(self) -> int:
        """Cut off a line that a killed process left incomplete; return the number of lines."""
        path = self.folder / EVENTS
        content = path.read_bytes() if path.is_file() else b""
        length = content.rfind(b"\n") + 1
        if length < len(content):
            with path.open("r+b") as file:
                file.truncate(length)
        return content.count(b"\n")

    def _copy(self, number: int, key: str, path: Path) -> str:
        """Copy a file or a folder: the original may have changed by the time of the upload."""
        relative = Path("files") / f"{number:06}" / key / path.name
        target = self.folder / relative
        files.remove(target)
        target.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            shutil.copytree(path, target, ignore=COMPILED)
        else:
            shutil.copyfile(path, target)
        return relative.as_posix()

    def _event(self, record: Any) -> LogEvent:
        copies = {key: self.folder / path for key, path in record["files"].items()}
        return LogEvent(record["kind"], record["payload"], copies, record["time"])


def queue_folder(root: Path) -> Path:
    """Return the folder of all queued runs of a project."""
    return dvc_project.main_root(root) / ".seqproof" / "unsent"


def open_run(root: Path, key: str, server: str) -> QueuedRun:
    """Return the queue of a run, which need not exist yet.

    Args:
        root: the project's root.
        key: unique name of the run.
        server: address of its server, without a password.
    """
    parent = queue_folder(root)
    for folder in parent.glob(f"[0-9]*-{key}"):
        return QueuedRun(folder, server)
    numbers = (int(folder.name.partition("-")[0]) for folder in parent.glob("[0-9]*-*"))
    return QueuedRun(parent / f"{max(numbers, default=0) + 1:06}-{key}", server)


def queued_runs(root: Path) -> list[QueuedRun]:
    """Return all queued runs of a project, in the order in which they were started."""
    folders = sorted(file.parent for file in queue_folder(root).glob(f"*/{EVENTS}"))
    return [QueuedRun(folder, (folder / SERVER).read_text(encoding="utf-8")) for folder in folders]


def take_over(root: Path, folder: Path) -> None:
    """Add the queued runs of a copy of the project on another machine to those of the project.

    Args:
        root: the project's root.
        folder: with all queued runs of the copy, which are moved.
    """
    server = redact(connection.tracking_uri(root))
    numbers = (int(path.name.partition("-")[0]) for path in queue_folder(root).glob("[0-9]*-*"))
    number = max(numbers, default=0)
    for file in sorted(folder.glob(f"*/{EVENTS}")):
        number += 1
        key = file.parent.name.partition("-")[2]
        files.write_text(file.parent / SERVER, server)
        target = queue_folder(root) / f"{number:06}-{key}"
        shutil.move(file.parent, target.with_name(f".{target.name}"))
        target.with_name(f".{target.name}").rename(target)


def upload(root: Path, any_server: bool = False, quiet: bool = False) -> SyncSummary:
    """Upload queued runs to the current tracking server.

    Args:
        root: the project's root.
        any_server: upload runs that were recorded for another server, too.
        quiet: show no progress.

    Raises:
        UserError: another process uploads, and did not finish in time.
    """
    summary = SyncSummary()
    if not queued_runs(root):
        return summary
    from filelock import FileLock, Timeout

    server = redact(connection.tracking_uri(root))
    try:
        with FileLock(queue_folder(root) / LOCK, timeout=TIMEOUT):
            for run in queued_runs(root):
                if not any_server and run.server != server:
                    summary.other_servers.append(run.server)
                elif summary.failure is None:
                    _upload_run(run, root, summary, quiet)
    except Timeout:
        raise UserError(
            f"Another `seqproof sync` is still running (waited {TIMEOUT:.0f} s). Stop it and retry."
        ) from None
    return summary


def upload_quietly(root: Path) -> str | None:
    """Upload queued runs before a new run starts.

    Args:
        root: the project's root.

    Returns:
        Why the upload failed; None if it succeeded.
    """
    try:
        summary = upload(root, quiet=True)
    except (UserError, OSError) as error:
        return connection.summary(error)
    for message in summary.rejected:
        console.echo(message)
    return summary.failure


def _upload_run(run: QueuedRun, root: Path, summary: SyncSummary, quiet: bool) -> None:
    """Upload one run, unless another process is still writing it."""
    from filelock import Timeout

    try:
        with run.exclusive_lock(timeout=0):
            count = len(run.events())
            with nullcontext() if quiet else console.progress("sync", count, "events") as bar:
                complete = _upload_events(
                    run, RunWriter(connection.tracking_uri(root), root), summary, bar
                )
            if complete:
                run.delete()
    except Timeout:
        summary.busy += _run_name(run.events())


def _upload_events(
    run: QueuedRun, writer: RunWriter, summary: SyncSummary, bar: console.Progress | None
) -> bool:
    """Upload the remaining events; return whether the server has all of them."""
    events, uploaded = run.events(), run.uploaded
    starts = [number for number, event in enumerate(events[: uploaded + 1]) if event.kind == START]
    # A new process has to find the run first, by its last start event. Sending the earlier start
    # events again would count the processes before it twice.
    remaining = range(uploaded, len(events))
    numbers = sorted({*starts[-1:], *remaining}) if remaining else []
    for number in numbers:
        try:
            writer.send(events[number])
        except Exception as error:  # of MLflow, its transport or the system
            if not _is_rejection(error, events[number], writer):
                summary.failure = connection.summary(error)
                return False
            summary.rejected.append(
                f"The tracking server rejected an event of {_run_name(events)[0]} "
                f"({events[number].kind}: {connection.summary(error)}). It was skipped."
            )
        if number >= uploaded:
            run.set_uploaded(number + 1)
        if bar is not None:
            bar.advance(1)
    summary.uploaded += _run_name(events)
    return True


def _is_rejection(error: Exception, event: LogEvent, writer: RunWriter) -> bool:
    """Return whether the server is reachable and will never accept the event."""
    if event.kind == START:
        return False
    if hasattr(error, "get_http_status_code"):
        status = int(error.get_http_status_code())
        return 400 <= status < 500 and status not in RETRYABLE
    # S3 may be down, refuse the credentials or lack its package while the database answers.
    is_temporary = isinstance(error, ImportError) or connection.is_of_s3(error)
    return not is_temporary and writer.is_reachable()


def _run_name(events: list[LogEvent]) -> list[str]:
    return [str(event.payload["name"]) for event in events[:1]]
