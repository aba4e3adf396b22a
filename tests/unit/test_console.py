"""Error messages, exit codes, progress lines and tables of the console."""

import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from pipelines import console
from pipelines.errors import UserError

ROOT = Path(__file__).parents[2]
LIBRARY = "import pipelines.console"


def _app(error):
    app = console.Typer(add_completion=False)

    @app.command()
    def main() -> None:
        if error is not None:
            raise error

    return app


def _run_app(monkeypatch, error):
    monkeypatch.setattr(sys, "argv", ["seqproof"])
    console.run_app(_app(error))


def test_a_stage_succeeds_if_its_cost_cannot_be_recorded(tmp_path, monkeypatch):
    (tmp_path / ".seqproof").write_text("no folder", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["stage"])
    calls = []
    console.launch("check", lambda: calls.append(1))
    assert calls == [1]


def test_a_user_error_is_one_line_and_exit_code_1(monkeypatch, capsys):
    with pytest.raises(SystemExit) as exit_:
        _run_app(monkeypatch, UserError("No such verse."))
    assert exit_.value.code == 1
    assert capsys.readouterr().err == "seqproof: No such verse.\n"


def test_ctrl_c_is_one_line_and_exit_code_130(monkeypatch, capsys):
    with pytest.raises(SystemExit) as exit_:
        _run_app(monkeypatch, KeyboardInterrupt())
    assert exit_.value.code == 130
    assert "Ctrl-C" in capsys.readouterr().err


def test_an_error_raised_in_place_of_ctrl_c_counts_as_ctrl_c(monkeypatch, capsys):
    def main():
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            raise RuntimeError("REPLACED BY KeyboardInterrupt") from None

    monkeypatch.setattr(sys, "argv", ["stage"])
    app = console.Typer()
    app.command()(main)
    # Background processes of a shell ignore Ctrl-C.
    original = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(SystemExit) as exit_:
            console.run_app(app)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, original)
    assert exit_.value.code == 130
    assert "Ctrl-C" in capsys.readouterr().err


def test_a_bug_keeps_its_traceback(monkeypatch):
    with pytest.raises(ZeroDivisionError):
        _run_app(monkeypatch, ZeroDivisionError())


def test_an_unknown_option_is_exit_code_2(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["seqproof", "--nonsense"])
    with pytest.raises(SystemExit) as exit_:
        console.run_app(_app(None))
    assert exit_.value.code == 2
    assert "nonsense" in capsys.readouterr().err


def test_a_stage_records_its_cost(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["train_lstm", "verses", "--train", "x"])

    def main(name: str, train: str = "") -> None:
        """Do nothing."""

    console.launch("train_lstm", main)
    costs = console.costs(["train_lstm@verses", "never@ran"])
    assert set(costs) == {"train_lstm@verses"}
    assert console.costs(["of@another"]) == {}
    for damaged in ("", '{"te', "[]", '{"seconds": 3}'):
        file = tmp_path / ".seqproof" / "costs" / "train_lstm@verses.json"
        file.write_text(damaged, encoding="utf-8")
        assert console.costs(["train_lstm@verses"]) == {}
    assert costs["train_lstm@verses"]["seconds"] >= 0
    assert costs["train_lstm@verses"]["peak_mib"] > 1


def test_evaluation_stages_are_recorded_under_their_module(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["evaluate", "verses"])

    def main(name: str) -> None:
        """Do nothing."""

    console.launch("evaluate", main)
    assert set(console.costs(["evaluate_seq2seq@verses"])) == {"evaluate_seq2seq@verses"}


def test_progress_without_a_terminal_prints_lines_for_long_work_only(monkeypatch, capsys):
    clock = iter([0, 0, 1, 1, 1, 1])
    monkeypatch.setattr(console.time, "monotonic", lambda: next(clock))
    with console.progress("reading", 10, "words") as bar:
        bar.advance(10)
    assert capsys.readouterr().out == ""

    ticks = iter([0, 0, 11, 11, 11, 22, 22, 22, 22])
    monkeypatch.setattr(console.time, "monotonic", lambda: next(ticks))
    with console.progress("reading", 110, "words") as bar:
        bar.advance(55, "loss 2")
    assert "reading  50%, 5 words/s, 11 s left, loss 2" in capsys.readouterr().out

    ticks = iter(range(0, 1000, 100))
    with console.progress("verify", 110, "MB", lines=False) as bar:
        bar.advance(110)
    assert capsys.readouterr().out == ""


def test_quiet_imports_prints_output_only_on_failure(capfd):
    script = (
        "import os; from pipelines import console\n"
        "with console.quiet_imports():\n os.write(2, b'noise')\n {}"
    )
    for last, expected in (("pass", False), ("raise ValueError", True)):
        process = subprocess.run(
            [sys.executable, "-c", script.format(last)], capture_output=True, text=True, check=False
        )
        assert ("noise" in process.stderr) is expected


def test_help_imports_nothing_heavy():
    code = (
        "import sys; sys.argv = ['seqproof', '--help']\n"
        "from commands.app import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'tensorflow', 'mlflow', 'dvc', 'pandas', 'pydantic', 'numpy'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    process = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert process.stdout.endswith("[]\n")
    for verb in ("fetch", "train-lstm", "evaluate", "results", "ui"):
        assert verb in process.stdout


def test_a_narrow_table_wraps_headers_and_never_cells(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "40")
    rows = [["a-long-model-name", "[bold]1,161,803[/bold]", "2,345,678"]]
    console.out().print(console.table("t", ["model", "many parameters", "tokens seen"], rows))
    output = capsys.readouterr().out
    for cell in ("a-long-model-name", "1,161,803", "2,345,678"):
        assert cell in output
    rows = [["contrasts", "0.500", "0.422", "238"]]
    columns = ["model", "accuracy ↑", "macro F1 ↑", "parameters"]
    console.out().print(console.table("t", columns, rows))
    assert "parameters" in capsys.readouterr().out


@pytest.mark.parametrize("program", [["-m", "stages.check"], ["-c", LIBRARY]])
def test_ctrl_c_during_the_imports_of_a_program_has_no_traceback(program, tmp_path):
    """A module that interrupts the process stands in for the first library that is imported."""
    (tmp_path / "typer.py").write_text("import os; os.kill(os.getpid(), 2)", encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}:{ROOT}"}
    process = subprocess.run(
        [sys.executable, *program],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        # Tests that run in the background ignore Ctrl-C, and so would their processes.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )
    if program[0] == "-m":
        assert (process.returncode, process.stderr) == (-signal.SIGINT, "")
    else:
        assert "KeyboardInterrupt" in process.stderr, "a library leaves Ctrl-C as it is"


@pytest.mark.parametrize("name", ["back\\slash", os.fsdecode(b"latin-\xfc")])
def test_a_project_whose_path_the_libraries_cannot_use_is_refused(monkeypatch, tmp_path, name):
    """DuckDB takes a backslash for a separator of folders, and DVC encodes paths as UTF-8."""
    (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / name)
    with pytest.raises(UserError, match=r"has a backslash or is not UTF-8\. Rename the folder"):
        console.root()
    (tmp_path / "文字 50%\n").mkdir()
    monkeypatch.chdir(tmp_path / "文字 50%\n")
    assert console.root() == tmp_path / "文字 50%\n"
