"""Speed of a training with 1, 2 and 4 workers of one thread each, beside PyTorch's.

    python benchmarks/scaling.py [--part sums|rows|strong|weak] [--only NAME] [--torch PYTHON]

Sums: TensorFlow's and gloo's sums over all workers, by size. Rows: one process with the whole
batch, a half and a quarter of it. Strong: all workers share the batch of one process. Weak: each
has as many rows as one process. Both programs take turns; a step is the fastest of some rounds.
The measurements replace older ones in `scaling.json`, of which the tables and the picture of
docs/scale.md are made. PyTorch is that of `training.py`.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import scaling_model
import scaling_page
import shapes
from training import torch_python

from pipelines.training.supervisor import worker_variables

HERE = Path(__file__).parent
RESULTS = HERE / "scaling.json"
SUMS = "sums"
PROGRAMS = {"seqproof": "scaling_tensorflow.py", "PyTorch": "scaling_torch.py"}
KEYS = ("part", "name", "program", "processes", "rows", "bytes")
PROCESSES = (1, 2, 4)  # of a training


class Setting(NamedTuple):
    """What is measured.

    Attributes:
        name: a model of the training benchmark, or `sums`.
        program: a name of `PROGRAMS`.
        processes: their number.
        rows: of the whole batch.
    """

    name: str
    program: str
    processes: int
    rows: int


class Group:
    """The processes that train one model, one thread each.

    Args:
        setting: what they train.
        python: Python with the program's packages.
    """

    def __init__(self, setting: Setting, python: str) -> None:
        addresses = [f"127.0.0.1:{port}" for port in _free_ports(setting.processes)]
        arguments = [setting.name, str(setting.processes), str(setting.rows)]
        self._processes = [
            subprocess.Popen(
                [python, str(HERE / PROGRAMS[setting.program]), *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=os.environ | _variables(addresses, index),
                text=True,
            )
            for index in range(setting.processes)
        ]

    def ask(self, request: int) -> float:
        """Send a request to all processes and return the seconds of the slowest."""
        for process in self._processes:
            assert process.stdin is not None
            process.stdin.write(f"{request}\n")
            process.stdin.flush()
        seconds = []
        for process in self._processes:
            assert process.stdout is not None
            answer = process.stdout.readline()
            if not answer:
                raise SystemExit("A worker has failed; see above.")
            seconds.append(float(json.loads(answer)["wall"]))
        return max(seconds)

    def close(self) -> None:
        """End the processes."""
        for process in self._processes:
            assert process.stdin is not None
            process.stdin.close()
        for process in self._processes:
            process.wait()


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [server.getsockname()[1] for server in sockets]
    for server in sockets:
        server.close()
    return ports


def _variables(addresses: list[str], index: int) -> dict[str, str]:
    """Return the variables that name all workers and the number of this one, for both programs."""
    host, port = addresses[0].split(":")
    return {
        **worker_variables(addresses, index),
        "MASTER_ADDR": host,
        "MASTER_PORT": port,
        "RANK": str(index),
        "WORLD_SIZE": str(len(addresses)),
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": str(HERE.parent),
    }


def settings(part: str, name: str) -> list[Setting]:
    """Return what a part of the benchmark measures of a model."""
    if part == SUMS:
        return [Setting(SUMS, program, count, 0) for program in PROGRAMS for count in PROCESSES[1:]]
    rows = shapes.SHAPES[name].entry["batch_size"]
    if part == "rows":
        return [Setting(name, "seqproof", 1, rows // count) for count in PROCESSES]
    factor = PROCESSES if part == "weak" else (1,) * len(PROCESSES)
    pairs = zip(PROCESSES, factor, strict=True)
    return [Setting(name, program, n, rows * k) for n, k in pairs for program in PROGRAMS]


def measure(
    chosen: Iterable[Setting], options: argparse.Namespace
) -> dict[tuple[Setting, int], float]:
    """Return the seconds of a step, and of a sum by its bytes."""
    groups = {
        setting: Group(setting, options.torch if setting.program == "PyTorch" else sys.executable)
        for setting in chosen
    }
    seconds: dict[tuple[Setting, int], list[float]] = {}
    for number in range(options.rounds + 1):
        for setting, group in groups.items():
            sums = setting.name == SUMS
            for request in scaling_model.SIZES if sums else (options.batches,):
                answer = group.ask(request)
                if number:  # the first round compiles
                    count = scaling_model.REPEATS if sums else request
                    key = setting, request if sums else 0
                    seconds.setdefault(key, []).append(answer / count)
    for group in groups.values():
        group.close()
    return {key: min(values) for key, values in seconds.items()}


def store(part: str, results: dict[tuple[Setting, int], float]) -> None:
    """Replace older measurements of the same."""
    rows: list[dict[str, Any]] = json.loads(RESULTS.read_text()) if RESULTS.exists() else []
    for (setting, size), seconds in results.items():
        key = {"part": part} | setting._asdict() | {"bytes": size}
        rows = [row for row in rows if {**row, "seconds": 0} != {**key, "seconds": 0}]
        rows.append(key | {"seconds": round(seconds, 7)})
    rows.sort(key=lambda row: [row[key] for key in KEYS])
    lines = ",\n".join(json.dumps(row) for row in rows)
    RESULTS.write_text(f"[\n{lines}\n]\n", encoding="utf-8", newline="\n")


def main() -> None:
    """Measure, and write the tables and the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parts = (SUMS, "rows", "strong", "weak")
    parser.add_argument("--part", choices=(*parts, "page"), help="page: no measurement")
    parser.add_argument("--only", help="only models whose name contains this")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batches", type=int, default=4, help="batches of each round")
    parser.add_argument("--torch", help="Python that has PyTorch; otherwise it is installed")
    options = parser.parse_args()
    options.torch = options.torch or torch_python()
    for part in parts if options.part is None else (options.part,):
        if part == "page":
            continue
        for name in (SUMS,) if part == SUMS else scaling_page.MODELS:
            if options.only is None or options.only in name:
                results = measure(settings(part, name), options)
                for (setting, size), seconds in results.items():
                    line = " ".join(map(str, (*setting, size, f"{1000 * seconds:.2f} ms\n")))
                    sys.stdout.write(line)
                store(part, results)
    if options.only is None:
        scaling_page.write(json.loads(RESULTS.read_text()))


if __name__ == "__main__":
    main()
