"""Messages about stages: a table that changes in a terminal, plain lines elsewhere."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from pipelines import console
from pipelines.lineage import lockfiles
from pipelines.scheduling import plan
from pipelines.scheduling.schedule import Schedule, State

TAIL = 15  # lines of a failed stage's log
TAIL_BYTES = 65536
ERROR = "seqproof: "  # begins the error message of a stage
LINES_OF_DVC = ("Running stage ", "> ", "ERROR: failed to reproduce ")
LISTED = 3  # names of waiting stages
SECONDS_LEFT = re.compile(r", (\d+) s left")
PERCENTAGE = re.compile(r"\d+%")
WORDS: Mapping[State, str] = {
    "ran": "ran",
    "restored": "restored from DVC's cache",
    "unchanged": "unchanged",
    "failed": "failed",
    "stopped": "stopped",
    "skipped": "skipped",
}


class Screen:
    """Messages about the stages of a schedule.

    Args:
        table: of the terminal.
        schedule: the stages.
        log: returns the log of a stage.
    """

    def __init__(
        self, table: console.LiveTable, schedule: Schedule, log: Callable[[str], Path]
    ) -> None:
        self._table, self._schedule, self._log = table, schedule, log

    def draw(self, elapsed: Mapping[str, float]) -> None:
        """Draw the table.

        Args:
            elapsed: seconds of each running stage.
        """
        if not self._table.is_shown:
            return
        rows = []
        running: dict[str, float] = {}
        for name, seconds in elapsed.items():
            progress = _progress(self._log(name))
            left = SECONDS_LEFT.search(progress)
            expected = self._schedule.seconds(name)
            running[name] = float(left[1]) if left else max(expected - seconds, 0.0)
            rows.append(("running", name, duration(seconds), progress))
        waiting = self._schedule.in_state("waiting")
        if waiting:
            rows.append(("waiting", str(len(waiting)), "", _listed(waiting)))
        for state in ("failed", "skipped"):
            names = self._schedule.in_state(state)
            if names:
                rows.append((state, str(len(names)), "", _listed(names)))
        left_text = duration(self._schedule.seconds_left(running))
        rows.append(("done", self._ended(), "", f"about {left_text} left"))
        self._table.draw(rows)

    def start(self, name: str) -> None:
        """Report that the command of a stage has started."""
        if not self._table.is_shown:
            self._table.echo(f"{name}: started")

    def notify(self, name: str, sentence: str) -> None:
        """Report what has happened to a running stage."""
        self._table.echo(f"{name}: {sentence}")

    def end(self, name: str, state: State, seconds: float) -> None:
        """Report the end of a stage; after an evaluation, print the result of its model."""
        result = _result(self._log(name), name) if state == "ran" else ""
        if result:
            self._table.echo(result)
        if state == "failed":
            self._table.echo(_failure(name, seconds, self._log(name)))
        elif not self._table.is_shown or (state == "restored" and lockfiles.instance(name)):
            self._table.echo(f"{name}: {outcome(state, seconds)} ({self._ended()})")

    def stop(self, running: Sequence[str]) -> None:
        """Report that the running stages are asked to stop."""
        self._table.echo(
            f"Stopping {', '.join(running)}. Press Ctrl-C again to end at once."
            if running
            else "Stopping."
        )

    def _ended(self) -> str:
        states = self._schedule.states
        open_stages = self._schedule.in_state("waiting", "running")
        return f"{len(states) - len(open_stages)} of {len(states)}"


def outcome(state: State, seconds: float) -> str:
    """Return how a stage has ended, `ran in 2:05` for example."""
    return f"{WORDS[state]} in {duration(seconds)}" if state == "ran" else WORDS[state]


def duration(seconds: float) -> str:
    """Return minutes and seconds, `2:05`; hours before them if there are any."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return ", ".join(names[:LISTED]) + more


def _progress(log: Path) -> str:
    """Return the newest line of a log if it states how far the stage is."""
    line = next(iter(_last_lines(log, 1)), "")
    return line if PERCENTAGE.search(line) else ""


def _result(log: Path, stage: str) -> str:
    """Return what an evaluation has printed about its model."""
    model = lockfiles.instance(stage)
    if not plan.is_evaluation(stage):
        return ""
    lines = (line for line in _last_lines(log, TAIL) if line.startswith(f"{model}: "))
    return next(lines, "")


def _failure(name: str, seconds: float, log: Path) -> str:
    """Return what a failed stage has printed: its error message alone if there is nothing else."""
    lines = _last_lines(log, TAIL)
    own_lines = [line for line in lines if not line.startswith(LINES_OF_DVC)]
    if len(own_lines) == 1 and own_lines[0].startswith(ERROR):
        return f"{name} failed after {duration(seconds)}: {own_lines[0].removeprefix(ERROR)}"
    text = "".join(f"\n    {line}" for line in lines)
    return f"{name} failed after {duration(seconds)}. The end of {log}:{text}"


def _last_lines(log: Path, count: int) -> list[str]:
    """Return the last lines of a log that are not blank."""
    with suppress(OSError), log.open("rb") as file:
        file.seek(max(file.seek(0, 2) - TAIL_BYTES, 0))
        text = file.read().decode("utf-8", "replace")
        lines = [line.rstrip() for line in text.splitlines() if line.strip()]
        return lines[-count:]
    return []
