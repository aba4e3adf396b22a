"""docs/sharing.md, followed to the letter by two machines that share PostgreSQL, S3 and Git only.

Both servers are real and ask for passwords. All passwords contain one word, which is searched
everywhere afterwards.
"""

import contextlib
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.unit.tracking.servers import PATIENCE, ObjectStore, Postgres, closed_port
from tests.walk.projects import ROOT, Project, create

WORD = "hunter2"
DATABASE, OBJECTS = f"pg-{WORD}", f"s3-{WORD}"
PAGE = (ROOT / "docs" / "sharing.md").read_text(encoding="utf-8")
MODELS = {"opinions-perceptron": "moods-perceptron", "opinions-lstm": "moods-rnn"}


def commands_of(title: str) -> list[list[str]]:
    """Return the commands of a section of the page."""
    section = PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    blocks = re.findall(r"```bash\n(.*?)```", section, flags=re.S)
    return [shlex.split(line, comments=True) for block in blocks for line in block.splitlines()]


def shrink(tree: dict[str, Any]) -> None:
    """Keep two models of one corpus."""
    tree["corpora"] = {"moods": tree["corpora"]["moods"]}
    tree["models"] = {
        family: {name: entry for name, entry in models.items() if name in MODELS.values()}
        for family, models in tree["models"].items()
    }
    tree["experiments"] = {key: {} for key in tree["experiments"]}


@dataclass
class Machine:
    """A clone with variables of its own.

    Attributes:
        project: the clone; its commands have the variables of the machine.
        outputs: what its commands printed, by the command.
    """

    project: Project
    outputs: dict[str, str] = field(default_factory=dict)

    def run(self, *command: str, ok: bool = True, **variables: str) -> str:
        """Run a command; return what it printed."""
        output = self.project.run(*command, ok=ok, **variables)
        self.outputs[f"{shlex.join(command)} {sorted(variables)}"] = output
        return output

    @contextlib.contextmanager
    def running(self, *command: str, port: int) -> Iterator[str]:
        """Run a server until the end; yield its address when it listens."""
        variables = {**os.environ, **self.project.variables}
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        log = self.project.folder / ".seqproof" / f"{command[1]}.log"
        with log.open("wb") as file:
            process = subprocess.Popen(
                [*command, "--port", str(port)],
                cwd=self.project.folder,
                env=variables | {"PATH": path},
                stdout=file,
                stderr=subprocess.STDOUT,
            )
        try:
            while process.poll() is None:
                with contextlib.suppress(OSError):
                    urllib.request.urlopen(f"http://127.0.0.1:{port}/health").close()
                    break
                time.sleep(0.1)
            assert process.poll() is None, log.read_text(encoding="utf-8")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.send_signal(signal.SIGINT)
            process.wait()
            self.outputs[shlex.join(command)] = log.read_text(encoding="utf-8")


@dataclass
class Team:
    """Two machines and what they share."""

    folder: Path
    first: Machine
    second: Machine
    address: str
    objects: ObjectStore
    arguments: set[str]


def _watch_arguments(found: set[str], end: threading.Event) -> None:
    """Collect the arguments of processes that hold a password, as `ps` shows them to everyone."""
    while not end.wait(0.25):
        for file in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                arguments = file.read_bytes().replace(b"\0", b" ").decode(errors="replace")
                if WORD in arguments:
                    found.add(arguments)


def _write_passwords(home: Path, address: str) -> str:
    """Write the files of passwords that the page names; return the address without a password."""
    user, password, host, port, name = re.fullmatch(
        r"postgresql://(\w+):([\w-]+)@([\d.]+):(\d+)/(\w+)", address
    ).groups()  # type: ignore[union-attr]
    file = home / ".pgpass"
    file.write_text(f"{host}:{port}:{name}:{user}:{password}\n", encoding="utf-8")
    file.chmod(0o600)
    (home / ".aws").mkdir()
    (home / ".aws" / "credentials").write_text(
        f"[default]\naws_access_key_id = test\naws_secret_access_key = {OBJECTS}\n",
        encoding="utf-8",
    )
    return address.replace(f":{password}@", "@")


def _follow(machine: Machine, title: str, replaced: Mapping[str, str]) -> list[list[str]]:
    """Run the commands of a section; return those that the test runs itself."""
    left = []
    for words in commands_of(title):
        command = [replaced.get(word, MODELS.get(word, word)) for word in words]
        if words[0] in ("make", "cd") or words[:2] in (["git", "clone"], ["seqproof", "serve"]):
            left.append(command)
        else:
            machine.run(*command)
    return left


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory, server: Mapping[str, str]) -> Iterator[Team]:
    """Two machines after the commands of the page; the second has trained nothing."""
    folder = tmp_path_factory.mktemp("team")
    (folder / "objects").mkdir()
    found: set[str] = set()
    end = threading.Event()
    watcher = threading.Thread(target=_watch_arguments, args=[found, end], daemon=True)
    with (
        Postgres(DATABASE) as postgres,
        ObjectStore(folder / "objects", OBJECTS) as objects,
    ):
        watcher.start()
        objects.make_bucket("team")
        shown = dict(word.split("=", 1) for _, word in commands_of("Addresses and passwords"))
        address = postgres.address
        root = {"MLFLOW_DEFAULT_ARTIFACT_ROOT": shown["MLFLOW_DEFAULT_ARTIFACT_ROOT"]}
        endpoint = {"AWS_ENDPOINT_URL_S3": objects.variables["AWS_ENDPOINT_URL_S3"]}
        assert shown.keys() == {"MLFLOW_TRACKING_URI", *root, *endpoint}

        # The first machine has its passwords in the address and in variables.
        variables = {"MLFLOW_TRACKING_URI": address}
        first = Machine(create(folder / "first", server))
        shared = {**server, **PATIENCE, **root}
        first.project.variables = {**shared, **objects.variables, **variables}
        first.project.edit_params(shrink)
        origin = folder / "origin.git"
        first.run("git", "commit", "-qam", "two models")
        first.run("git", "init", "-q", "--bare", str(origin))
        place = {"https://git.example.org/team/opinions.git": str(origin)}
        assert _follow(first, "On the first machine", place) == []

        # The second machine has its passwords in files. Both have the home of the fork server.
        home = Path(server["HOME"])
        variables = {"MLFLOW_TRACKING_URI": _write_passwords(home, address)}
        second = Machine(Project(folder / "elsewhere", {**shared, **endpoint, **variables}))
        subprocess.run(["git", "clone", "-q", str(origin), str(second.project.folder)], check=True)
        left = _follow(second, "On another machine", {})
        assert [words[:2] for words in left] == [
            ["git", "clone"],
            ["cd", "opinions"],
            ["make", "install"],
            ["seqproof", "serve"],
        ]
        yield Team(folder, first, second, address, objects, found)
        end.set()
        watcher.join()
        (home / ".pgpass").unlink()
        shutil.rmtree(home / ".aws")


def _output(machine: Machine, beginning: str) -> str:
    (output,) = [text for line, text in machine.outputs.items() if line.startswith(beginning)]
    return output


def test_another_machine_has_all_results_without_training(team: Team) -> None:
    assert "artifacts are in s3://team/runs" in _output(team.first, "seqproof doctor")
    verified = _output(team.second, "seqproof verify --all")
    assert re.findall(r"([a-z-]+): level 0: identical, 6 stages", verified) == [*MODELS.values()]
    assert "Data and pipelines are up to date" in team.second.run("dvc", "status")
    assert "1 ran, 8 up to date" in _output(team.second, "seqproof run")
    assert "is not significant" in _output(team.second, "seqproof compare")
    for name in MODELS.values():
        assert name in _output(team.second, "seqproof results")
    report = (team.second.project.folder / "report.html").read_text(encoding="utf-8")
    assert report.count("verified, level 0") == len(MODELS)
    outs = team.first.project.outs()
    outs.pop("report.html")  # that of the second machine has the verdicts
    others = team.second.project.outs()
    assert {path: others[path] for path in outs} == outs


def test_the_other_machine_shares_its_verdicts(team: Team) -> None:
    assert _follow(team.second, "Every day", {}) == []
    assert "9 up to date" in _output(team.second, "seqproof run")
    assert team.second.run("git", "status", "--porcelain") == ""
    team.first.run("git", "pull")
    team.first.run("dvc", "pull", "--run-cache", "--allow-missing")
    first, second = (x.project.folder / "report.html" for x in (team.first, team.second))
    assert first.read_bytes() == second.read_bytes()


def test_a_promoted_model_is_served_from_s3(team: Team) -> None:
    promoted = _output(team.second, "seqproof promote")
    assert "is version 1 of seqproof-moods and its champion" in promoted
    shutil.rmtree(team.second.project.folder / "models")  # the model comes from S3
    with team.second.running("seqproof", "serve", "champion", port=closed_port()) as address:
        request = urllib.request.Request(
            f"{address}/invocations",
            json.dumps({"inputs": ["the cat likes the sun"]}).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request) as answer:
            assert json.load(answer)["predictions"][0] in ("good", "bad")
    team.second.run("dvc", "checkout")


def test_the_pages_of_mlflow_show_artifacts_in_s3(team: Team) -> None:
    with team.second.running("seqproof", "ui", port=closed_port()) as address:
        run = _rows(team.address, "SELECT run_uuid FROM runs")[0]
        query = f"get-artifact?path=provenance/training.json&run_uuid={run}"
        with urllib.request.urlopen(f"{address}/{query}") as answer:
            assert json.load(answer)["command"].startswith("python -m stages.train_")


def test_nothing_names_a_password(team: Team) -> None:
    """Each address gets a password, right or wrong, and all that was written is searched."""
    machine = team.second
    wrong = {"MLFLOW_TRACKING_URI": team.address.replace(DATABASE, f"wrong-{WORD}")}
    down = {"MLFLOW_TRACKING_URI": f"postgresql://me:down-{WORD}@127.0.0.1:1/runs"}
    server = {"MLFLOW_TRACKING_URI": f"http://me:http-{WORD}@127.0.0.1:1"}
    endpoint = {"AWS_ENDPOINT_URL_S3": f"http://me:endpoint-{WORD}@127.0.0.1:1"}
    key = {"AWS_SECRET_ACCESS_KEY": f"key-{WORD}", "AWS_ACCESS_KEY_ID": "test"}
    remote = f"https://me:git-{WORD}@git.example.org/team/opinions.git"
    # Written here: `git remote add` has the address in its arguments, which are watched.
    with (machine.project.folder / ".git" / "config").open("a", encoding="utf-8") as file:
        file.write(f'[remote "fork"]\n\turl = {remote}\n')
    assert machine.project.run("git", "remote", "get-url", "fork") == f"{remote}\n"
    for command in ("verify --all", "promote moods-rnn --as champion", "seal", "ui"):
        machine.run("seqproof", *command.split(), ok=False, **wrong)
    machine.run("seqproof", "serve", "champion", ok=False, **down)
    machine.run("seqproof", "verify", ok=False, **server)
    for broken in (wrong, endpoint):
        machine.run("seqproof", "train-baseline", "moods-perceptron", "--fresh", **broken)
        machine.run("seqproof", "sync", ok=False, **broken)
    rooted = {"MLFLOW_DEFAULT_ARTIFACT_ROOT": f"s3://me:root-{WORD}@team/runs"}
    machine.run("seqproof", "train-baseline", "moods-perceptron", "--fresh", **rooted)
    assert len(list(machine.project.folder.glob(".seqproof/unsent/[0-9]*"))) == 3
    assert "Uploaded" in machine.run("seqproof", "sync", "--here")
    for broken in (endpoint, key):
        machine.run("dvc", "push", ok=False, **broken)
    scheduler = f"tcp://me:dask-{WORD}@127.0.0.1:1"
    machine.run("seqproof", "run", "--scheduler", scheduler, ok=False)

    def add_secret(tree: dict[str, Any]) -> None:
        url = f"https://example.org/a.csv?X-Amz-Signature=url-{WORD}"
        download = {"url": url, "sha256": "0" * 64}
        tree["corpora"]["moods"]["source"] = {"kind": "url", "downloads": [download]}

    before = machine.project.folder.joinpath("params.yaml").read_bytes()
    machine.project.edit_params(add_secret)
    for command in ("check", "results", "verify"):
        machine.run("seqproof", command, ok=False)
    machine.project.folder.joinpath("params.yaml").write_bytes(before)

    for line, output in {**team.first.outputs, **machine.outputs}.items():
        assert WORD not in output, line
    typed = {arguments for arguments in team.arguments if scheduler in arguments}
    assert team.arguments - typed == set()
    assert all(f"seqproof run --scheduler {scheduler}" in arguments for arguments in typed)
    assert [row for row in _database(team.address) if WORD in row] == []
    for folder in (team.first.project.folder, machine.project.folder, team.objects.folder):
        assert _files_with_a_password(folder) == []


def _rows(address: str, query: str) -> list[str]:
    import psycopg

    with psycopg.connect(address) as opened:
        return [str(value) for (value,) in opened.execute(query).fetchall()]


def _database(address: str) -> list[str]:
    """Return all rows of all tables."""
    tables = _rows(address, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    return [row for table in tables for row in _rows(address, f"SELECT t::text FROM {table} t")]


def _files_with_a_password(folder: Path) -> list[str]:
    """Return files with a password, except Git's own settings, where the test put one."""
    return [
        str(file)
        for file in folder.rglob("*")
        if file.is_file() and WORD.encode() in file.read_bytes() and file.parent.name != ".git"
    ]
