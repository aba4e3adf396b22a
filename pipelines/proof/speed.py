"""The steps of a training timed with and without TensorFlow's deterministic kernels.

They cannot be switched off again, so that this is done in a process of its own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from pipelines import console

ROUNDS = 3  # the fastest counts: what else the machine does only makes them slower
PATIENCE = 600  # seconds
Seconds = dict[str, tuple[float, float]]


def measured(names: Iterable[str], switch: str) -> Seconds:
    """Seconds for all steps of some kinds of layers, without and with deterministic kernels.

    Args:
        names: of `samples.KINDS`.
        switch: the variable that would turn them on from the beginning.

    Raises:
        ChildProcessError: the process came to nothing.
    """
    environment = {key: value for key, value in os.environ.items() if key != switch}
    try:
        done = subprocess.run(
            [sys.executable, "-m", "pipelines.proof.speed", *names],
            cwd=Path(__file__).parents[2],  # these very modules, wherever the person stands
            env=environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=True,
        )
    except subprocess.CalledProcessError as error:
        last = (error.stderr.strip() or f"exit code {error.returncode}").splitlines()[-1]
        raise ChildProcessError(last) from None
    except subprocess.TimeoutExpired:
        raise ChildProcessError(f"it took over {PATIENCE} seconds") from None
    return {name: (fast, slow) for name, (fast, slow) in json.loads(done.stdout).items()}


def main(names: list[str]) -> None:
    """Write the seconds as JSON to standard output."""
    with console.quiet_imports():
        import tensorflow as tf

        from pipelines.proof import samples

    def seconds(name: str) -> float:
        _, train = samples.begin(samples.KINDS[name])
        train(1)  # compiles
        rounds = []
        for _ in range(ROUNDS):
            started = time.perf_counter()
            for step in range(1, samples.STEPS + 1):
                train(step)
            rounds.append(time.perf_counter() - started)
        return min(rounds)

    plain = [seconds(name) for name in names]
    tf.config.experimental.enable_op_determinism()
    deterministic = [seconds(name) for name in names]
    both = dict(zip(names, zip(plain, deterministic, strict=True), strict=True))
    sys.stdout.write(json.dumps(both))


if __name__ == "__main__":
    main(sys.argv[1:])
