"""What a server was not there to hear: kept on disk, and sent later, in order and once.

Each run that lost its server has a folder below `.seqproof/unsent`: a line of JSON for each note,
what files belong to it, and how many of them the server has. A note that was sent, and whose sender
was killed before it wrote that down, is sent again, which `remote.Remote` makes the same as once.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines import console, files
from pipelines.errors import UserError
from pipelines.lineage import dvc_project
from pipelines.tracking import store
from pipelines.tracking.log_events import BEGIN, LogEvent
from pipelines.tracking.run_writer import RunWriter

NOTES, SENT, SERVER, LOCK = "notes.jsonl", "sent", "server", "lock"
PATIENCE = 300.0  # seconds for another process that sends
PASSING = (401, 403, 408, 429)  # answers of a server that may take it another time
COMPILED = shutil.ignore_patterns("__pycache__")


@dataclass
class SyncSummary:
    """What sending came to.

    Attributes:
        sent: names of the runs that the server has all of now.
        refused: of notes that the server would not take, one sentence each.
        busy: names of runs that a process is still writing.
        elsewhere: addresses of other servers that runs are kept for.
        lost: why the server did not take the rest; None if it took all.
    """

    sent: list[str]
    refused: list[str]
    busy: list[str]
    elsewhere: list[str]
    lost: str | None = None


class QueuedRun:
    """The notes of one run that its server has not got.

    Args:
        folder: made if need be.
        server: the address that they are for, without a password.
    """

    def __init__(self, folder: Path, server: str) -> None:
        self.folder, self.server = folder, server
        self._lines: int | None = None

    def add(self, note: LogEvent) -> None:
        """Keep a note on the disk, with its files.

        Raises:
            OSError: the disk is full, for instance.
        """
        if self._lines is None:
            files.write_text(self.folder / SERVER, self.server)
            self._lines = self._mend()
        number = self._lines
        places = {key: self._copy(number, key, path) for key, path in note.files.items()}
        said = {"kind": note.kind, "said": dict(note.said), "files": places, "time": note.time}
        with (self.folder / NOTES).open("a", encoding="utf-8", newline="\n") as file:
            file.write(json.dumps(said) + "\n")
            file.flush()
            os.fsync(file.fileno())
        self._lines += 1

    def notes(self) -> list[LogEvent]:
        """All of them, whether sent or not."""
        path = self.folder / NOTES
        text = path.read_text(encoding="utf-8") if path.is_file() else ""
        return [self._note(json.loads(line)) for line in text.split("\n")[:-1]]

    @property
    def sent(self) -> int:
        """How many of them the server has."""
        with suppress(OSError, ValueError):
            return int((self.folder / SENT).read_text(encoding="utf-8"))
        return 0

    def mark(self, sent: int) -> None:
        """Write down how many the server has."""
        files.write_text(self.folder / SENT, str(sent))

    def forget(self) -> None:
        """Take all of it away: the server has it."""
        shutil.rmtree(self.folder)

    @contextmanager
    def alone(self, patience: float) -> Iterator[None]:
        """For one process at a time.

        Raises:
            Timeout: another one is still at it; filelock's.
        """
        from filelock import FileLock

        self.folder.mkdir(parents=True, exist_ok=True)
        with FileLock(self.folder / LOCK, timeout=patience):
            yield

    def _mend(self) -> int:
        """How many whole lines there are; what a killed process left of one is cut off."""
        path = self.folder / NOTES
        content = path.read_bytes() if path.is_file() else b""
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            with path.open("r+b") as file:
                file.truncate(whole)
        return content.count(b"\n")

    def _copy(self, number: int, key: str, path: Path) -> str:
        """A copy of a file or a folder: by the time that it is sent there may be another there."""
        place = Path("files") / f"{number:06}" / key / path.name
        target = self.folder / place
        files.remove(target)
        target.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            shutil.copytree(path, target, ignore=COMPILED)
        else:
            shutil.copyfile(path, target)
        return place.as_posix()

    def _note(self, said: Any) -> LogEvent:
        places = {key: self.folder / place for key, place in said["files"].items()}
        return LogEvent(said["kind"], said["said"], places, said["time"])


def folder(root: Path) -> Path:
    """Where all of it is kept."""
    return dvc_project.main_root(root) / ".seqproof" / "unsent"


def of_run(root: Path, key: str, server: str) -> QueuedRun:
    """What is or will be kept of a run.

    Args:
        root: the project's root.
        key: what no other run is called.
        server: the address without a password.
    """
    home = folder(root)
    for found in home.glob(f"[0-9]*-{key}"):
        return QueuedRun(found, server)
    last = max((int(one.name.partition("-")[0]) for one in home.glob("[0-9]*-*")), default=0)
    return QueuedRun(home / f"{last + 1:06}-{key}", server)


def waiting(root: Path) -> list[QueuedRun]:
    """All that is kept, in the order in which it was begun."""
    found = sorted(file.parent for file in folder(root).glob(f"*/{NOTES}"))
    return [QueuedRun(one, (one / SERVER).read_text(encoding="utf-8")) for one in found]


def send(root: Path, here: bool = False, quiet: bool = False) -> SyncSummary:
    """Send what is kept to the server that runs go to now.

    Args:
        root: the project's root.
        here: that, too, which was meant for another server.
        quiet: show no progress.

    Raises:
        Refusal: another process is sending, and does not come to its end.
    """
    outcome = SyncSummary([], [], [], [])
    if not waiting(root):
        return outcome
    from filelock import FileLock, Timeout

    try:
        with FileLock(folder(root) / LOCK, timeout=PATIENCE):
            for kept in waiting(root):
                if not here and kept.server != store.redact(store.tracking_uri(root)):
                    outcome.elsewhere.append(kept.server)
                elif outcome.lost is None:
                    _send(kept, root, outcome, quiet)
    except Timeout:
        raise UserError("Another `seqproof sync` does not come to its end: end it first.") from None
    return outcome


def sent_quietly(root: Path) -> str | None:
    """Send what is kept for the server that runs go to now; why not all of it could be sent."""
    try:
        outcome = send(root, quiet=True)
    except (UserError, OSError) as error:
        return store.summary(error)
    for sentence in outcome.refused:
        console.echo(sentence)
    return outcome.lost


def _send(kept: QueuedRun, root: Path, outcome: SyncSummary, quiet: bool) -> None:
    """Send what is kept of one run, unless a process is still writing it."""
    from filelock import Timeout

    try:
        with kept.alone(patience=0):
            notes = kept.notes()
            whole = nullcontext() if quiet else console.progress("sync", len(notes), "notes")
            with whole as bar:
                done = _sent_all(kept, RunWriter(store.tracking_uri(root), root), outcome, bar)
            if done:
                kept.forget()
    except Timeout:
        outcome.busy += _name(kept.notes())


def _sent_all(
    kept: QueuedRun, remote: RunWriter, outcome: SyncSummary, bar: console.Progress | None
) -> bool:
    """Whether the server has all of it now."""
    notes, sent = kept.notes(), kept.sent
    begins = [number for number, note in enumerate(notes[: sent + 1]) if note.kind == BEGIN]
    # Whoever goes on has to find the run first. To find it as an earlier process did, and then once
    # more as the next, would count that one twice.
    numbers = sorted({*begins[-1:], *range(sent, len(notes))}) if sent < len(notes) else []
    for number in numbers:
        try:
            remote.send(notes[number])
        except Exception as error:  # MLflow's, of its transport and of the system
            if not _refused(error, notes[number], remote):
                outcome.lost = store.summary(error)
                return False
            outcome.refused.append(
                f"The server does not take {notes[number].kind} of {_name(notes)[0]}, which is "
                f"left out ({store.summary(error)})."
            )
        if number >= sent:
            kept.mark(number + 1)
        if bar is not None:
            bar.advance(1)
    outcome.sent += _name(notes)
    return True


def _refused(error: Exception, note: LogEvent, remote: RunWriter) -> bool:
    """Whether the server is there and will never take this."""
    if note.kind == BEGIN:
        return False
    if hasattr(error, "get_http_status_code"):
        status = int(error.get_http_status_code())
        return 400 <= status < 500 and status not in PASSING
    return remote.answers()


def _name(notes: list[LogEvent]) -> list[str]:
    return [str(note.said["name"]) for note in notes[:1]]
