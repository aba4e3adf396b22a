"""Requests to a worker process of a benchmark, and the loop of such a process.

The driver writes one line for each request, and reads one line of JSON: a number of batches to
train on, or `peak` for the speed of a large matrix product.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable

PEAK_SIZE, PEAK_REPEATS = 2048, 5


def serve(train: Callable[[int], None], multiply: Callable[[], object]) -> None:
    """Answer requests until the driver closes the pipe.

    Args:
        train: trains on a number of batches.
        multiply: multiplies two matrices of `PEAK_SIZE` rows and columns.
    """
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever a toolkit prints goes to the log
    for line in sys.stdin:
        request = line.strip()
        if request == "peak":
            answer = min(_time(multiply) for _ in range(PEAK_REPEATS))
        else:
            answer = _time(lambda count=int(request): train(count))
        answers.write(json.dumps(dict(zip(("wall", "processor"), answer, strict=True))) + "\n")
        answers.flush()


def ask(process: subprocess.Popen[str], request: object) -> dict[str, float] | None:
    """Send a request to a worker process; return its answer, or None if the process has ended."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{request}\n")
    process.stdin.flush()
    line = process.stdout.readline()
    answer: dict[str, float] | None = json.loads(line) if line else None
    return answer


def _time(run: Callable[[], object]) -> tuple[float, float]:
    """Return the wall and the processor seconds of a call."""
    wall, processor = time.perf_counter(), time.process_time()
    run()
    return time.perf_counter() - wall, time.process_time() - processor
