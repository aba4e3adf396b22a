"""Time `dvc repro` with nothing to do beside `dvc status` on an empty graph of as many stages.

    python -m benchmarks.noop PROJECT --rounds 5

PROJECT is a folder in which `dvc repro` has finished. The two commands alternate; the medians of
their wall-clock seconds and the ratio are printed.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

from pipelines.lineage import dvc_project


def empty_graph(folder: Path, stages: int) -> None:
    """Create a DVC project whose stages have one output and nothing else, and run it."""
    graph = {f"stage{i}": {"cmd": f"touch out{i}", "outs": [f"out{i}"]} for i in range(stages)}
    (folder / "dvc.yaml").write_text(yaml.safe_dump({"stages": graph}), encoding="utf-8")
    for command in (["git", "init", "-q"], [*DVC, "init", "-q"], [*DVC, "repro", "-q"]):
        subprocess.run(command, cwd=folder, check=True, capture_output=True)


DVC = [sys.executable, "-m", "dvc"]


def seconds(command: list[str], folder: Path) -> float:
    """Return the wall-clock seconds of a command."""
    start = time.perf_counter()
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return time.perf_counter() - start


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("project", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    with dvc_project.open_project(arguments.project) as repo:
        stages = len(repo.index.stages)
    with tempfile.TemporaryDirectory() as folder:
        empty_graph(Path(folder), stages)
        rounds = [
            (
                seconds([*DVC, "repro"], arguments.project),
                seconds([*DVC, "status"], Path(folder)),
            )
            for _ in range(arguments.rounds)
        ]
    repro, status = (statistics.median(column) for column in zip(*rounds, strict=True))
    sys.stdout.write(
        f"{stages} stages: dvc repro {repro:.2f} s, dvc status on an empty graph {status:.2f} s, "
        f"ratio {repro / status:.2f}\n"
    )


if __name__ == "__main__":
    main()
