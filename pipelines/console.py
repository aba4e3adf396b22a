"""What a person sees: the command line, progress, quiet libraries, one sentence for bad input.

The only door to Typer and Rich. Importing it costs under 0.1 s, so `--help` stays quick.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any

from typer import Argument, Context, Exit, Option, Typer
from typer.core import TyperCommand as Command

from pipelines import files
from pipelines.errors import Interrupted, UserError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

__all__ = [
    "Argument",
    "Command",
    "Context",
    "Exit",
    "Option",
    "Restart",
    "Typer",
    "echo",
    "launch",
    "progress",
    "run_app",
]

# Read by the libraries at import, so set before any of them is imported.
QUIET = {
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "GX_ANALYTICS_ENABLED": "false",
    "TQDM_DISABLE": "1",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "GIT_PYTHON_REFRESH": "quiet",
}
RESTART = "--fresh"
Restart = Annotated[
    bool,
    Option(RESTART, envvar="SEQPROOF_FRESH", help="begin again, whatever was saved on the way"),
]
INTERRUPTED = 130  # what Typer makes of Ctrl-C

for _key, _value in QUIET.items():
    os.environ.setdefault(_key, _value)


def root() -> Path:
    """The project's root: where DVC runs the stage, of a queued experiment a copy of the project.

    `DVC_ROOT` names the project itself there, whose code and parameters are not the experiment's.
    """
    return Path.cwd()


def launch(stage: str, main: Callable[..., None]) -> None:
    """Run a stage's `main` as a command, and keep its seconds and memory for `seqproof results`."""
    app = Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(main)
    started = time.monotonic()
    run_app(app)
    with suppress(OSError):  # what a stage cost is no reason to call it failed
        _keep_cost(stage, time.monotonic() - started)


def run_app(app: Typer) -> None:
    """Run a Typer app; a Refusal becomes one sentence on stderr and exit code 1."""
    try:
        with _ctrl_c() as pressed:
            code = app(standalone_mode=False)
    except UserError as refusal:
        sys.exit(_say_error(str(refusal), 1))
    except Interrupted as stopped:
        sys.exit(_say_error(str(stopped), stopped.code))
    except OSError as error:
        # A full disk, a read-only folder, a name too long: the system says it best.
        what = f"{error.filename}: " if error.filename else ""
        sys.exit(_say_error(f"{what}{error.strerror or error}.", 1))
    except Exception as error:
        if pressed.is_set():  # TensorFlow makes errors of its own of it
            code = INTERRUPTED
        elif hasattr(error, "exit_code") and hasattr(error, "format_message"):
            # Usage errors are Click's, which Typer carries inside itself and does not name.
            sys.exit(_say_error(error.format_message(), 2))
        else:
            raise
    if code == INTERRUPTED:
        _say_error("Stopped by Ctrl-C; what this stage was to write is not there.", code)
    if isinstance(code, int) and code:
        sys.exit(code)


@contextmanager
def _ctrl_c() -> Iterator[threading.Event]:
    """Set by Ctrl-C, which does besides what it always does."""
    pressed = threading.Event()
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield pressed
        return

    def noted(number: int, frame: FrameType | None) -> None:
        pressed.set()
        before(number, frame)

    signal.signal(signal.SIGINT, noted)
    try:
        yield pressed
    finally:
        signal.signal(signal.SIGINT, before)


def _say_error(sentence: str, code: int) -> int:
    sys.stderr.write(f"seqproof: {sentence}\n")
    return code


def _keep_cost(stage: str, seconds: float) -> None:
    """Seconds and peak memory of this process, outside every out: they differ from run to run."""
    name = next((word for word in sys.argv[1:] if not word.startswith("-")), "")
    positional = len(sys.argv) > 1 and sys.argv[1] == name
    label = f"{stage}@{name}" if positional else stage
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    cost = {"seconds": round(seconds, 1), "peak_mib": round(peak)}
    files.write_text(root() / ".seqproof" / "costs" / f"{label}.json", json.dumps(cost))


def costs(stages: Iterable[str], project: Path | None = None) -> dict[str, dict[str, float]]:
    """What each of these stages cost when it last ran here, or in another project, if it did.

    As `{"train_lstm@x": {"seconds": 3.1, "peak_mib": 900}}`.
    """
    folder = (project or root()) / ".seqproof" / "costs"
    kept = {stage: folder / f"{stage}.json" for stage in stages}
    found = {stage: _cost(file) for stage, file in kept.items() if file.is_file()}
    return {stage: cost for stage, cost in found.items() if cost}


def _cost(file: Path) -> dict[str, float]:
    """What one stage cost; nothing if the file is damaged, which a lost power can do."""
    try:
        cost = json.loads(file.read_text(encoding="utf-8"))
        return {key: float(cost[key]) for key in ("seconds", "peak_mib")}
    except (ValueError, TypeError, KeyError):
        return {}


def out() -> Console:
    """The terminal, by Rich."""
    from rich.console import Console

    return Console(highlight=False, soft_wrap=True, emoji=False)


def table(title: str, columns: list[str], rows: list[list[str]]) -> Table:
    """A table: the first column to the left, all others to the right. Cells may hold markup.

    In a narrow terminal the heads wrap and the cells never do: half a number is a wrong number.
    """
    from rich.table import Table
    from rich.text import Text

    drawn = Table(title=title, title_justify="left")
    for position, column in enumerate(columns):
        lines = (line for row in rows for line in Text.from_markup(row[position]).split())
        widest = max((line.cell_len for line in lines), default=0)
        drawn.add_column(column, justify="left" if position == 0 else "right", min_width=widest)
    for row in rows:
        drawn.add_row(*row)
    return drawn


def echo(text: str) -> None:
    """One plain line for the person watching; it takes no markup, so text from data is safe."""
    out().print(text, markup=False)


class Progress:
    """Done so far, of `total` units; `advance` is cheap enough for every batch."""

    def __init__(self, advance: Callable[[float, str], None]) -> None:
        self._advance = advance

    def advance(self, amount: float, remark: str = "") -> None:
        """Count `amount` more units; `remark` stands behind the bar, a loss for instance."""
        self._advance(amount, remark)


@contextmanager
def progress(description: str, total: float, unit: str, behind: float = 0.0) -> Iterator[Progress]:
    """A bar with rate and time left; without a terminal, a line every ten seconds instead.

    Args:
        description: what is done.
        total: units in all.
        unit: what they are called.
        behind: units that were done before, and that say nothing of the rate.
    """
    terminal = out()
    if not terminal.is_terminal:
        with _lines(description, total, unit, behind) as counted:
            yield counted
        return
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    bar = Bar(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[rate]}", markup=False),
        TimeRemainingColumn(),
        TextColumn("{task.fields[remark]}", markup=False),
        console=terminal,
        transient=True,  # what a stage found stays on the screen, its bars do not
    )
    with bar:
        task = bar.add_task(description, total=total, completed=round(behind), rate="", remark="")

        def advance(amount: float, remark: str) -> None:
            rate = f"{bar.tasks[0].speed or 0:,.0f} {unit}/s"
            bar.update(task, advance=amount, rate=rate, remark=remark)

        yield Progress(advance)


@contextmanager
def _lines(description: str, total: float, unit: str, behind: float) -> Iterator[Progress]:
    started = said = time.monotonic()
    done = behind
    last = ""

    def say() -> None:
        rate = (done - behind) / max(time.monotonic() - started, 1e-9)
        left = max(total - done, 0.0) / rate if rate else 0.0
        share = f"{done / max(total, 1e-9):4.0%}"
        parts = [f"{description} {share}", f"{rate:,.0f} {unit}/s", f"{left:.0f} s left", last]
        echo(", ".join(part for part in parts if part))

    def advance(amount: float, remark: str) -> None:
        nonlocal done, said, last
        done, last = done + amount, remark
        if time.monotonic() - said > 10:
            said = time.monotonic()
            say()

    yield Progress(advance)
    if time.monotonic() - started > 2:
        say()


@contextmanager
def quiet_imports() -> Iterator[None]:
    """Hold back what compiled libraries print while they load; said after all if they fail.

    TensorFlow logs from C++ before its own log level is read, so only the file descriptor helps.
    """
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as noise:
        os.dup2(noise.fileno(), 2)
        failed = False
        try:
            yield
        except Exception:
            failed = True
            raise
        finally:
            sys.stderr.flush()
            os.dup2(kept, 2)
            os.close(kept)
            if failed:
                noise.seek(0)
                sys.stderr.write(noise.read().decode("utf-8", "replace"))


def as_json(value: Any) -> str:
    """JSON with sorted keys, so that the same content is the same bytes."""
    return json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"
