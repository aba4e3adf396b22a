"""Hostile arguments and standard input of commands: one sentence, and nothing is written."""

import gzip
import io
import os
import subprocess
import sys
import zipfile
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest

from commands import app
from pipelines import console
from tests.unit.hostile.cases import (
    CSV,
    Case,
    Content,
    assert_one_sentence,
    snapshot,
    write_files,
    write_project,
)
from tests.unit.tracking.servers import Postgres

ROOT = Path(__file__).parents[3]
NEW = ("new", "made", "--yes", "--from")


@dataclass(frozen=True)
class Command:
    """A command line, its input and the sentence that it ends with; see `Case`."""

    arguments: tuple[str, ...]
    message: str
    files: dict[str, Content] | None = None
    stdin: bytes = b""
    code: int = 1


def from_file(content: Content, message: str, *options: str, name: str = "a.csv") -> Command:
    """Return a case of `seqproof new --from`."""
    return Command((*NEW, name, *options), message, {name: content})


def gzip_bomb(path: Path) -> None:
    with gzip.open(path, "wb", compresslevel=1) as file:
        for _ in range(20):
            file.write(b"a" * 2**20)


def two_members(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.csv", CSV)
        archive.writestr("b.csv", CSV)


CASES = {
    "new from nothing": Command((*NEW, "none.csv"), r"no file 'none\.csv'.*correct the path"),
    "new from an empty file": from_file(b"", r"a\.csv is empty"),
    "new from blank lines": from_file(b"\n \n", r"a\.csv is empty"),
    "new from empty standard input": Command((*NEW, "-"), "text is empty"),
    "new from noise": Command((*NEW, "-"), r"", stdin=bytes(range(128, 256)) * 40),
    "new from one line": from_file(b"hello\n", "1 row, too few to train.*add more", name="a.txt"),
    "new from a header": from_file(b"text,label\n", r"a\.csv has no rows"),
    "new from equal columns": from_file(
        f"text,text\n{CSV}", r"a\.csv:1 .*columns 'text': rename one"
    ),
    "new from a picture": from_file(
        b"\x89PNG\r\n\x1a\n\0\0", r"a\.png is a picture: correct", name="a.png"
    ),
    "new from half a gzip": from_file(
        gzip.compress(CSV.encode())[:-9], "not a valid gzip file.*again"
    ),
    "new from a gzip bomb": from_file(gzip_bomb, r"a\.csv:1 has more than 16,777,216 char.*break"),
    "new from two members": from_file(two_members, r"a\.csv has 2 members.*unpack it"),
    "new from a pipe": from_file(os.mkfifo, r"'a\.csv' is no file but a device or a pipe.*Pass -"),
    "new from a device": Command((*NEW, "/dev/zero"), "'/dev/zero' is no file but a device"),
    "new from damaged Parquet": from_file(
        b"PAR1" + b"x" * 99 + b"PAR1", "not a valid Parquet file"
    ),
    "new from an unknown task": from_file(CSV, "no task 'nonsense'; known", "--task", "nonsense"),
    "new from an unknown column": from_file(
        CSV, "--text: .*no column 'x'; known: opinion", "--text", "x"
    ),
    "new from unknown tokens": from_file(
        CSV, "--tokens: .*'wrods'; did you mean", "--tokens", "wrods"
    ),
    "new from an unknown split": from_file(CSV, "--split: .*no 'half'; known", "--split", "half"),
    "new from a long separator": from_file(
        CSV, "--separator: ';;' is not one char", "--separator", ";;"
    ),
    "new from unknown quoting": from_file(
        CSV, "--quoting: .*no 'some'; did you mean 'none'", "--quoting", "some"
    ),
    "new from an unknown encoding": from_file(
        CSV, "--encoding: 'utf-9' is not an enc", "--encoding", "utf-9"
    ),
    "new from no encoding of text": from_file(
        CSV, "--encoding: 'rot13' is not an enc", "--encoding", "rot13"
    ),
    "new from an impossible name": from_file(
        CSV, r"The name '\.\./x' .* lower-case", "--name", "../x"
    ),
    "new with a template, too": from_file(
        CSV, "--template cannot be combined", "--template", "ptb"
    ),
    "new in a folder in use": Command(
        (NEW[0], "texts", *NEW[2:], "texts/mood.csv"), "texts exists and is not empty.*Choose"
    ),
    "new without a name": Command(("new", " "), r"name is empty.*Pass a name"),
    "new of no template": Command(("new", "made", "--template", "x"), "no template 'x'; known"),
    "new where nothing can be written": Command(
        ("new", "/proc/x", *NEW[2:], "texts/mood.csv"), "/proc/x cannot be written.*Choose"
    ),
    "data add of nothing": Command(("data", "add", "x", "none.csv", "--yes"), "no file 'none.csv'"),
    "data add of a name in use": Command(
        ("data", "add", "mood", "texts/mood.csv", "--yes"), r"corpora\.mood\. Choose another"
    ),
    "data add of an impossible name": Command(
        ("data", "add", "Mood", "texts/mood.csv", "--yes"), "lower-case"
    ),
    "data profile of nothing": Command(
        ("data", "profile", "moot"), "no corpus 'moot'; did you mean 'mood'"
    ),
    "data docs before any check": Command(("data", "docs"), "no results yet. Run `seqproof run"),
    "predict of no model": Command(("predict", "moot", "x"), "no model 'moot'; there is none"),
    "predict of nothing": Command(("predict", "moot"), "There is no text. Pass it"),
    "predict of blank lines": Command(
        ("predict", "moot"), "There is no text. Pass it", stdin=b"\n \n"
    ),
    "predict of no UTF-8": Command(
        ("predict", "moot"), "not valid UTF-8 in line 2, at byte 3. Convert", stdin=b"a\n\xff\n"
    ),
    "predict of half a character": Command(
        ("predict", "moot", "\udcff"), "Text 1 is not valid UTF-8.*Convert"
    ),
    "translate of a blank text": Command(("translate", "moot", "a", " "), "Text 2 is empty. Give"),
    "translate with a beam of 0": Command(
        ("translate", "moot", "a", "--beam", "0"), "--beam.*greater than or", code=2
    ),
    "verify of all and one": Command(
        ("verify", "--all", "x"), "--all cannot be combined .*Omit one"
    ),
    "verify of no level": Command(
        ("verify", "--level", "9"), "--level.*less than or equal", code=2
    ),
    "promote to no alias": Command(
        ("promote", "x", "--as", "a/../b"), "'a/../b' is not a valid alias.*Use"
    ),
    "compare of one": Command(("compare", "x"), "at least two models"),
    "trace without DVC": Command(("trace", "x"), "is not a DVC project. Run this command in"),
    "publish of no project": Command(
        ("publish", "none"), r"origin\.json is missing. Create the project"
    ),
    "no command": Command(("nonsense",), "There is no command 'nonsense'", code=2),
    "no option": Command(("check", "--nonsense"), "No such option: --nonsense", code=2),
}


def run(command: Command, monkeypatch: pytest.MonkeyPatch) -> tuple[int, str]:
    """Run a command in this process; return its exit code and its error."""
    monkeypatch.setattr(sys, "argv", ["seqproof", *command.arguments])
    stdin = SimpleNamespace(buffer=io.BytesIO(command.stdin), isatty=lambda: False)
    monkeypatch.setattr(sys, "stdin", stdin)
    errors = io.StringIO()
    with redirect_stderr(errors), redirect_stdout(io.StringIO()), pytest.raises(SystemExit) as end:
        console.run_app(app.app)
    return int(end.value.code or 0), errors.getvalue()


@pytest.mark.parametrize("name", CASES)
def test_a_hostile_command_is_one_sentence(name, tmp_path, monkeypatch):
    command = CASES[name]
    write_project(tmp_path, Case(""))
    write_files(tmp_path, command.files or {})
    monkeypatch.chdir(tmp_path)
    before = snapshot(tmp_path)
    code, error = run(command, monkeypatch)
    assert_one_sentence(Case(command.message, code=command.code), code, error)
    assert snapshot(tmp_path) == before


def test_no_process_has_a_password_in_its_arguments(tmp_path):
    """A module in place of MLflow prints the arguments that `ps` shows of its process."""
    write_project(tmp_path, Case(""))
    fake = tmp_path / "fake" / "mlflow"
    fake.mkdir(parents=True)
    (fake / "__init__.py").touch()
    (fake / "__main__.py").write_text(
        "import os\n"
        "print(open('/proc/self/cmdline').read().replace(chr(0), ' '))\n"
        "print('address', os.environ['MLFLOW_BACKEND_STORE_URI'])\n",
        encoding="utf-8",
    )
    with Postgres("secret") as database:
        address = database.address
        process = subprocess.run(
            [sys.executable, "-c", "from commands.app import main; main()", "ui", "--port", "5999"],
            cwd=tmp_path,
            env={
                **os.environ,
                "MLFLOW_TRACKING_URI": address,
                "PYTHONPATH": f"{fake.parent}:{ROOT}",
            },
            capture_output=True,
            text=True,
        )
    assert process.returncode == 0, process.stderr
    *lines, last = process.stdout.splitlines()
    assert last == f"address {address}"
    assert any("-m mlflow ui" in line for line in lines)
    assert "secret" not in "\n".join(lines) + process.stderr
