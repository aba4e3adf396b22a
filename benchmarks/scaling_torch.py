"""A worker of the scaling benchmark: PyTorch's DistributedDataParallel with gloo, or its sums.

    python benchmarks/scaling_torch.py NAME PROCESSES ROWS

NAME is a model of the training benchmark, or `sums`; ROWS are those of the whole batch. The
variables of `torch.distributed` have the address of the first worker, and the number of this one.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import scaling_model
import shapes
import torch
import torch_models
import worker
from torch import distributed


def make_sums() -> Callable[[int], None]:
    """Return a function that adds so many bytes up over all workers, again and again."""

    def add(size: int) -> None:
        values = torch.ones(size // 4)
        for _ in range(scaling_model.REPEATS):
            distributed.all_reduce(values)

    return add


def main() -> None:
    """Serve one model, or sums."""
    name, processes, rows = sys.argv[1], *map(int, sys.argv[2:])
    torch.set_num_threads(1)
    torch.set_num_interop_threads(1)
    if processes > 1:
        distributed.init_process_group("gloo")
    if name == "sums":
        worker.serve(make_sums(), lambda: None)
        return
    shape = shapes.with_rows(shapes.SHAPES[name], rows)
    worker.serve(torch_models.make_training(shape, bfloat16=False), lambda: None)


if __name__ == "__main__":
    main()
