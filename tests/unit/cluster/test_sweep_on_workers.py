"""`seqproof sweep --scheduler`: trials on Dask workers are those of this machine."""

import json
import shutil
from pathlib import Path

import yaml

from tests import packages
from tests.unit.cluster.dask_cluster import DaskCluster
from tests.unit.commands.sweep_project import SWEEP, SweepProject


def test_trials_on_workers_have_the_same_results(tmp_path: Path, cluster: DaskCluster) -> None:
    project = SweepProject.create(tmp_path.resolve() / "project")
    packages.copy("pipelines", project.folder)
    file = project.folder / "params.yaml"
    tree = yaml.safe_load(file.read_text(encoding="utf-8"))
    # The starting point, 0.5, wins and is compared with nothing.
    tree["sweeps"]["tuning"] = SWEEP | {"parameters": {"dropout": [0.5, 0.7]}}
    file.write_text(yaml.safe_dump(tree, sort_keys=False), encoding="utf-8")
    remote = json.loads(project.run("sweep", "tuning", "--scheduler", cluster.address, "--json"))
    assert [trial["state"] for trial in remote["trials"]] == ["complete", "complete"]
    assert remote["trials"][0]["values"] == remote["start"]
    assert remote["comparison"] is None
    assert len(project.entries("train")) == 2

    shutil.rmtree(project.folder / ".seqproof" / "sweeps")
    local = json.loads(project.run("sweep", "tuning", "--json"))
    assert local == remote
    assert len(project.entries("train")) == 2  # both are in DVC's cache
