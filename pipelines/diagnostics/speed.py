"""The steps of a training timed with and without TensorFlow's deterministic kernels.

They cannot be switched off again, so each of the two has a process of its own; and the two take
turns, so that what else the machine does meets both: even with twice as many programs as cores, the
median of the turns' ratios stayed within a tenth of itself.
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

ROUNDS = 12  # the first compiles and does not count


def slowdown(names: tuple[str, ...], switch: str) -> dict[str, float]:
    """How many times as long all steps of some kinds of layers take with deterministic kernels.

    Args:
        names: of `samples.KINDS`.
        switch: the variable that turns them on.

    Raises:
        ChildProcessError: a process came to nothing.
        ValueError: it said something else.
    """
    others = {key: value for key, value in os.environ.items() if key != switch}
    with _process(names, others) as plain, _process(names, others | {switch: "1"}) as slower:
        turns = {name: [(plain(name), slower(name)) for _ in range(ROUNDS)] for name in names}
    return {
        name: statistics.median(slow / fast for fast, slow in pairs[1:])
        for name, pairs in turns.items()
    }


@contextmanager
def _process(
    names: tuple[str, ...], environment: Mapping[str, str]
) -> Iterator[Callable[[str], float]]:
    """A process that runs all steps of the kind it is told, and says how long they took."""
    command = [sys.executable, "-m", "pipelines.diagnostics.speed", *names]
    home = Path(__file__).parents[2]  # these very modules, wherever the person stands
    with (
        tempfile.TemporaryFile() as errors,
        subprocess.Popen(
            command,
            cwd=home,
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
            with suppress(BrokenPipeError):  # it has ended; what it said is still to be read
                process.stdin.write(f"{name}\n".encode())
            answer = process.stdout.readline()
            if not answer:
                code = process.wait()
                errors.seek(0)
                lines = errors.read().decode("utf-8", "replace").strip().splitlines()
                raise ChildProcessError(lines[-1] if lines else f"exit code {code}")
            return float(answer)

        try:
            yield seconds
        finally:
            process.kill()


def main(names: list[str]) -> None:
    """Train a kind for each line of standard input that names it; write how long it took."""
    with console.quiet_imports():
        from pipelines.diagnostics import tiny_models

    trainings = {name: tiny_models.begin(tiny_models.TINY_MODELS[name])[1] for name in names}
    for line in sys.stdin:
        started = time.perf_counter()
        for step in range(1, tiny_models.STEPS + 1):
            trainings[line.strip()](step)
        sys.stdout.write(f"{time.perf_counter() - started}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
