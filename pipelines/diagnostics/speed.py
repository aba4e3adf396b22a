"""Training time with and without TensorFlow's deterministic kernels.

Deterministic kernels cannot be disabled once they are enabled, so each variant runs in its own
process. The two processes alternate, so that other load on the machine affects both: with twice as
many busy programs as cores, the median ratio varied by less than 10 %.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from pipelines import console

ROUNDS = 12  # the first one compiles and is not counted


def slowdown(names: tuple[str, ...], variable: str) -> dict[str, float]:
    """Return the median ratio of training times with and without deterministic kernels.

    Args:
        names: keys of `TINY_MODELS`.
        variable: the environment variable that enables the kernels.

    Raises:
        ChildProcessError: a process failed.
        ValueError: a process printed something other than a number.
    """
    others = {key: value for key, value in os.environ.items() if key != variable}
    with (
        _timing_process(names, others) as default,
        _timing_process(names, others | {variable: "1"}) as deterministic,
    ):
        seconds = {
            name: [(default(name), deterministic(name)) for _ in range(ROUNDS)] for name in names
        }
    return {
        name: statistics.median(slow / fast for fast, slow in pairs[1:])
        for name, pairs in seconds.items()
    }


@contextmanager
def _timing_process(
    names: tuple[str, ...], environment: Mapping[str, str]
) -> Iterator[Callable[[str], float]]:
    """Start a process, and yield a function that trains a small model in it: name -> seconds."""
    command = [sys.executable, "-m", "pipelines.diagnostics.speed", *names]
    # The process must import these modules, whatever the current folder has.
    root = Path(__file__).parents[2]
    with (
        tempfile.TemporaryFile() as errors,
        subprocess.Popen(
            command,
            cwd=root,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            bufsize=0,
        ) as process,
    ):

        def seconds(name: str) -> float:
            assert process.stdin is not None
            assert process.stdout is not None
            with suppress(BrokenPipeError):  # the process has ended; its error is read below
                process.stdin.write(f"{name}\n".encode())
            line = process.stdout.readline()
            if not line:
                code = process.wait()
                errors.seek(0)
                lines = errors.read().decode("utf-8", "replace").strip().splitlines()
                raise ChildProcessError(lines[-1] if lines else f"exit code {code}")
            return float(line)

        try:
            yield seconds
        finally:
            process.kill()


def main(names: list[str]) -> None:
    """Train the small model that each line of standard input names, and print the seconds."""
    with console.quiet_imports():
        from pipelines.diagnostics import tiny_models

    trainings = {
        name: tiny_models.make_training(tiny_models.TINY_MODELS[name])[1] for name in names
    }
    for line in sys.stdin:
        start = time.perf_counter()
        for step in range(1, tiny_models.STEPS + 1):
            trainings[line.strip()](step)
        sys.stdout.write(f"{time.perf_counter() - start}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
