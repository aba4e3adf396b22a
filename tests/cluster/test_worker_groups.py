"""A model that several machines train together: all bytes as on one machine."""

import sys
from typing import Any

from tests.cluster.machines import Network
from tests.cluster.projects import MODEL, TRAINING
from tests.cluster.test_run import checkpoint, compare, log, start, start_scheduler, wait_for


def _use_two_workers(tree: dict[str, Any]) -> None:
    tree["models"]["lstm"][MODEL] |= {"workers": 2, "epochs": 10}
    tree["checkpoints"] = {"every": 10}


def test_a_machine_dies_while_two_train_a_model(reference, network: Network, tmp_path):
    client, storage, *workers = (network.machine() for _ in range(5))
    here, there = (
        reference.copy(folder) for folder in (tmp_path / "here", client.disk / "project")
    )
    for project in (here, there):
        project.edit_params(_use_two_workers)
        project.run("git", "commit", "-qam", "workers")
    here.run("seqproof", "run", TRAINING)
    start(
        storage,
        *(sys.executable, "-m", "tests.unit.cluster.http_remote"),
        *(str(storage.inner_disk / "remote"), storage.address, "8000"),
    )
    address = f"tcp://{client.address}:8786"
    start_scheduler(client)
    for worker in workers:
        start(worker, "dask", "worker", address, "--nthreads", "1", "--no-dashboard")
    (there.folder / ".dvc/config").write_text(
        "[core]\nanalytics = false\nremote = there\n['remote \"there\"']\n"
        f"url = http://{storage.address}:8000\nmethod = PUT\n",
        encoding="utf-8",
    )
    run = start(client, "seqproof", "run", TRAINING, "--scheduler", address, folder="project")
    output = client.log("seqproof")
    wait_for(lambda: checkpoint(storage.disk), run, output)
    (victim,) = (
        worker for worker in workers if list(worker.disk.rglob(f"checkpoints/{TRAINING}/*/*.json"))
    )
    victim.kill()
    assert run.wait() == 0, output.read_text(encoding="utf-8")
    assert "A worker was lost. All start again from the last checkpoint." in log(there.folder)
    assert "Resumed from the checkpoint" in log(there.folder)
    compare(there.folder, here)
    assert checkpoint(storage.disk) == []
