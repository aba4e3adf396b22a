"""An executor whose trainings are functions of the parameters, with a run cache like DVC's."""

import json
import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pipelines.scheduling.jobs import EPOCH, LockedOuts, StageJob

HISTORY = "plots/m.csv"
Curve = Callable[[Mapping[str, Any]], list[float]]


class Killed(Exception):
    """The death of the process that searches."""


class World:
    """What outlives the process: the run cache of DVC, and checkpoints.

    Args:
        curve: returns the metric after each epoch; an infinite one ends the training.
        folder: for logs.
    """

    def __init__(self, curve: Curve, folder: Path) -> None:
        self.curve, self.folder = curve, folder
        self.trained: list[dict[str, Any]] = []  # values of each training, in order
        self.cache: dict[str, list[float]] = {}  # curve of each finished training
        self.epochs_run = 0
        self.checkpoints: dict[str, int] = {}  # number of epochs of each interrupted training


class FakeExecutor:
    """Runs an epoch of each training at each call of `wait`.

    Args:
        world: what outlives it.
        kill_after: number of calls of `wait` after which the process dies.
        on_wait: called before something happens.
    """

    def __init__(self, world: World, kill_after: int | None = None, on_wait=lambda: None) -> None:
        self.world, self.kill_after, self.on_wait = world, kill_after, on_wait
        self.running: dict[str, str] = {}
        self.reported: dict[str, int] = {}
        self.stopped: set[str] = set()
        self.signals: list[tuple[int, str | None]] = []
        self.most = 0
        self.variables: dict[str, Mapping[str, str]] = {}

    def start(self, name: str, job: StageJob, variables: Mapping[str, str]) -> None:
        assert name not in self.running
        assert job.stage == "train_lstm@m"
        assert job.params is not None
        self.running[name], self.reported[name] = job.params, 0
        self.variables[name] = variables
        self.most = max(self.most, len(self.running))
        if job.params not in self.world.cache:
            self.world.trained.append(json.loads(job.params))

    def wait(self, seconds: float):
        self.on_wait()
        if self.kill_after is not None:
            self.kill_after -= 1
            if self.kill_after < 0:
                raise Killed
        return [event for name in list(self.running) for event in self._advance(name)]

    def _advance(self, name: str):
        text = self.running[name]
        if text in self.world.cache:
            return self._finish(name, "restored", self.world.cache[text])
        curve = self.world.curve(json.loads(text))
        done = self.reported[name]
        if name in self.stopped:
            self.world.checkpoints[text] = done
            return self._end(name, [], "stopped")
        if done == len(curve):
            self.world.cache[text] = curve
            return self._finish(name, "ran", curve)
        if curve[done] == float("inf"):
            self.log(name).write_text("seqproof: The training diverged: its loss is not finite.\n")
            return self._end(name, [], "failed")
        # A resumed training reports the epochs before its checkpoint again, at once.
        end = max(done + 1, self.world.checkpoints.get(text, 0))
        self.world.epochs_run += end - max(done, self.world.checkpoints.get(text, 0))
        self.world.checkpoints[text] = max(end, self.world.checkpoints.get(text, 0))
        self.reported[name] = end
        rows = [{"epoch": n + 1, "valid_loss": curve[n]} for n in range(done, end)]
        return [(name, [EPOCH + json.dumps(row) for row in rows], None)]

    def _finish(self, name: str, state: str, curve: list[float]):
        lines = [f"{n},{value:.9g}" for n, value in enumerate(curve, start=1)]
        history = "\n".join(["epoch,valid_loss", *lines]) + "\n"
        outs = [{"path": "models/m", "md5": f"{hash(self.running[name])}.dir"}]
        entry = {"cmd": "train m", "deps": [{"path": "data", "md5": "d"}], "outs": outs}
        return self._end(name, [LockedOuts(entry, {HISTORY: history}).message()], state)

    def _end(self, name: str, messages: list[str], state: str):
        del self.running[name]
        self.stopped.discard(name)
        return [(name, [*messages, state], None), (name, [], 0)]

    def send_signal(self, number: int, name: str | None = None) -> None:
        self.signals.append((number, name))
        if number == signal.SIGINT:
            self.stopped |= set(self.running) if name is None else {name}

    def log(self, name: str) -> Path:
        return self.world.folder / f"{name}.log"
