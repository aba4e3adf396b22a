"""Command line, terminal output, progress bars and error messages.

The only module that imports Typer and Rich. Importing it takes under 0.1 s, so that `--help` stays
quick.
"""

from __future__ import annotations

from pipelines import startup  # before all other imports

# isort: split
import json
import math
import os
import re
import resource
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, redirect_stdout, suppress
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any

from typer import Argument, Context, Exit, Option, Typer
from typer.core import TyperCommand as Command
from typer.core import TyperGroup as Group

from pipelines import files
from pipelines.errors import Interrupted, UserError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

__all__ = [
    "Argument",
    "AsJson",
    "Command",
    "Context",
    "Exit",
    "Group",
    "Option",
    "Restart",
    "Typer",
    "echo",
    "launch",
    "progress",
    "run_app",
]

PROGRESS_SECONDS = "SEQPROOF_PROGRESS_SECONDS"  # variable: time between two progress lines
RESTART = "--fresh"
Restart = Annotated[
    bool,
    Option(RESTART, envvar="SEQPROOF_FRESH", help="ignore saved checkpoints and start from step 0"),
]
AsJson = Annotated[bool, Option("--json", help="print one JSON object, for other programs")]
INTERRUPTED = 130  # exit code of Typer after Ctrl-C


def root() -> Path:
    """Return the project's root: the folder in which DVC runs the stage.

    In a queued experiment that is DVC's copy of the project. `DVC_ROOT` would name the project
    itself, whose code and parameters differ from the experiment's.

    Raises:
        UserError: DVC and DuckDB cannot use the path of the folder.
    """
    folder = Path.cwd()
    if re.search(r"[\\\ud800-\udfff]", str(folder)):  # surrogates stand for other bytes
        raise UserError(
            f"The path of the project, {str(folder)!r}, has a backslash or is not UTF-8. Rename "
            "the folder."
        )
    return folder


def launch(stage: str, main: Callable[..., None]) -> None:
    """Run a stage's `main` as a command and record its seconds and memory for `seqproof results`.

    Args:
        stage: name of the stage's module, `train_lstm` for instance.
        main: function whose parameters are the command's arguments and options.
    """
    app = Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(main)
    started = time.monotonic()
    run_app(app)
    with suppress(OSError, UserError):  # a stage does not fail because of its cost
        _record_cost(stage, time.monotonic() - started)


def run_app(app: Typer) -> None:
    """Run a Typer app; a `UserError` becomes one line on stderr and exit code 1.

    Args:
        app: the app to run on the arguments of this process.

    Raises:
        SystemExit: the app failed, was interrupted, or returned an exit code other than 0.
    """
    try:
        startup.raise_on_ctrl_c()
        with _watch_ctrl_c() as ctrl_c:
            code = app(standalone_mode=False)
    except UserError as error:
        sys.exit(_print_error(str(error), 1))
    except Interrupted as interrupt:
        sys.exit(_print_error(str(interrupt), interrupt.code))
    except KeyboardInterrupt:  # before or after Typer's own handling of it
        code = INTERRUPTED
    except OSError as error:
        # A full disk, a read-only folder, a name too long: the system's own message is clear.
        prefix = f"{error.filename}: " if error.filename else ""
        sys.exit(_print_error(f"{prefix}{error.strerror or error}.", 1))
    except Exception as error:
        if ctrl_c.is_set():  # TensorFlow replaces KeyboardInterrupt by errors of its own
            code = INTERRUPTED
        elif hasattr(error, "exit_code") and hasattr(error, "format_message"):
            # Usage errors are Click's. Typer bundles Click and does not export these classes.
            sys.exit(_print_error(_usage_error(error), 2))
        else:
            raise
    if code == INTERRUPTED:
        _print_error("Stopped by Ctrl-C. No unfinished output was written.", code)
    if isinstance(code, int) and code:
        sys.exit(code)


@contextmanager
def _watch_ctrl_c() -> Iterator[threading.Event]:
    """Yield an event that Ctrl-C sets before its usual handler runs."""
    pressed = threading.Event()
    handler = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(handler):
        yield pressed
        return

    def record(number: int, frame: FrameType | None) -> None:
        pressed.set()
        handler(number, frame)

    signal.signal(signal.SIGINT, record)
    try:
        yield pressed
    finally:
        signal.signal(signal.SIGINT, handler)


def _usage_error(error: Any) -> str:
    """Return the message of a usage error, with the nearest option and where all are listed."""
    message = error.format_message()
    options = getattr(error, "possibilities", None)
    if options:
        message = f"{error.message}. Did you mean {options[0]}?"
    message = message if message.endswith(("?", ".")) else f"{message}."
    return f"{message} See `{error.ctx.command_path} --help`." if error.ctx else message


def _print_error(message: str, code: int) -> int:
    sys.stderr.write(f"seqproof: {message}\n")
    return code


def _record_cost(stage: str, seconds: float) -> None:
    """Write seconds and peak memory of this process outside every out: they differ by run."""
    name = next((word for word in sys.argv[1:] if not word.startswith("-")), "")
    positional = len(sys.argv) > 1 and sys.argv[1] == name
    label = f"{stage}@{name}" if positional else stage
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    cost = {"seconds": round(seconds, 1), "peak_mib": round(peak)}
    files.write_text(root() / ".seqproof" / "costs" / f"{label}.json", json.dumps(cost))


def costs(stages: Iterable[str], project: Path | None = None) -> dict[str, dict[str, float]]:
    """Return the cost of each stage's last run; stages that never ran are omitted.

    Args:
        stages: names of stages.
        project: root of another project; this one by default.

    Returns:
        For instance `{"train_lstm@x": {"seconds": 3.1, "peak_mib": 900}}`.
    """
    folder = (project or root()) / ".seqproof" / "costs"
    # The evaluation stages share a module, whose name they are recorded under.
    paths = {
        stage: folder / f"{re.sub(r'^evaluate_[^@]+', 'evaluate', stage)}.json" for stage in stages
    }
    recorded = {stage: _read_cost(path) for stage, path in paths.items() if path.is_file()}
    return {stage: cost for stage, cost in recorded.items() if cost}


def _read_cost(file: Path) -> dict[str, float]:
    """Read the cost of one stage; empty if the file is damaged, by a power failure for instance."""
    try:
        cost = json.loads(file.read_text(encoding="utf-8"))
        return {key: float(cost[key]) for key in ("seconds", "peak_mib")}
    except (ValueError, TypeError, KeyError, RecursionError):
        return {}


def out(error: bool = False) -> Console:
    """Return a Rich console on standard output, or on standard error."""
    from rich.console import Console

    return Console(highlight=False, soft_wrap=True, emoji=False, stderr=error)


def table(title: str, columns: list[str], rows: list[list[str]]) -> Table:
    """Build a table whose first column is left-aligned and whose others are right-aligned.

    In a narrow terminal the headers wrap and the cells never do: a wrapped number reads as two.

    Args:
        title: line above the table.
        columns: headers.
        rows: cells, which may hold Rich markup.
    """
    from rich.table import Table
    from rich.text import Text

    result = Table(title=title, title_justify="left")
    for position, column in enumerate(columns):
        words = Text.from_markup(column).split()  # a header may be wrapped, and not cut
        lines = (line for row in rows for line in Text.from_markup(row[position]).split())
        widest = max((part.cell_len for part in (*words, *lines)), default=0)
        result.add_column(column, justify="left" if position == 0 else "right", min_width=widest)
    for row in rows:
        result.add_row(*row)
    return result


def text_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    """Build a table of plain text, without markup; long cells are wrapped.

    Args:
        title: line above the table.
        columns: headers.
        rows: cells; characters without a shape, such as line ends, become blanks.
    """
    from rich.table import Table
    from rich.text import Text

    result = Table(title=Text(title), title_justify="left")
    for column in columns:
        result.add_column(Text(column), overflow="fold")
    for row in rows:
        result.add_row(*(Text(printable(cell)) for cell in row))
    return result


def printable(text: str) -> str:
    """Return a text in which characters without a shape, such as line ends, are blanks."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def is_interactive() -> bool:
    """Return True if a person can answer a question: input and output are a terminal."""
    return sys.stdin.isatty() and out().is_terminal


def ask(question: str) -> str:
    """Return the answer to a question, without blanks around it.

    Raises:
        UserError: the input ends.
    """
    from rich.text import Text

    try:
        return out().input(Text(f"{question}: ")).strip()
    except EOFError:
        raise UserError("No answer: stopped without changes.") from None


def echo(text: str, error: bool = False) -> None:
    """Print a line without interpreting markup, so that text from data is safe."""
    out(error).print(text, markup=False)


def read_line(prompt: str) -> str | None:
    """Return the line that is typed after a prompt; None at Ctrl-D and Ctrl-C."""
    try:
        return input(prompt)
    except (EOFError, KeyboardInterrupt):
        echo("")
        return None
    except UnicodeDecodeError:
        echo("The line is not valid UTF-8.", error=True)
        return ""


def print_json(content: Mapping[str, Any]) -> None:
    """Print a JSON object; numbers that JSON cannot hold become null."""
    sys.stdout.write(files.dump_json(_finite(content)))


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


@contextmanager
def only_json(wanted: bool) -> Iterator[None]:
    """Send what is printed to standard error, so that standard output has the JSON alone.

    Args:
        wanted: False changes nothing.
    """
    with redirect_stdout(sys.stderr) if wanted else nullcontext():
        yield


def cell_width(text: str) -> int:
    """Return the number of cells that a text takes in a terminal."""
    from rich.cells import cell_len

    return cell_len(text)


class LiveTable:
    """Rows at the bottom of the terminal that are drawn anew; other lines scroll above them.

    Without a terminal only the other lines are printed.
    """

    def __init__(self) -> None:
        from rich.console import Console
        from rich.live import Live

        self._console = Console(highlight=False, emoji=False)
        self.is_shown = self._console.is_terminal
        # Child processes are forked while it is shown: no thread may draw it.
        self._live = Live(
            console=self._console,
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def __enter__(self) -> LiveTable:
        if self.is_shown:
            self._live.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self.is_shown:
            self._live.stop()

    def draw(self, rows: Iterable[Sequence[str]]) -> None:
        """Draw rows of plain cells; a row is one line, which is cut at the edge of the terminal."""
        from rich.table import Table
        from rich.text import Text

        if not self.is_shown:
            return
        grid = Table.grid(padding=(0, 2))
        lines = list(rows)
        for column in zip(*lines, strict=True):
            grid.add_column(no_wrap=True, overflow="ellipsis", min_width=max(map(len, column)))
        if grid.columns:
            grid.columns[-1].min_width = None  # the only one that is cut in a narrow terminal
        for row in lines:
            grid.add_row(*map(Text, row))
        self._live.update(grid, refresh=True)

    def echo(self, text: str) -> None:
        """Print a line without interpreting markup."""
        self._console.print(text, markup=False, soft_wrap=True)


class Progress:
    """Handle of a progress bar; `advance` is cheap enough to be called for every batch."""

    def __init__(self, advance: Callable[[float, str], None]) -> None:
        self._advance = advance

    def advance(self, amount: float, remark: str = "") -> None:
        """Add `amount` units; `remark` is shown after the bar, a loss for instance."""
        self._advance(amount, remark)


@contextmanager
def progress(
    description: str, total: float, unit: str, completed: float = 0.0, lines: bool = True
) -> Iterator[Progress]:
    """Show a bar with rate and remaining time; without a terminal, print a line now and then.

    Args:
        description: label before the bar.
        total: number of units.
        unit: name of a unit, in the plural.
        completed: units completed by an earlier process; they do not count towards the rate.
        lines: False for a command that only reads: without a terminal it prints its result alone.
    """
    terminal = out()
    if not terminal.is_terminal:
        if not lines:
            yield Progress(lambda amount, remark: None)
            return
        with _progress_lines(description, total, unit, completed) as handle:
            yield handle
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
        transient=True,  # the results of a stage stay on the screen, its bars do not
    )
    with bar:
        task = bar.add_task(
            description, total=total, completed=round(completed), rate="", remark=""
        )

        def advance(amount: float, remark: str) -> None:
            rate = f"{bar.tasks[0].speed or 0:,.0f} {unit}/s"
            bar.update(task, advance=amount, rate=rate, remark=remark)

        yield Progress(advance)


@contextmanager
def _progress_lines(
    description: str, total: float, unit: str, completed: float
) -> Iterator[Progress]:
    started = printed = time.monotonic()
    interval = float(os.environ.get(PROGRESS_SECONDS, "10"))
    count = completed
    newest_remark = ""

    def print_line() -> None:
        rate = (count - completed) / max(time.monotonic() - started, 1e-9)
        remaining = max(total - count, 0.0) / rate if rate else 0.0
        percentage = f"{count / max(total, 1e-9):4.0%}"
        parts = [
            f"{description} {percentage}",
            f"{rate:,.0f} {unit}/s",
            f"{remaining:.0f} s left",
            newest_remark,
        ]
        echo(", ".join(part for part in parts if part))

    def advance(amount: float, remark: str) -> None:
        nonlocal count, printed, newest_remark
        count, newest_remark = count + amount, remark
        if time.monotonic() - printed > interval:
            printed = time.monotonic()
            print_line()

    yield Progress(advance)
    if time.monotonic() - started > 2:
        print_line()


@contextmanager
def quiet_imports() -> Iterator[None]:
    """Suppress the output of compiled libraries while they load; print it if the import fails.

    TensorFlow logs from C++ before it reads its own log level, so the file descriptor is replaced.
    """
    sys.stderr.flush()
    original_stderr = os.dup(2)
    with tempfile.TemporaryFile() as output:
        os.dup2(output.fileno(), 2)
        failed = False
        try:
            yield
        except Exception:
            failed = True
            raise
        finally:
            sys.stderr.flush()
            os.dup2(original_stderr, 2)
            os.close(original_stderr)
            if failed:
                output.seek(0)
                sys.stderr.write(output.read().decode("utf-8", "replace"))
