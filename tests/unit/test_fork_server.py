"""A fork server runs programs as they run without it."""

import errno
import importlib.util
import json
import os
import resource
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from pipelines import fork_client, fork_server
from tests import packages

ROOT = Path(__file__).parents[2]
# Prints all that a program has from the process that started it.
PROBE = """
from pipelines import startup
import gc, json, os, resource, signal, sys, tempfile
import numpy
print(json.dumps({
    "parent": os.getppid(),
    "arguments": sys.argv,
    "original": sys.orig_argv,
    "folder": os.getcwd(),
    "path": sys.path,
    "variables": {k: v for k, v in os.environ.items() if k != "SEQPROOF_FORK_SERVER"},
    "input": sys.stdin.read(),
    "ignored": [int(n) for n in signal.valid_signals() if signal.getsignal(n) is signal.SIG_IGN],
    "ctrl_c": str(signal.getsignal(signal.SIGINT)),
    "umask": os.umask(0),
    "limits": [resource.getrlimit(n) for n in (resource.RLIMIT_FSIZE, resource.RLIMIT_NOFILE)],
    "cores": sorted(os.sched_getaffinity(0)),
    "main": [__name__, __spec__.name, sys.modules["__main__"].__file__],
    "streams": [[s.encoding, s.errors, s.line_buffering] for s in (sys.stdin, sys.stdout)],
    "temporary": tempfile.gettempdir(),
    "program": startup.IS_PROGRAM,
    "gc": [gc.isenabled(), gc.get_threshold()],
    "files": len(os.listdir("/proc/self/fd")),
}))
print("\\u00e4", file=sys.stderr)
sys.exit(7)
"""
DRAWS = """
from pipelines import startup
import random, tempfile, uuid
import numpy
print(random.random(), numpy.random.random(), uuid.uuid4(), tempfile.mktemp())
"""
# Waits for Ctrl-C as a stage does, and says how often it came.
WAITS = """
from pipelines import startup
import signal, sys, time
presses = []
signal.signal(signal.SIGINT, lambda *_: presses.append(1))
print("ready", flush=True)
while not presses:
    time.sleep(0.01)
time.sleep(0.3)
print(len(presses), flush=True)
"""
# Ends as its input says, after a thread and a function that Python waits for.
ENDS = """
from pipelines import startup
import atexit, os, sys, threading, time
startup.raise_on_ctrl_c()
atexit.register(print, "last")
threading.Thread(target=lambda: (time.sleep(0.1), print("thread"))).start()
exec(sys.stdin.read())
"""
# Prints its process id and waits to be killed.
SLEEPS = """
from pipelines import startup
import os, time
print(os.getpid(), flush=True)
time.sleep(3600)
"""
# The code of a program whose output is full: at once without a buffer, or at its end.
FULL = 1 if os.environ.get("PYTHONUNBUFFERED") else 120
PROGRAMS = {
    "probe": PROBE,
    "draws": DRAWS,
    "waits": WAITS,
    "ends": ENDS,
    "sleeps": SLEEPS,
}

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the fork server needs Linux")


def make_project(folder: Path) -> Path:
    """Make a folder with stages of its own and the library of this project."""
    (folder / "stages").mkdir()
    for name, source in {"__init__": "", **PROGRAMS}.items():
        (folder / "stages" / f"{name}.py").write_text(source, encoding="utf-8")
    packages.copy("pipelines", folder)
    return folder


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_project(tmp_path_factory.mktemp("project"))


@pytest.fixture(scope="module")
def warm() -> Iterator[dict[str, str]]:
    """Variables of programs that use a fork server, which has imported NumPy only."""
    with fork_server.serving(["numpy"]) as variables:
        yield {**os.environ, **variables}


def start(project: Path, name: str, variables: dict[str, str], **options) -> subprocess.Popen[str]:
    pipe = subprocess.PIPE
    command = [sys.executable, "-m", f"stages.{name}", "a", "b\udcff"]
    return subprocess.Popen(
        command,
        cwd=project,
        env=variables,
        stdin=pipe,
        stdout=pipe,
        stderr=pipe,
        text=True,
        **options,
    )


def probe(project: Path, variables: dict[str, str], **options) -> dict[str, object]:
    process = start(project, "probe", variables, **options)
    output, errors = process.communicate("some input")
    assert process.returncode == 7, errors
    return {"errors": errors, "client": process.pid, **json.loads(output)}


def run(
    project: Path, variables: dict[str, str], *arguments: str | Path
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=project,
        env=variables,
        input="",
        capture_output=True,
        text=True,
        check=False,
    )


def is_warm(answer: dict[str, object]) -> bool:
    """Return True if the program was no child of this process."""
    return answer["parent"] != os.getpid()


def cold(variables: dict[str, str]) -> dict[str, str]:
    return {**variables, fork_client.ADDRESS: ""}


def limit_and_ignore() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 21))
    os.umask(0o027)
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:1])


@pytest.mark.parametrize("setup", [None, limit_and_ignore])
def test_the_program_has_all_that_it_has_without_a_server(project, warm, tmp_path, setup):
    variables = {**warm, "TMPDIR": str(tmp_path), "SOME_VARIABLE": "\udcff"}
    variables["CUDA_VISIBLE_DEVICES"] = "1"
    answers = [probe(project, either, preexec_fn=setup) for either in (variables, cold(variables))]
    assert [is_warm(answer) for answer in answers] == [True, False]
    for answer in answers:
        del answer["parent"], answer["client"]
    assert answers[0] == answers[1]


def test_the_script_of_the_command_line_is_a_program(project, warm):
    script = project / "seqproof"
    script.write_text(PROBE.replace("__spec__.name", "__spec__"), encoding="utf-8")
    answers = []
    for variables in (warm, cold(warm)):
        process = run(project, variables, script, "compare", "a")
        assert process.returncode == 7
        answers.append(json.loads(process.stdout))
    assert [is_warm(answer) for answer in answers] == [True, False]
    for answer in answers:
        del answer["parent"], answer["main"]
    assert answers[0] == answers[1]


def test_programs_share_no_random_numbers(project, warm):
    outputs = [start(project, "draws", warm).communicate()[0].split() for _ in range(2)]
    for first, second in zip(*outputs, strict=True):
        assert first != second


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("pass", 0),
        ("sys.exit(7)", 7),
        ("sys.exit('some text')", 1),
        ("1 / 0", 1),
        ("os._exit(3)", 3),
        ("os.kill(os.getpid(), 9)", -signal.SIGKILL),
        ("raise KeyboardInterrupt", -signal.SIGINT),
        ("os.close(1); os.open('/dev/full', os.O_WRONLY); print('x')", FULL),
    ],
)
def test_the_end_is_that_of_the_program(project, warm, source, code):
    ends = []
    for variables in (warm, cold(warm)):
        process = start(project, "ends", variables)
        output, errors = process.communicate(source)
        ends.append((process.returncode, output, errors.splitlines()[-1:]))
    assert ends[0][:2] == ends[1][:2]
    assert ends[0][2] == ends[1][2] or code == FULL
    assert ends[0][0] == code


@pytest.mark.parametrize(
    "change",
    [
        {"TF_ENABLE_ONEDNN_OPTS": "0"},
        {"PYTHONHASHSEED": "1"},
        {"OMP_NUM_THREADS": "1"},
        {"XLA_FLAGS": "--xla_cpu_max_isa=AVX2"},
    ],
)
def test_a_program_whose_libraries_would_differ_starts_cold(project, warm, change):
    assert not is_warm(probe(project, warm | change))


def test_a_program_without_a_server_starts_cold(project, warm, tmp_path):
    assert not is_warm(probe(project, warm | {fork_client.ADDRESS: str(tmp_path / "none")}))


def test_an_interpreter_with_options_starts_cold(project, warm):
    process = run(project, warm, "-X", "utf8", "-m", "stages.probe")
    assert not is_warm(json.loads(process.stdout))


def test_one_server_serves_two_projects(project, warm, tmp_path):
    other = make_project(tmp_path)
    changed = (other / "pipelines" / "startup.py").read_text(encoding="utf-8")
    changed += "\nos.environ['WHICH'] = 'other'\n"
    (other / "pipelines" / "startup.py").write_text(changed, encoding="utf-8")
    for _ in range(2):
        for folder, which in ((project, None), (other, "other")):
            answer = probe(folder, warm)
            assert is_warm(answer)
            assert answer["variables"].get("WHICH") == which


def test_ctrl_c_reaches_the_program_once(project, warm):
    """In a terminal Ctrl-C reaches the client, and DVC, and all that they have started."""
    process = start(project, "waits", warm, start_new_session=True)
    assert process.stdout.readline() == "ready\n"
    os.killpg(process.pid, signal.SIGINT)
    assert process.communicate()[0] == "1\n"
    assert process.returncode == 0


def test_sigterm_reaches_the_program(project, warm):
    process = start(project, "sleeps", warm)
    child = int(process.stdout.readline())
    assert child != process.pid
    process.terminate()
    process.communicate()
    assert process.returncode == -signal.SIGTERM
    assert has_ended(child)


def has_ended(process: int) -> bool:
    """Wait for the end of a process that is no child of this one."""
    with suppress(ProcessLookupError):
        descriptor = os.pidfd_open(process)
        select.select([descriptor], [], [])
        os.close(descriptor)
    return True


def test_the_program_ends_with_its_client(project, warm):
    process = start(project, "sleeps", warm)
    child = int(process.stdout.readline())
    process.kill()
    process.communicate()  # its output ends when the program has ended
    assert has_ended(child)


def parent(process: int) -> int:
    status = Path(f"/proc/{process}/status").read_text(encoding="utf-8")
    return int(status.split("PPid:")[1].split()[0])


def server_of(child: int) -> int:
    """Return the process id of the server whose watcher started a program."""
    return parent(parent(child))


def test_programs_end_with_the_server_and_the_next_starts_cold(project):
    with fork_server.serving([]) as variables:
        process = start(project, "sleeps", {**os.environ, **variables})
        child = int(process.stdout.readline())
        os.kill(server_of(child), signal.SIGKILL)
        _, errors = process.communicate()
        assert process.returncode == 1
        assert errors == f"seqproof: {fork_client.KILLED}\n"
        assert has_ended(child)
        assert not is_warm(probe(project, {**os.environ, **variables}))


def test_nothing_is_left_at_the_end(project):
    with fork_server.serving([]) as variables:
        folder = Path(variables[fork_client.ADDRESS]).parent
        assert folder.stat().st_mode & 0o777 == 0o700
        process = start(project, "sleeps", {**os.environ, **variables})
        child = int(process.stdout.readline())
        server = server_of(child)
        assert server not in (os.getpid(), 1)
    process.communicate()
    assert has_ended(child)
    assert has_ended(server)
    assert not folder.exists()


def test_a_server_ends_with_the_process_that_started_it():
    source = (
        "import time\nfrom pipelines import fork_server\n"
        "with fork_server.serving([]) as variables:\n"
        "    print(variables['SEQPROOF_FORK_SERVER'], flush=True)\n    time.sleep(3600)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", source], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    address = process.stdout.readline().strip()
    assert address
    folder = Path(address).parent
    assert folder.exists()
    process.kill()
    process.communicate()
    while folder.exists():  # until the server has removed it
        time.sleep(0.01)


def test_no_process_is_left_after_a_program(project):
    with fork_server.serving([]) as variables:
        process = start(project, "sleeps", {**os.environ, **variables})
        server = server_of(int(process.stdout.readline()))
        process.kill()
        process.communicate()
        assert is_warm(probe(project, {**os.environ, **variables}))
        children = Path(f"/proc/{server}/task/{server}/children")
        while children.read_text(encoding="utf-8"):  # a zombie would stay
            time.sleep(0.01)


@pytest.mark.parametrize("library", fork_server.LIBRARIES)
def test_the_libraries_exist(library):
    """An import that fails is silent in the server."""
    package, *names = library.split(".")
    spec = importlib.util.find_spec(package)
    assert spec is not None
    if names:
        (folder,) = spec.submodule_search_locations
        assert list(Path(folder, *names[:-1]).glob(f"{names[-1]}*"))


def test_a_full_disk_means_no_server(monkeypatch):
    def mkdtemp(**_: object) -> str:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("tempfile.mkdtemp", mkdtemp)
    with fork_server.serving([]) as variables:
        assert variables == {}


def test_a_process_with_a_server_starts_no_other(monkeypatch):
    monkeypatch.setenv(fork_client.ADDRESS, "/tmp/server/socket")
    with fork_server.serving([]) as variables:
        assert variables == {}


@pytest.mark.parametrize("platform", ["darwin", "win32"])
def test_other_systems_have_no_server(monkeypatch, platform):
    monkeypatch.setattr(sys, "platform", platform)
    with fork_server.serving([]) as variables:
        assert variables == {}
