"""A stage that is started by hand on each of several machines, here two processes."""

import json
import os
from functools import partial

import pandas as pd
import yaml

from pipelines import paths
from pipelines.training import supervisor
from tests.faults import injector
from tests.unit.tracking.servers import closed_port

NAME = "bag-of-words"


def set_variables(addresses, number):
    """Make this process one of the workers."""
    os.environ.update(supervisor.worker_variables(addresses, number))
    os.environ["SEQPROOF_TRACKING"] = "off"


def test_the_first_of_two_workers_writes_the_model(tmp_path):
    """With accumulated gradients; the other worker writes nothing, not even a checkpoint."""
    folder = tmp_path / "project"
    injector.make_project(folder)
    file = folder / paths.PARAMS
    tree = yaml.safe_load(file.read_text(encoding="utf-8"))
    tree["models"]["baseline"][NAME]["workers"] = 2
    file.write_text(yaml.safe_dump(tree), encoding="utf-8")
    addresses = [f"127.0.0.1:{closed_port()}" for _ in range(2)]
    workers = [
        injector.start(folder, NAME, partial(set_variables, addresses, number))
        for number in range(2)
    ]
    for worker in workers:
        worker.join()
    log = injector.read_log(folder, NAME)
    assert [worker.exitcode for worker in workers] == [0, 0], log
    assert log.count(f"{NAME}: best validation") == 1
    history = pd.read_csv(folder / paths.history(NAME))
    assert history["epoch"].tolist() == [1, 2, 3, 4, 5, 6]
    model = json.loads((folder / paths.model(NAME) / "model.json").read_text(encoding="utf-8"))
    assert model["model"]["workers"] == 2
    assert not list((folder / ".seqproof" / "checkpoints").glob(f"*@{NAME}/*"))
