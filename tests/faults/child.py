"""The process of one try: a stage that trains, with a fault put into it from outside.

Nothing here is part of the program.
"""

import contextlib
import errno
import importlib
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from pipelines import console
from pipelines.training import checkpoints

Fault = Callable[[], None]  # done before it trains


def train(folder: Path, stage: str, words: list[str], fault: Fault) -> None:
    """Run the stage in its folder and end the process with its exit code; all goes into a log."""
    code = 1
    try:
        os.chdir(folder)
        log = Path(f"{words[0]}.log").open("a", encoding="utf-8")  # noqa: SIM115, closed by the end
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
        sys.stdout = sys.stderr = log
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.environ.pop("MLFLOW_TRACKING_URI", None)
        sys.argv = [stage, *words]
        _mark(Path(f"{words[0]}.begun"))
        fault()
        console.launch(stage, importlib.import_module(f"stages.{stage}").main)
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


def _mark(mark: Path) -> None:
    """Make this file as the training begins."""
    from pipelines.training import trainer

    fit = trainer.train_model

    def marked(*arguments: Any, **named: Any) -> Any:
        mark.touch()
        return fit(*arguments, **named)

    trainer.train_model = marked


# Faults -----------------------------------------------------------------------------------------


def nothing() -> None:
    """No fault."""


class _Disk:
    """A file on a disk that takes so many bytes more, in all its files together."""

    left = 0

    def __init__(self, file: object, full: Callable[[], None]) -> None:
        self.file, self.full = file, full

    def __getattr__(self, name: str) -> object:
        return getattr(self.file, name)

    def write(self, part: bytes) -> int:
        """Write what fits."""
        fits = bytes(part[: max(0, _Disk.left)])
        _Disk.left -= len(part)
        written = self.file.write(fits)
        if _Disk.left < 0:
            self.file.flush()
            self.full()
        return written


def small_disk(size: int, full: Callable[[], None]) -> None:
    """So many bytes of checkpoints fit; then `full` happens, in the middle of a write."""
    _Disk.left, whole = size, checkpoints._whole

    @contextlib.contextmanager
    def small(path: Path) -> Iterator[_Disk]:
        with whole(path) as file:
            yield _Disk(file, full)

    checkpoints._whole = small


def die() -> None:
    """As by kill -9."""
    os.kill(os.getpid(), signal.SIGKILL)


def no_space() -> None:
    """As the disk says it."""
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "checkpoint")


def dies_after(steps: int) -> None:
    """Killed as the step after these begins."""
    from pipelines.training import trainer

    step = trainer.TrainingState._train

    def counted(self: trainer.TrainingState, *arguments: object) -> None:
        if self.steps == steps:
            die()
        step(self, *arguments)

    trainer.TrainingState._train = counted
