"""Process of one attempt: a training stage with an injected fault.

None of this is part of the program.
"""

import contextlib
import errno
import importlib
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from pipelines import console
from pipelines.training import checkpoints

Fault = Callable[[], None]  # called before the training


def train(folder: Path, stage: str, arguments: list[str], fault: Fault) -> None:
    """Run a stage in its folder and end the process with its exit code; output goes into a log.

    Args:
        folder: the project.
        stage: the stage's module.
        arguments: name of the model, and options.
        fault: injected before the stage runs.
    """
    code, name = 1, arguments[0]
    try:
        os.chdir(folder)
        log = Path(f"{name}.log").open("a", encoding="utf-8")  # noqa: SIM115, closed by the end
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
        sys.stdout = sys.stderr = log
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.environ.pop("MLFLOW_TRACKING_URI", None)
        sys.argv = [stage, *arguments]
        _mark_begin(Path(f"{name}.begun"))
        fault()
        console.launch(stage, importlib.import_module(f"stages.{stage}").main)
        Path(f"{name}.ended").write_text(f"{time.process_time()}\n", encoding="utf-8")
        code = 0
    except SystemExit as end:
        code = int(end.code or 0)
    except KeyboardInterrupt:  # before the stage began
        code = console.INTERRUPTED
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _mark_begin(marker: Path) -> None:
    """Write the processor seconds so far into this file when the training begins."""
    from pipelines.training import trainer

    fit = trainer.fit

    def marked_fit(*args: Any, **kwargs: Any) -> None:
        if not marker.exists():  # else, the next of several networks
            marker.write_text(f"{time.process_time()}\n", encoding="utf-8")
        fit(*args, **kwargs)

    trainer.fit = marked_fit


# Faults -----------------------------------------------------------------------------------------


def no_fault() -> None:
    """Inject no fault."""


class _LimitedFile:
    """File on a disk with limited space, which all its files share."""

    space_left = 0

    def __init__(self, file: object, on_full: Callable[[], None]) -> None:
        self.file, self.on_full = file, on_full

    def __getattr__(self, name: str) -> object:
        return getattr(self.file, name)

    def write(self, content: bytes) -> int:
        """Write as much as fits."""
        fitting = bytes(content[: max(0, _LimitedFile.space_left)])
        _LimitedFile.space_left -= len(content)
        written = self.file.write(fitting)
        if _LimitedFile.space_left < 0:
            self.file.flush()
            self.on_full()
        return written


def limit_disk(size: int, on_full: Callable[[], None]) -> None:
    """Limit the size of checkpoints in bytes; `on_full` is called in the middle of a write."""
    _LimitedFile.space_left, atomic_file = size, checkpoints._atomic_file

    @contextlib.contextmanager
    def limited(path: Path) -> Iterator[_LimitedFile]:
        with atomic_file(path) as file:
            yield _LimitedFile(file, on_full)

    checkpoints._atomic_file = limited


def kill_process() -> None:
    """Kill this process as `kill -9` does."""
    os.kill(os.getpid(), signal.SIGKILL)


def raise_no_space() -> None:
    """Raise the error of a full disk."""
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "checkpoint")


def kill_after(steps: int) -> None:
    """Kill the process when it begins the step after these."""
    from pipelines.training.trainer import Trainer

    train_batch = Trainer._train_batch

    def counted(self: Trainer, *args: object) -> None:
        if self._steps == steps:
            kill_process()
        train_batch(self, *args)

    Trainer._train_batch = counted
