"""The lock of a project in which stages run side by side."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipelines.errors import UserError

POLL = 0.1  # seconds


@contextmanager
def only_run(file: Path, command: str = "seqproof run") -> Iterator[None]:
    """Hold the lock of a command in a project while the context is open.

    Forked child processes hold it, too: after the death of this process it is free when they have
    ended, for which the next one waits.

    Args:
        file: of the lock; it has the number of the process.
        command: for messages.

    Raises:
        UserError: a living process holds the lock.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(file, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        while not _lock(handle):
            owner = os.pread(handle, 20, 0).decode("ascii", "replace").strip()
            if owner.isdigit() and _is_alive(int(owner)):
                raise UserError(
                    f"Another `{command}` is running in this project (process {owner}). Wait "
                    "for its end, or stop it with Ctrl-C."
                )
            time.sleep(POLL)
        os.ftruncate(handle, 0)
        os.pwrite(handle, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(handle)


def _lock(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
