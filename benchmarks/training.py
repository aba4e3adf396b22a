"""Training speed of seqproof, Keras and PyTorch on the same models and batches.

    python benchmarks/training.py

Each program is a process of its own, and they train in turns, so that all see the same machine.
Prints tokens per second of the fastest round, which other programs disturb least, and writes the
table of the README beside this file. The floor is the arithmetic of a step over the measured speed
of a large matrix product.

PyTorch is installed into `.seqproof/torch`, apart from the project's own packages.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import page
import shapes
from worker import PEAK_SIZE, ask

ROOT = Path(__file__).resolve().parents[1]
TORCH = "torch==2.13.0"
# Without AVX-512, as far as the libraries can do without it: TensorFlow's Eigen uses AVX at most.
AVX2 = {
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "XLA_FLAGS": "--xla_cpu_max_isa=AVX2",
    "ATEN_CPU_CAPABILITY": "avx2",
    "MKL_ENABLE_INSTRUCTIONS": "AVX2",
    "MKL_CBWR": "AVX2",
}
KERAS_MODELS = ("language_model", "classifier")  # Keras has no layer for translators
PROGRAMS = {
    "seqproof": ("tensorflow_models.py", "seqproof"),
    "Keras": ("tensorflow_models.py", "keras"),
    "PyTorch": ("torch_models.py", "float32"),
    "PyTorch bfloat16": ("torch_models.py", "bfloat16"),
}


class Worker:
    """A process that trains one model with one program.

    Args:
        program: a name of `PROGRAMS`.
        shape: a name of `shapes.SHAPES`.
        python: Python with the program's packages.
        options: threads and instruction set.
    """

    def __init__(self, program: str, shape: str, python: str, options: argparse.Namespace) -> None:
        self.program = program
        script, argument = PROGRAMS[program]
        variables = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": str(options.threads)}
        if options.isa == "avx2":
            variables |= AVX2
        path = Path(__file__).with_name(script)
        self.process = subprocess.Popen(
            [python, str(path), shape, str(options.threads), argument],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=variables,
            text=True,
        )

    def ask(self, request: str | int) -> dict[str, float]:
        """Return the answer to a request."""
        answer = ask(self.process, request)
        if answer is None:
            raise SystemExit(f"{self.program} failed; see above.")
        return answer

    def close(self) -> None:
        """End the process."""
        self.process.communicate()


def torch_python() -> str:
    """Return the Python of PyTorch's environment, which is made the first time."""
    folder = ROOT / ".seqproof" / "torch"
    python = folder / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", TORCH, "numpy"], check=True)
    return str(python)


def has_bfloat16() -> bool:
    """Return True if the processor multiplies in bfloat16."""
    flags = Path("/proc/cpuinfo").read_text(encoding="utf-8").split()
    return bool({"avx512_bf16", "amx_bf16"} & set(flags))


def compare(name: str, options: argparse.Namespace) -> dict[str, Any]:
    """Return tokens per second of each program, and of the floor."""
    shape = shapes.SHAPES[name]
    pythons = {
        program: options.torch if program.startswith("PyTorch") else sys.executable
        for program in options.programs
        if program != "Keras" or shape.entry["model"] in KERAS_MODELS
    }
    workers = {
        program: Worker(program, name, python, options) for program, python in pythons.items()
    }
    seconds: dict[str, list[float]] = {program: [] for program in workers}
    for number in range(options.rounds + 1):
        for program, worker in workers.items():
            answer = worker.ask(options.batches)
            if number:  # the first round compiles
                seconds[program].append(answer[options.clock])
    shortest = min(worker.ask("peak")[options.clock] for worker in workers.values())
    peak = 2 * PEAK_SIZE**3 / shortest
    for worker in workers.values():
        worker.close()
    # Each round goes on where the last one ended in the cycle of batches.
    tokens = shapes.count_tokens(shapes.make_batches(shape, 20)) / 20 * options.batches
    speeds = {program: tokens / min(times) for program, times in seconds.items()}
    return {
        "model": name,
        **{program: round(speed) for program, speed in speeds.items()},
        "GFLOP/s": round(peak / 1e9),
        "floor": round(peak / shapes.operations(shape)),
    }


def write_table(results: list[dict[str, Any]], table: str) -> None:
    """Write a table of the README; ratios are those of seqproof to each other program."""
    others = [program for program in PROGRAMS if program in results[0] and program != "seqproof"]
    rows = []
    for row in results:
        ratios = [
            f"{row[other]:,} ({row['seqproof'] / row[other]:.2f})" if other in row else "-"
            for other in others
        ]
        share = f"{row['floor']:,} ({row['seqproof'] / row['floor']:.0%})"
        rows.append([row["model"], f"{row['seqproof']:,}", *ratios, share])
    heads = [f"{other} (ratio)" for other in others]
    page.write(table, ["tokens/s", "seqproof", *heads, "floor (reached)"], rows)


def main() -> None:
    """Compare all models, print the results and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batches", type=int, default=20, help="batches of each round")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--only", help="only models whose name contains this; writes no table")
    parser.add_argument("--programs", help="programs, separated by commas; writes no table")
    parser.add_argument(
        "--isa", choices=("native", "avx2"), default="native", help="avx2: without AVX-512"
    )
    parser.add_argument(
        "--clock", choices=("wall", "processor"), default="wall", help="for a busy machine"
    )
    parser.add_argument("--torch", help="Python that has PyTorch; otherwise it is installed")
    options = parser.parse_args()
    is_whole = options.only is None and options.programs is None
    options.torch = options.torch or torch_python()
    names = options.programs.split(",") if options.programs else list(PROGRAMS)
    if options.isa == "avx2" or not has_bfloat16():
        names = [name for name in names if "bfloat16" not in name]
    options.programs = names
    results = []
    for name in shapes.SHAPES:
        if options.only is None or options.only in name:
            results.append(compare(name, options))
            sys.stdout.write(json.dumps(results[-1]) + "\n")
            sys.stdout.flush()
    if is_whole:
        write_table(results, "training" if options.isa == "native" else "training-avx2")


if __name__ == "__main__":
    main()
