"""Executors of work on partitions: this process, a pool of processes, or Dask.

All have the interface of `concurrent.futures`; the results are the same.
"""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import BrokenExecutor, Executor, ProcessPoolExecutor
from contextlib import ExitStack
from itertools import islice
from typing import Any, Self, TypeVar

from pipelines.config.params import DataConfig
from pipelines.data import dask_client
from pipelines.errors import UserError

MAX_IN_PROCESS = 4  # so few items take less time than the start of workers

Item = TypeVar("Item")


class Engine:
    """Runs a function of each item of a list; a few items run in this process.

    Local workers end with the list, because of their memory; a client of Dask with the context.

    Args:
        config: `data` of params.yaml.
    """

    def __init__(self, config: DataConfig) -> None:
        self._config = config
        self._stack = ExitStack()
        self._executor: Executor | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def run(self, function: Callable[..., Any], items: Iterable[Item], *args: Any) -> list[Item]:
        """Call `function(item, *args)` for all items, and return them in their order.

        Items are submitted while `items` still yields others. The function must be importable. A
        second call for an item must give the same result: Dask repeats the work of a lost worker.

        Raises:
            UserError: the scheduler does not answer, or a worker died.
        """
        iterator = iter(items)
        listed = list(islice(iterator, MAX_IN_PROCESS + 1))
        if len(listed) <= MAX_IN_PROCESS and self._config.engine == "local":
            for item in listed:
                function(item, *args)
            return listed
        executor = self._start()
        futures = [executor.submit(function, item, *args) for item in listed]
        try:
            for item in iterator:
                listed.append(item)
                futures.append(executor.submit(function, item, *args))
            for future in futures:
                future.result()
        except BrokenExecutor:
            raise UserError(
                "A worker process died, probably because memory ran out. Stop other programs and "
                "run the stage again."
            ) from None
        finally:
            for future in futures:
                future.cancel()
            if self._config.engine == "local":
                self.close()
        return listed

    def close(self) -> None:
        """End the workers, or the client."""
        self._executor = None
        self._stack.close()

    def _start(self) -> Executor:
        """Return the executor, which is started if it is not yet."""
        if self._executor is None and self._config.engine == "local":
            # Not fork: a forked child could inherit a lock that nobody releases.
            context = multiprocessing.get_context("spawn")
            workers = len(os.sched_getaffinity(0))
            pool = ProcessPoolExecutor(workers, context, _start_worker)
            self._executor = self._stack.enter_context(pool)
        elif self._executor is None:
            connection = dask_client.connect(
                str(self._config.scheduler),
                "'data.engine: dask'",
                "Correct 'data.scheduler', start it with `dask scheduler`, or set 'data.engine: "
                "local'.",
            )
            client = self._stack.enter_context(connection)
            self._executor = self._stack.enter_context(client.get_executor(pure=False))
        return self._executor


def _start_worker() -> None:
    """Leave Ctrl-C to the main process, and end with it, even if it is killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None  # of a worker
    multiprocessing.connection.wait([parent.sentinel])
    os._exit(1)  # the main thread may wait for work that nobody sends
