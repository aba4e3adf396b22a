"""A real `mlflow server`, a real PostgreSQL and a real S3 server on this machine."""

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
from urllib.parse import urlsplit

import psutil
import pytest

from pipelines.tracking import connection
from tests.unit.service import Service

ROOT = Path(__file__).resolve().parents[3]
SYSTEM_RANDOM = random.SystemRandom()  # trainings seed the other generator
# Seconds in which a server on this machine must answer; the short times that the product sets are
# for the network.
PATIENCE = {"MLFLOW_HTTP_REQUEST_TIMEOUT": "100000", "PGCONNECT_TIMEOUT": "100000"}
NUMBER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
USED_PORTS: set[int] = set()


def closed_port() -> int:
    """Return a port on which nothing listens, and that no connection gets as its own port.

    No other call returns the same port, in this process of pytest or in one beside it: a server may
    be stopped and started again.
    """
    while True:
        # Connections have ports from 32,768 on.
        port = SYSTEM_RANDOM.randrange(20_000 + NUMBER % 4, 32_768, 4)
        with socket.socket() as free, contextlib.suppress(OSError):
            free.bind(("127.0.0.1", port))
            if port not in USED_PORTS:
                USED_PORTS.add(port)
                return port


class Server(Service):
    """MLflow server that keeps its port and files while it is stopped."""

    def __init__(self, folder: Path, database: str, artifacts: str = "") -> None:
        port = closed_port()
        self.address = f"http://127.0.0.1:{port}"
        self.folder = folder
        command = [sys.executable, "-m", "mlflow", "server", "--workers", "1", "--port", str(port)]
        files = ["--artifacts-destination", artifacts or str(folder / "served")]
        self._command, self._database = [*command, *files], database
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the server and wait until it answers."""
        self._process = subprocess.Popen(
            self._command,
            cwd=self.folder,
            env={
                **connection.SERVER_ENV,
                **os.environ,
                "MLFLOW_BACKEND_STORE_URI": self._database,
            },
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
            group = self._process.pid
            os.killpg(group, signal.SIGKILL)
            self._process.wait()
            while _runs(group):  # until then, the port accepts connections
                time.sleep(0.01)


def _runs(group: int) -> bool:
    """Return True if a process of a group has not ended."""
    for process in psutil.process_iter():
        with contextlib.suppress(ProcessLookupError, psutil.NoSuchProcess):
            is_member = os.getpgid(process.pid) == group
            if is_member and process.status() != psutil.STATUS_ZOMBIE:
                return True
    return False


class Postgres(Service):
    """PostgreSQL server with a password in a temporary folder; it never runs as root.

    The test skips where it is not installed.

    Args:
        password: of the user `test`.
    """

    def __init__(self, password: str = "test") -> None:
        pytest.importorskip("psycopg", reason="psycopg is not installed")
        debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"))[-1:]
        initdb = shutil.which("initdb", path=":".join([*map(str, debian), os.environ["PATH"]]))
        if initdb is None:
            pytest.skip("PostgreSQL is not installed")
        self._programs, self._password = Path(initdb).parent, password
        self._folder = tempfile.TemporaryDirectory(prefix="seqproof-postgres-", dir="/tmp")
        self._data = Path(self._folder.name) / "data"
        # PostgreSQL refuses to run as root; Debian's package creates this user.
        self._prefix = ["/usr/sbin/runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        self.address = f"postgresql://test:{password}@127.0.0.1:{closed_port()}/postgres"

    def _call(self, program: str, *arguments: str) -> None:
        command = [*self._prefix, str(self._programs / program), *arguments]
        subprocess.run(command, cwd=self._folder.name, check=True, stdout=subprocess.DEVNULL)

    def create_database(self, name: str) -> str:
        """Create an empty database; return its address."""
        import psycopg

        with psycopg.connect(self.address, autocommit=True) as opened:
            opened.execute(f"CREATE DATABASE {name}")
        return f"{self.address.rpartition('/')[0]}/{name}"

    def start(self) -> None:
        """Make the database and start the server."""
        if self._prefix:
            shutil.chown(self._folder.name, "postgres")
        password = Path(self._folder.name) / "password"
        password.write_text(self._password, encoding="utf-8")
        login = ("-U", "test", "-A", "scram-sha-256", f"--pwfile={password}")
        self._call("initdb", "-D", str(self._data), *login, "--no-sync")
        port = urlsplit(self.address).port
        options = f"-p {port} -F -c listen_addresses=127.0.0.1 -k {self._folder.name}"
        self._control("-l", f"{self._data}.log", "-o", options, "start")

    def stop(self) -> None:
        """Stop the server and remove its files."""
        if (self._data / "postmaster.pid").exists():
            self._control("-m", "immediate", "stop")
        self._folder.cleanup()

    def _control(self, *arguments: str) -> None:
        """Start or stop the server, and wait as long as that takes, not for a minute only."""
        self._call("pg_ctl", "-D", str(self._data), "-w", "-t", "100000", *arguments)


class ObjectStore(Service):
    """S3 server that checks signatures and keeps its port and files while it is stopped.

    The test skips where it is not installed.

    Args:
        folder: an empty folder, for its buckets.
        password: secret key of the user `test`.

    Attributes:
        variables: those of its clients.
    """

    def __init__(self, folder: Path, password: str = "test") -> None:
        pytest.importorskip("nanio", reason="the S3 server nanio is not installed")
        self.folder, self._port = folder, closed_port()
        self.variables = {
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": password,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ENDPOINT_URL_S3": f"http://127.0.0.1:{self._port}",
        }
        program = ("-m", "uvicorn", "--factory", "tests.unit.tracking.object_store:app")
        options = ("--port", str(self._port), "--log-level", "error")
        self._command = [sys.executable, *program, *options]
        self._process: subprocess.Popen[bytes] | None = None

    def make_bucket(self, name: str) -> None:
        """Create a bucket."""
        (self.folder / name).mkdir()

    def start(self, password: str | None = None) -> None:
        """Start the server, with another password if there is one, and wait until it answers."""
        variables = {
            "NANIO_ACCESS_KEY": self.variables["AWS_ACCESS_KEY_ID"],
            "NANIO_SECRET_KEY": password or self.variables["AWS_SECRET_ACCESS_KEY"],
            "NANIO_DATA_DIR": str(self.folder),
        }
        self._process = subprocess.Popen(self._command, cwd=ROOT, env={**os.environ, **variables})
        while self._process.poll() is None:
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", self._port), timeout=2).close()
                return
            time.sleep(0.1)
        raise ChildProcessError(self._port)

    def stop(self) -> None:
        """Kill the server."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
