"""A server of a finished project: real requests, real sockets, and a champion that moves."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events, from_schema

FUZZ = {
    "seed": 1,
    "generation": {"max-examples": 20, "no-shrink": True, "database": "none"},
    "checks": {"positive_data_acceptance": {"enabled": False}},
}


@contextmanager
def serving(project, *arguments: str) -> Iterator[str]:
    """Start a server on a free port and yield its address; it ends by SIGTERM."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    with subprocess.Popen(
        ["seqproof", "serve", *arguments, "--port", "0"],
        cwd=project.folder,
        env={**os.environ, "PATH": path, "COLUMNS": "200", **project.variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as server:
        try:
            line = server.stdout.readline()
            match = re.search(r"answers at (http://127\.0\.0\.1:\d+)/invocations", line)
            assert match, line + server.stdout.read()
            yield match[1]
            server.send_signal(signal.SIGTERM)
            output = server.stdout.read()
            assert server.wait() in (0, 128 + signal.SIGTERM), output
            assert "Traceback" not in output
        finally:
            server.kill()


def ask(address: str, text: str) -> dict:
    """Return the answer to a text; an error of the server raises."""
    body = json.dumps({"inputs": [text]}).encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{address}/invocations", body, headers)
    with urllib.request.urlopen(request) as response:
        return json.load(response)


def test_a_running_server_takes_the_new_champion_without_a_dropped_request(copy):
    metrics = {name: copy.metrics(name) for name in ("plain-markov", "plain-lstm")}
    worse, best = sorted(metrics, key=lambda name: -metrics[name]["test_bits_per_character"])
    copy.run("seqproof", "promote", worse, "--as", "champion")
    answers, end = [], threading.Event()

    def press(address):
        while not end.is_set():
            answers.append(ask(address, "the cat"))

    with serving(copy, "plain@champion", "--refresh", "0.2") as address:
        assert ask(address, "the cat")["version"] == "1"
        thread = threading.Thread(target=press, args=(address,))
        thread.start()
        try:
            while thread.is_alive() and not answers:
                time.sleep(0.01)
            copy.run("seqproof", "promote", best, "--as", "champion")
            while thread.is_alive() and answers[-1]["version"] != "2":
                time.sleep(0.01)
        finally:
            end.set()
            thread.join()
    expected = {("1", worse), ("2", best)}
    assert {(answer["version"], answer["model"]) for answer in answers} == expected
    assert len({(answer["model"], answer["predictions"][0]) for answer in answers}) == 2


def test_broken_requests_do_no_harm_to_a_real_server(copy):
    with serving(copy, "moods-logistic") as address:
        host = urlsplit(address)
        for content, status in (
            (b"NONSENSE\r\n\r\n", b"400"),
            # Longer than the 16 KiB of the server, and short enough to arrive as a whole: a server
            # that closes a connection before that resets it, and its answer may be lost.
            (b"GET /ping HTTP/1.1\r\nA: " + b"a" * 20_000 + b"\r\n\r\n", b"400"),
            (b"POST /invocations HTTP/1.1\r\nContent-Length: many\r\n\r\n", b"400"),
        ):
            with socket.create_connection((host.hostname, host.port)) as connection:
                connection.sendall(content)
                assert connection.recv(100).split()[1] == status
        with socket.create_connection((host.hostname, host.port)) as connection:  # hangs up
            connection.sendall(b"POST /invocations HTTP/1.1\r\nContent-Length: 100\r\n\r\n{")
        openapi = schemathesis.openapi.from_url(
            f"{address}/openapi.json", config=SchemathesisConfig.from_dict(FUZZ)
        )
        for event in from_schema(openapi).execute():
            if isinstance(event, events.ScenarioFinished):
                for checks in event.recorder.checks.values():
                    assert [check.failure_info for check in checks if check.failure_info] == []
        assert ask(address, "the cat likes")["predictions"][0] in ("good", "bad")
