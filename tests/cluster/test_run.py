"""`seqproof run` on several machines and under SLURM: all bytes as on one machine."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil

from pipelines.lineage import dvc_project
from tests.cluster.machines import Machine, Network
from tests.cluster.projects import EVALUATION, MODEL, TRAINING
from tests.cluster.slurm import Slurm
from tests.unit.cluster.dask_cluster import READY
from tests.walk.projects import Project

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
MANIFEST = f"checkpoints/{TRAINING}/*/manifest.json"


def wait_for(
    condition: Callable[[], object], process: "subprocess.Popen[str]", output: Path
) -> None:
    """Wait as long as it takes, and no longer than a process lives."""
    while not condition():
        assert process.poll() is None, output.read_text(encoding="utf-8")
        time.sleep(0.02)


def checkpoint(storage: Path) -> list[str]:
    """Return the files of the checkpoint in a remote."""
    for file in storage.rglob(MANIFEST):
        text = file.read_text(encoding="utf-8")
        names: list[str] = json.loads(text)["checkpoint"] if text else []
        return names
    return []


def log(project: Path) -> str:
    """Return the log of the training."""
    return (project / f".seqproof/logs/{TRAINING}.log").read_text(encoding="utf-8")


def compare(folder: Path, reference: Project) -> None:
    """Compare all outs and dvc.lock with those of one machine."""
    outs = Project(folder).outs()
    assert outs.keys() == reference.outs().keys()
    assert [name for name, content in reference.outs().items() if outs[name] != content] == []
    lock = (folder / "dvc.lock").read_text(encoding="utf-8")
    assert lock == (reference.folder / "dvc.lock").read_text(encoding="utf-8")


def start(machine: Machine, *command: str, folder: str = "") -> "subprocess.Popen[str]":
    """Start a command of the environment of the tests on a machine."""
    path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    variables = {"PATH": path, "PYTHONPATH": str(ROOT), "DVC_NO_ANALYTICS": "true"}
    return machine.start(command, folder, variables)


def start_scheduler(machine: Machine) -> None:
    """Start a Dask scheduler on a machine, and wait until it answers."""
    process = start(machine, "dask", "scheduler", "--host", machine.address, "--no-dashboard")
    wait_for(lambda: READY in machine.log("dask").read_text(), process, machine.log("dask"))


def test_a_machine_dies_in_the_middle_of_a_training(untrained, reference, network: Network):
    client, storage, *workers = (network.machine() for _ in range(4))
    start(
        storage,
        *(sys.executable, "-m", "tests.unit.cluster.http_remote"),
        *(str(storage.inner_disk / "remote"), storage.address, "8000"),
    )
    address = f"tcp://{client.address}:8786"
    start_scheduler(client)
    for worker in workers:
        start(worker, "dask", "worker", address, "--nthreads", "1", "--no-dashboard")
    shutil.copytree(untrained.folder, client.disk / "project", symlinks=True)
    (client.disk / "project/.dvc/config").write_text(
        "[core]\nanalytics = false\nremote = there\n['remote \"there\"']\n"
        f"url = http://{storage.address}:8000\nmethod = PUT\n",
        encoding="utf-8",
    )
    run = start(client, "seqproof", "run", "--scheduler", address, "--jobs", "2", folder="project")
    output = client.log("seqproof")
    wait_for(lambda: checkpoint(storage.disk), run, output)
    (victim,) = (
        worker for worker in workers if list(worker.disk.rglob(f"checkpoints/{TRAINING}/*/*.json"))
    )
    victim.kill()
    assert run.wait() == 0, output.read_text(encoding="utf-8")
    assert "Resumed from the checkpoint" in log(client.disk / "project")
    compare(client.disk / "project", reference)
    assert checkpoint(storage.disk) == []


def training_job() -> str | None:
    """Return the number of the job that runs the training."""
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if {"stages.train_lstm", MODEL} <= set(process.cmdline()):
                return process.environ().get("SLURM_JOB_ID")
    return None


def forget_training(folder: Path) -> None:
    """Remove what the training and the stages after it have left."""
    lock = folder / "dvc.lock"
    blocks = dvc_project.split_lock(lock.read_text(encoding="utf-8"))
    assert blocks is not None
    lost = tuple(f"  {name}:" for name in (TRAINING, EVALUATION, "report"))
    text = "".join(block for block in blocks if not block.startswith(lost))
    lock.write_text(dvc_project.HEADER + text, encoding="utf-8")
    for name in ("models", "plots", "metrics", "predictions", "analyses", ".dvc/cache/runs"):
        shutil.rmtree(folder / name)
    (folder / "report.html").unlink()


def test_preempted_jobs_of_slurm(reference, slurm_server: Slurm, tmp_path):
    """The job of the training gets SIGTERM; the training goes on in another job."""
    folder = tmp_path / "project"
    shutil.copytree(reference.folder, folder, symlinks=True)
    forget_training(folder)
    variables = {"DASK_JOBQUEUE__SLURM__CORES": "1", "DASK_JOBQUEUE__SLURM__MEMORY": "2GB"}
    path = f"{BIN}{os.pathsep}{slurm_server.variables['PATH']}"
    output = tmp_path / "output"
    with output.open("wb") as file:
        run = subprocess.Popen(
            ["seqproof", "run", "--slurm", "--jobs", "2"],
            cwd=folder,
            env={**os.environ, **slurm_server.variables, **variables, "PATH": path},
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            text=True,
        )
    wait_for(lambda: checkpoint(folder), run, output)
    wait_for(training_job, run, output)
    slurm_server.call("scancel", "--signal=TERM", "--full", training_job())
    assert run.wait() == 0, output.read_text(encoding="utf-8")
    assert "Resumed from the checkpoint" in log(folder)
    compare(folder, reference)
    assert checkpoint(folder) == []
    while slurm_server.jobs():
        time.sleep(0.1)
