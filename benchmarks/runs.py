"""Measure the commands that only read, against a bare import and with a thousand runs.

    python benchmarks/runs.py PROJECT

PROJECT is a trained and evaluated project. The commands run with a copy of its store, first as it
is, and then filled with copies of its runs, each with the parameters, tags, metrics and datasets of
the original. Each number is the processor time of a process, start-up included: the least of some
rounds, in each of which all commands run in turn. The results are written into the README beside
this file.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import page

from pipelines.config import params
from pipelines.tracking import connection

RUNS = 1000
BARE = "import mlflow, dvc.repo"
SEARCH = "import mlflow; mlflow.search_runs(search_all_experiments=True, max_results=10_000)"


def main() -> None:
    """Measure the commands and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("project", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    first, *_, last = _models_of_one_corpus(arguments.project)
    seqproof = str(Path(sys.executable).with_name("seqproof"))
    bare, search = f"`{BARE}`", "`mlflow.search_runs`"
    commands = {
        bare: [sys.executable, "-c", BARE],
        search: [sys.executable, "-c", SEARCH],
        "`seqproof --help`": [seqproof, "--help"],
        "`seqproof results`": [seqproof, "results"],
        "`seqproof trace`": [seqproof, "trace", last],
        "`seqproof compare`": [seqproof, "compare", first, last],
        "`seqproof promote`": [seqproof, "promote", last, "--as", "champion"],
        "`seqproof verify`": [seqproof, "verify", last],
    }
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "mlflow.db"
        shutil.copyfile(arguments.project / "mlflow.db", copy)
        original = _measure(commands, arguments, copy)
        _add_runs(copy)
        filled = _measure(commands, arguments, copy)
    rows = [
        [
            name,
            f"{original[name]:.2f}",
            f"{original[name] / original[bare]:.2f}",
            f"{filled[name]:.2f}",
            f"{filled[name] / filled[search]:.2f}",
        ]
        for name in commands
    ]
    head = ["command", "its own runs, s", "ratio", "a thousand more, s", "ratio"]
    page.write("runs", head, rows)


def _models_of_one_corpus(project: Path) -> list[str]:
    models = params.load(project / "params.yaml").models
    corpus = next(iter(models.values())).corpus
    return [name for name, entry in models.items() if entry.corpus == corpus]


def _measure(
    commands: Mapping[str, Sequence[str]], arguments: argparse.Namespace, copy: Path
) -> dict[str, float]:
    """Return the processor seconds of each command."""
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(arguments.rounds):
        for name, command in commands.items():
            start = _processor_seconds()
            subprocess.run(
                command,
                cwd=arguments.project,
                env={**os.environ, "MLFLOW_TRACKING_URI": f"sqlite:///{copy}"},
                stdout=subprocess.DEVNULL,
                check=True,
            )
            seconds[name].append(_processor_seconds() - start)
    return {name: min(times) for name, times in seconds.items()}


def _processor_seconds() -> float:
    """Return the processor time of all processes that this one has waited for."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


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
