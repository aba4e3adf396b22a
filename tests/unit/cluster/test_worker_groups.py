"""A stage whose command several Dask workers run together.

The command is a small program that connects its workers as a training does, without TensorFlow.
"""

import os
import signal
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest
import yaml

from pipelines.cluster import executor as executors
from pipelines.cluster.executor import DaskExecutor
from pipelines.cluster.worker_groups import worker_count
from pipelines.scheduling.children import Children
from pipelines.scheduling.jobs import StageJob
from tests import packages
from tests.unit.cluster.dask_cluster import wait_until
from tests.unit.scheduling.shell_project import Project
from tests.unit.scheduling.test_local_jobs import wait

ROOT = Path(__file__).parents[3]
TRAIN = """
import json, os, pathlib, signal, socket, sys, time
cluster = json.loads(os.environ["TF_CONFIG"])
addresses, index = cluster["cluster"]["worker"], cluster["task"]["index"]
trace = os.environ["TRACE"]
with open(trace, "a") as file:
    file.write(f"{index} {os.getppid()} {pathlib.Path.cwd()}\\n")
if os.path.exists(f"{trace}.fail-{index}"):
    sys.exit("no memory")
host, port = addresses[0].split(":")
if index == 0:
    with socket.create_server((host, int(port))) as server:
        peers = [server.accept()[0] for _ in addresses[1:]]
else:
    while True:
        try:
            peers = [socket.create_connection((host, int(port)))]
            break
        except OSError:
            time.sleep(0.05)
for peer in peers:
    peer.settimeout(None)
while True:  # a step: all send, all receive
    is_held = os.path.exists(f"{trace}.hold")
    try:
        values = []
        for peer in peers:
            peer.sendall(b"%d" % (is_held if index == 0 else index))
            values.append(peer.recv(1))
    except OSError:
        values = [b""]
    if b"" in values:
        print("a worker was lost")
        sys.exit(75)
    if not (is_held if index == 0 else values == [b"1"]):
        break
    open(f"{trace}.step-{index}", "a").close()
    time.sleep(0.05)
if index == 0:
    pathlib.Path("sum").write_text(f"{sum(map(int, values))} of {len(addresses)}\\n")
"""


class Group:
    """The stage of a project on two workers.

    Args:
        project: the project.
        children: processes that follow jobs.
        address: of the scheduler.
    """

    def __init__(self, project: Project, children: Children, address: str) -> None:
        self.trace = project.trace
        self.executor = DaskExecutor(project.folder, children, ["train"], address)

    def start(self) -> None:
        """Start the stage, with its output in the log instead of with that of the tests."""
        with (
            os.fdopen(1, "w", closefd=False) as output,
            os.fdopen(2, "w", closefd=False) as errors,
            redirect_stdout(output),
            redirect_stderr(errors),
        ):
            self.executor.start("train", StageJob("train"), {"TRACE": str(self.trace)})

    def begin(self) -> None:
        """Start the stage, and wait until both workers are in the middle of it."""
        self.start()
        steps = [self.mark("step-0"), self.mark("step-1")]
        wait_until(lambda: all(step.exists() for step in steps) or "seqproof: " in self.log)
        assert all(step.exists() for step in steps), self.log

    def finish(self) -> str:
        """Wait for the end of the stage; return its state."""
        messages, _ = wait(self.executor, ["train"])
        return messages["train"][-1]

    def mark(self, name: str) -> Path:
        """Return a file that the program looks for, or makes."""
        return self.trace.with_name(f"{self.trace.name}.{name}")

    def starts(self) -> list[list[str]]:
        """Return number, parent process and folder of each program that has started."""
        return [line.split() for line in self.trace.read_text().splitlines()]

    @property
    def log(self) -> str:
        """Output of the stage, empty until its process has opened the file."""
        file = self.executor.log("train")
        return file.read_text() if file.exists() else ""


@pytest.fixture
def group(cluster, tmp_path, monkeypatch) -> Iterator[Group]:
    """A stage on two workers, in a new project."""
    folder = tmp_path.resolve() / "project"
    stage = {"cmd": "python train.py", "deps": ["train.py"], "outs": ["sum"]}
    project = Project.create(folder)
    (folder / "dvc.yaml").write_text(yaml.dump({"stages": {"train": stage}}))
    (folder / "dvc.lock").write_text("schema: '2.0'\nstages:\n  fetch:\n    cmd: 'true'\n")
    (folder / "train.py").write_text(TRAIN)
    (folder / ".gitignore").write_text("/sum\n/.seqproof\n")
    packages.copy("pipelines", folder)
    monkeypatch.setattr(executors, "worker_count", lambda text, stage: 2)
    monkeypatch.chdir(folder)
    with Children(folder / ".seqproof" / "logs") as children:
        started = Group(project, children, cluster.address)
        with started.executor:
            yield started


def test_all_start_again_when_a_worker_is_killed(group, cluster):
    group.mark("hold").touch()
    group.begin()
    folders = {int(number): folder for number, _, folder in group.starts()}
    name = Path(folders[1]).parents[2].name  # of the worker that is not the first
    assert name in cluster.names()
    assert name not in folders[0]
    cluster.kill(name)
    cluster.add_workers(2)
    wait_until(lambda: len(group.starts()) == 4)
    group.mark("hold").unlink()
    assert group.finish() == "ran", group.log
    assert Path("sum").read_text() == "1 of 2\n"
    assert sorted(number for number, _, _ in group.starts()) == ["0", "0", "1", "1"]
    assert "A worker was lost. All start again from the last checkpoint." in group.log


def test_a_worker_that_fails_by_itself_ends_the_stage(group):
    group.mark("fail-1").touch()
    group.start()
    assert group.finish() == "failed"
    assert "worker 1: no memory" in group.log
    assert sorted(number for number, _, _ in group.starts()) == ["0", "1"]  # none started again


def test_ctrl_c_stops_all_workers(group):
    group.mark("hold").touch()
    group.begin()
    group.executor.send_signal(signal.SIGINT)
    assert group.finish() == "failed"  # by the signal, after which the runner calls it stopped
    assert len(group.starts()) == 2
    for _, process, _ in group.starts():
        wait_until(lambda process=process: not Path(f"/proc/{process}").exists())


def test_only_the_training_of_a_model_with_workers_has_several():
    tree = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    tree["models"]["lstm"]["opinions-lstm"]["workers"] = 4
    text = yaml.dump(tree)
    stages = ("train_lstm@opinions-lstm", "evaluate_lstm@opinions-lstm", "train_lstm@opinions-rnn")
    counts = [worker_count(text, stage) for stage in (*stages, "fetch@opinions", "check")]
    assert counts == [4, 1, 1, 1, 1]
