"""Measure the commands that read all runs of a store with a thousand runs, against MLflow's own.

    python benchmarks/runs.py PROJECT

PROJECT is a trained and evaluated project. A copy of its store is filled with copies of its runs,
each with the parameters, tags, metrics and datasets of the original; the store itself stays as it
is. Each number is the best of some rounds, each in a process of its own, start-up included. The
results are written into the README beside this file.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import page

from pipelines.config import params
from pipelines.tracking import connection

RUNS = 1000
SEARCH = "import mlflow; mlflow.search_runs(search_all_experiments=True, max_results=10_000)"


def main() -> None:
    """Measure the commands and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("project", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    first, *_, last = _models_of_one_corpus(arguments.project)
    seqproof = str(Path(sys.executable).with_name("seqproof"))
    commands = {
        "`mlflow.search_runs`": [sys.executable, "-c", SEARCH],
        "`seqproof trace`": [seqproof, "trace", last],
        "`seqproof compare`": [seqproof, "compare", first, last],
        "`seqproof promote`": [seqproof, "promote", last, "--as", "champion"],
        "`seqproof verify`": [seqproof, "verify", last],
    }
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "mlflow.db"
        shutil.copyfile(arguments.project / "mlflow.db", copy)
        original = {
            name: _best_seconds(command, arguments, copy) for name, command in commands.items()
        }
        _add_runs(copy)
        filled = {
            name: _best_seconds(command, arguments, copy) for name, command in commands.items()
        }
    reference = filled["`mlflow.search_runs`"]
    rows = [
        [name, f"{original[name]:.1f}", f"{filled[name]:.1f}", f"{filled[name] / reference:.2f}"]
        for name in commands
    ]
    page.write("runs", ["command", "its own runs, s", "a thousand, s", "ratio"], rows)


def _models_of_one_corpus(project: Path) -> list[str]:
    models = params.load(project / "params.yaml").models
    corpus = next(iter(models.values())).corpus
    return [name for name, entry in models.items() if entry.corpus == corpus]


def _best_seconds(command: list[str], arguments: argparse.Namespace, copy: Path) -> float:
    seconds = []
    for _ in range(arguments.rounds):
        start = time.perf_counter()
        subprocess.run(
            command,
            cwd=arguments.project,
            env={**os.environ, "MLFLOW_TRACKING_URI": f"sqlite:///{copy}"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=True,
        )
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def _add_runs(copy: Path) -> None:
    """Add copies of the runs, each read and written by MLflow's own client."""
    client = connection.client(f"sqlite:///{copy}", copy.parent)
    experiments = client.search_experiments()
    runs = client.search_runs([experiment.experiment_id for experiment in experiments])
    for number in range(RUNS):
        _copy_run(client, runs[number % len(runs)])


def _copy_run(client: Any, run: Any) -> None:
    from mlflow.entities import Param

    # Without the input hashes, so that no stage takes a copy for its own run.
    tags = {key: value for key, value in run.data.tags.items() if not key.endswith(".key")}
    info = run.info
    copy = client.create_run(info.experiment_id, info.start_time, tags, info.run_name)
    run_id = copy.info.run_id
    params = [Param(*param) for param in run.data.params.items()]
    client.log_batch(run_id, metrics=run.data._metric_objs, params=params)
    client.log_inputs(run_id, run.inputs.dataset_inputs)
    client.set_terminated(run_id, end_time=info.end_time)


if __name__ == "__main__":
    main()
