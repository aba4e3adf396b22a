"""Seconds of the commands that read all runs, among a thousand, beside `mlflow.search_runs`.

    python benchmarks/runs.py PROJECT

PROJECT was trained and evaluated. Its store is copied, and filled with copies of its runs, each
with the parameters, tags, metrics and datasets of a real one; the store itself is left as it is.
Each number is that of a process of its own, start and imports included: the best of some rounds.
Writes into the README beside this file.
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
from pipelines.tracking import store

RUNS = 1000
PLAIN = "import mlflow; mlflow.search_runs(search_all_experiments=True, max_results=10_000)"


def main() -> None:
    """Write a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("project", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    first, *_, last = _of_one_corpus(asked.project)
    seqproof = str(Path(sys.executable).with_name("seqproof"))
    commands = {
        "`mlflow.search_runs`": [sys.executable, "-c", PLAIN],
        "`seqproof trace`": [seqproof, "trace", last],
        "`seqproof compare`": [seqproof, "compare", first, last],
        "`seqproof promote`": [seqproof, "promote", last, "--as", "champion"],
        "`seqproof verify`": [seqproof, "verify", last],
    }
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "mlflow.db"
        shutil.copyfile(asked.project / "mlflow.db", copy)
        few = {name: _best(words, asked, copy) for name, words in commands.items()}
        _fill(copy)
        many = {name: _best(words, asked, copy) for name, words in commands.items()}
    plain = many["`mlflow.search_runs`"]
    rows = [
        [name, f"{few[name]:.1f}", f"{many[name]:.1f}", f"{many[name] / plain:.2f}"]
        for name in commands
    ]
    page.write("runs", ["command", "its own runs, s", "a thousand, s", "ratio"], rows)


def _of_one_corpus(project: Path) -> list[str]:
    models = params.load(project / "params.yaml").models
    corpus = next(iter(models.values())).corpus
    return [name for name, entry in models.items() if entry.corpus == corpus]


def _best(words: list[str], asked: argparse.Namespace, copy: Path) -> float:
    seconds = []
    for _ in range(asked.rounds):
        begun = time.perf_counter()
        subprocess.run(
            words,
            cwd=asked.project,
            env={**os.environ, "MLFLOW_TRACKING_URI": f"sqlite:///{copy}"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=True,
        )
        seconds.append(time.perf_counter() - begun)
    return min(seconds)


def _fill(copy: Path) -> None:
    """Add copies of the runs, each read and written by MLflow's own client."""
    client = store.client(f"sqlite:///{copy}", copy.parent)
    runs = client.search_runs([one.experiment_id for one in client.search_experiments()])
    for number in range(RUNS):
        _copied(client, runs[number % len(runs)])


def _copied(client: Any, run: Any) -> None:
    from mlflow.entities import Param

    # Without the keys: no stage is to take a copy for its own run.
    tags = {key: value for key, value in run.data.tags.items() if not key.endswith(".key")}
    info = run.info
    made = client.create_run(info.experiment_id, info.start_time, tags, info.run_name).info.run_id
    params = [Param(*param) for param in run.data.params.items()]
    client.log_batch(made, metrics=run.data._metric_objs, params=params)
    client.log_inputs(made, run.inputs.dataset_inputs)
    client.set_terminated(made, end_time=info.end_time)


if __name__ == "__main__":
    main()
