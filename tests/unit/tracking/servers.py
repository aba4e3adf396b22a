"""A real `mlflow server` and a real PostgreSQL on this machine."""

import contextlib
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from pipelines.tracking import connection

SYSTEM_RANDOM = random.SystemRandom()  # trainings seed the other generator


def closed_port() -> int:
    """Return a port on which nothing listens, and that no connection gets as its own port."""
    while True:
        port = SYSTEM_RANDOM.randrange(20_000, 32_768)  # of connections: from 32,768 on
        with socket.socket() as free, contextlib.suppress(OSError):
            free.bind(("127.0.0.1", port))
            return port


class Server:
    """MLflow server that keeps its port and files while it is stopped."""

    def __init__(self, folder: Path, database: str) -> None:
        port = closed_port()
        self.address = f"http://127.0.0.1:{port}"
        self.folder = folder
        command = [sys.executable, "-m", "mlflow", "server", "--workers", "1", "--port", str(port)]
        files = ["--artifacts-destination", str(folder / "served")]
        self._command = [*command, "--backend-store-uri", database, *files]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the server and wait until it answers."""
        self._process = subprocess.Popen(
            self._command,
            cwd=self.folder,
            env={**connection.SERVER_ENV, **os.environ},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        while self._process.poll() is None:
            try:
                with urllib.request.urlopen(f"{self.address}/health", timeout=2) as answer:
                    if answer.status == 200:
                        return
            except OSError:
                time.sleep(0.1)
        raise ChildProcessError(self.address)

    def stop(self) -> None:
        """Kill the server without a shutdown."""
        if self._process is not None and self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


class Postgres:
    """PostgreSQL server in a temporary folder; it never runs as root.

    Args:
        programs: folder of `initdb` and `pg_ctl`.
    """

    def __init__(self, programs: Path) -> None:
        self._programs = programs
        self._folder = tempfile.TemporaryDirectory(prefix="seqproof-postgres-", dir="/tmp")
        self._data = Path(self._folder.name) / "data"
        # PostgreSQL refuses to run as root; Debian's package creates this user.
        self._prefix = ["/usr/sbin/runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        self.address = f"postgresql://test@127.0.0.1:{closed_port()}/postgres"

    def _call(self, program: str, *arguments: str) -> None:
        command = [*self._prefix, str(self._programs / program), *arguments]
        subprocess.run(command, cwd=self._folder.name, check=True, stdout=subprocess.DEVNULL)

    def __enter__(self) -> Self:
        if self._prefix:
            shutil.chown(self._folder.name, "postgres")
        self._call("initdb", "-D", str(self._data), "-U", "test", "-A", "trust", "--no-sync")
        port = urlsplit(self.address).port
        options = f"-p {port} -F -c listen_addresses=127.0.0.1 -k {self._folder.name}"
        self._call(
            "pg_ctl", "-D", str(self._data), "-w", "-l", f"{self._data}.log", "-o", options, "start"
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._call("pg_ctl", "-D", str(self._data), "-w", "-m", "immediate", "stop")
        self._folder.cleanup()
