"""Load on `seqproof serve` beside `mlflow models serve`: answers a second, latency and memory.

    python -m benchmarks.serving PROJECT MODEL --seconds 600

PROJECT is a folder in which MODEL was trained and evaluated. Clients on this machine send a text of
the test split, wait for the answer and send the next, over one connection each. Both servers hold
the model, and take turns. Writes the table in the README of this folder.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import os
import re
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.error import URLError

import psutil

from benchmarks import page
from pipelines import paths
from pipelines.config import params
from pipelines.tasks import lookup
from pipelines.tracking import run_store

CLIENTS = (1, 8, 64)
PROGRAMS = ("seqproof", "mlflow")
BIN = Path(sys.executable).parent
VARIABLES = {
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "PATH": f"{BIN}:{os.environ['PATH']}",
    "MLFLOW_SCORING_SERVER_REQUEST_TIMEOUT": "600",  # the machine may be busy or paused
}
HEADER = ("clients, server", "answers/s (ratio)", "p50 ms", "p99 ms", "MiB before", "MiB after")


@dataclass
class Load:
    """Requests of some clients to a server.

    Attributes:
        seconds: time that the requests took.
        latencies: seconds of each request.
        memory: MiB of the server before and after.
    """

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    memory: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Answers per second."""
        return len(self.latencies) / self.seconds

    def percentile(self, percent: int) -> float:
        """Return a percentile of the latency in milliseconds."""
        return 1000 * statistics.quantiles(self.latencies, n=100)[percent - 1]


def requests(project: Path, model: str) -> list[bytes]:
    """Return a request for each of the first texts of the test split."""
    import pandas as pd

    config = params.load(project / paths.PARAMS)
    corpus = config.models[model].corpus
    column = lookup.get(config.corpora[corpus].task).columns[0]
    texts = pd.read_parquet(project / paths.test_frame(corpus))[column][:1000]
    bodies = [json.dumps({"inputs": [text]}).encode() for text in texts]
    head = "POST /invocations HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    return [f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body for body in bodies]


def commands(project: Path, model: str) -> dict[str, list[str]]:
    """Return the command of each server, without its port."""
    runs = run_store.open_store(project)
    run = next(run for run in runs.runs if run.name == model and run.model_ids)
    logged = runs.logged_model(run)
    assert logged is not None
    folder = str(logged.folder)
    program = [sys.executable, str(Path(sys.executable).with_name("seqproof"))]
    mlflow = [sys.executable, "-m", "mlflow", "models", "serve", "--env-manager", "local"]
    return {"seqproof": [*program, "serve", model], "mlflow": [*mlflow, "--model-uri", folder]}


@contextmanager
def serving(command: Sequence[str], project: Path) -> Iterator[tuple[int, psutil.Process]]:
    """Start a server and yield its port and its process when it answers; print how long it took."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    start = time.monotonic()
    server = subprocess.Popen(
        [*command, "--port", str(port)],
        cwd=project,
        env=os.environ | VARIABLES,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        while not answers(port):
            if server.poll() is not None:
                sys.exit(f"{' '.join(command)} ended with {server.returncode}.")
            time.sleep(0.1)
        seconds = time.monotonic() - start
        sys.stdout.write(f"{' '.join(command[1:4])} answers after {seconds:.1f} s\n")
        yield port, psutil.Process(server.pid)
    finally:
        os.killpg(server.pid, 15)
        server.wait()


def answers(port: int) -> bool:
    """Return True if a server answers at a port."""
    try:
        return urllib.request.urlopen(f"http://127.0.0.1:{port}/ping", timeout=5).status == 200
    except (URLError, OSError):
        return False


def mebibytes(server: psutil.Process) -> float:
    """Return the memory of a server and its children."""
    processes = [server, *server.children(recursive=True)]
    return sum(process.memory_info().rss for process in processes) / 2**20


async def press(port: int, clients: int, seconds: float, texts: Sequence[bytes]) -> list[float]:
    """Send requests for some seconds; return the latency of each."""
    end = time.perf_counter() + seconds
    queue = itertools.cycle(texts)

    async def client() -> list[float]:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        latencies = []
        while (start := time.perf_counter()) < end:
            writer.write(next(queue))
            head = await reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"(?i)content-length: (\d+)", head)
            assert head.startswith(b"HTTP/1.1 200"), head
            assert length is not None, head
            await reader.readexactly(int(length[1]))
            latencies.append(time.perf_counter() - start)
        writer.close()
        return latencies

    return [
        latency
        for latencies in await asyncio.gather(*(client() for _ in range(clients)))
        for latency in latencies
    ]


def row(clients: int, program: str, load: Load, other: Load) -> list[str]:
    """Return a row of the table."""
    ratio = "" if load is other else f" ({load.rate / other.rate:.2f})"
    return [
        f"{clients}, {program}",
        f"{load.rate:,.0f}{ratio}",
        f"{load.percentile(50):.1f}",
        f"{load.percentile(99):.1f}",
        f"{load.memory[0]:,.0f}",
        f"{load.memory[-1]:,.0f}",
    ]


def main() -> None:
    """Run the benchmark and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("project", type=Path)
    parser.add_argument("model")
    parser.add_argument("--seconds", type=float, default=600.0, help="of each number of clients")
    parser.add_argument("--turn", type=float, default=30.0, help="seconds before the other's turn")
    parser.add_argument("--clients", type=int, nargs="+", default=CLIENTS)
    arguments = parser.parse_args()
    texts = requests(arguments.project, arguments.model)
    programs = commands(arguments.project, arguments.model)
    turn = min(arguments.turn, arguments.seconds)
    rows = []
    with (
        serving(programs["seqproof"], arguments.project) as ours,
        serving(programs["mlflow"], arguments.project) as theirs,
    ):
        servers = dict(zip(PROGRAMS, (ours, theirs), strict=True))
        for port, _ in servers.values():
            asyncio.run(press(port, 64, min(turn, 3.0), texts))  # warm
        for clients in arguments.clients:
            loads = {program: Load() for program in PROGRAMS}
            for _ in range(round(arguments.seconds / turn)):
                for program, (port, server) in servers.items():
                    load = loads[program]
                    load.memory.append(mebibytes(server))
                    load.latencies += asyncio.run(press(port, clients, turn, texts))
                    load.memory.append(mebibytes(server))
                    load.seconds += turn
            for program, load in loads.items():
                rows.append(row(clients, program, load, loads["mlflow"]))
                sys.stdout.write(f"{' | '.join(rows[-1])}\n")
                sys.stdout.flush()
    page.write("serving", HEADER, rows)


if __name__ == "__main__":
    main()
