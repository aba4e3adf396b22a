"""Fork server: stages that start in a process which has imported their libraries.

Importing TensorFlow, MLflow and the others takes most of a short stage's time. The server imports
them once and forks a process for each program; `pipelines.fork_client` is the other side. Linux
only. Wherever the server cannot be used, programs start as usual, with the same results.

For each program the server forks a watcher, which forks the process that runs the program. The
server itself may be busy with an import.
"""

from __future__ import annotations

import atexit
import ctypes
import gc
import importlib
import io
import json
import os
import resource
import runpy
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn

from pipelines import fork_client, startup  # noqa: F401 - the second sets variables of the libraries

# In the order in which a first run needs them. Nothing of this project is among them, so that one
# server serves all checkouts.
LIBRARIES = (
    *("typer", "rich.console", "pydantic", "yaml", "numpy", "pandas", "pyarrow.parquet"),
    *("pyarrow.pandas_compat", "duckdb", "unicode_segmentation_rs", "scipy.stats", "datasketch"),
    *("great_expectations", "sklearn.metrics", "sklearn.linear_model", "threadpoolctl"),
    *("tensorflow", "keras", "mlflow", "mlflow.pyfunc", "mlflow.tensorflow", "alembic.command"),
    *("mlflow.store.tracking.sqlalchemy_workspace_store", "filelock", "dvc.repo.stage", "git"),
    *("dvc.repo.plots", "dvc.scm", "scmrepo.git", "dulwich.ignore", "networkx", "sacrebleu"),
    *("sentencepiece", "matplotlib.backends.backend_svg"),
)
FIRST_PARTY = ("pipelines", "stages", "commands")
PR_SET_PDEATHSIG = 1


@contextmanager
def serving(libraries: Sequence[str] = LIBRARIES) -> Iterator[dict[str, str]]:
    """Run a fork server.

    Args:
        libraries: modules that the server imports; programs import the others themselves.

    Yields:
        Environment variables for the programs that are to use it. There are none if this machine
        has no fork server, or if this process has one already, which its programs use too.
    """
    if not sys.platform.startswith("linux") or os.environ.get(fork_client.ADDRESS):
        yield {}
        return
    try:
        folder = Path(tempfile.mkdtemp(prefix="seqproof-"))  # no other user may open it
    except OSError:  # a full disk, for instance
        yield {}
        return
    address = folder / "socket"
    try:
        # The socket exists before the server runs: programs wait for it instead of starting cold.
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
            listener.bind(str(address))
            listener.listen(128)
            server = subprocess.Popen(
                [
                    *(sys.executable, "-m", "pipelines.fork_server"),
                    *(str(listener.fileno()), str(folder), *libraries),
                ],
                cwd=Path(__file__).parents[1],
                stdin=subprocess.PIPE,  # its end tells the server that this process is gone
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=[listener.fileno()],
                start_new_session=True,  # Ctrl-C in the terminal is for the programs
            )
    except OSError:
        shutil.rmtree(folder, ignore_errors=True)
        yield {}
        return
    try:
        yield {fork_client.ADDRESS: str(address)}
    finally:
        server.kill()  # and with it all its processes
        server.communicate()
        shutil.rmtree(folder, ignore_errors=True)


def main(descriptor: str, folder: str, *libraries: str) -> NoReturn:
    """Serve until the process that started this one ends; in a forked process, run the program."""
    listener = socket.socket(fileno=int(descriptor))
    identity, variables = fork_client.identity(), dict(os.environ)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # watchers leave no zombies
    gc.disable()  # it takes a fifth of the time of the imports
    waiting = list(libraries)
    while True:
        ready, _, _ = select.select([listener, sys.stdin], [], [], 0 if waiting else None)
        if sys.stdin in ready:
            shutil.rmtree(folder, ignore_errors=True)
            os._exit(0)
        if listener in ready:
            connection, _ = listener.accept()
            with connection:
                request, files = _receive(connection)
                if request.get("identity") == identity and _fork() == 0:
                    listener.close()
                    changes = {k: v for k, v in os.environ.items() if variables.get(k) != v}
                    _start(connection, request, files, changes)
                    break
                for file in files:
                    os.close(file)
        elif waiting:
            with suppress(Exception):  # the program that needs it will say why
                importlib.import_module(waiting.pop(0))
    _run(request["module"])


def _receive(connection: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """Read a request and the standard input, output and error of the program.

    Returns:
        The request, empty if it is no whole one, and the file descriptors.
    """
    connection.settimeout(10)
    with suppress(OSError, ValueError):
        _, (request, *files), _, _ = socket.recv_fds(connection, 16, 4)
        with os.fdopen(request, "rb") as file:
            file.seek(0)
            return json.load(file), files
    return {}, []


def _fork() -> int:
    """Fork; the new process dies with this one."""
    parent = os.getpid()
    with warnings.catch_warnings():
        # Python warns of threads. Those of the libraries stop at a fork or start again after it.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)
    return child


def _start(
    connection: socket.socket,
    request: dict[str, Any],
    files: list[int],
    changes: dict[str, str],
) -> None:
    """Fork the program's process and return in it; watch it in this one, which never returns."""
    try:
        connection.settimeout(None)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        child = _fork()
        if child:
            for file in files:
                os.close(file)
            _watch(connection, child)
        _become(request, files, changes)
        connection.send(fork_client.ACCEPTED)
    except BaseException:
        os._exit(1)  # the program starts cold


def _watch(connection: socket.socket, child: int) -> NoReturn:
    """Send the signals of a program on, and tell it how its process ended."""
    with suppress(OSError):
        os.setpgid(child, child)  # as the process itself does, whichever is first
    process = os.pidfd_open(child)
    inputs: list[Any] = [process, connection]
    while True:
        ready, _, _ = select.select(inputs, [], [])
        if process in ready:
            _, status = os.waitpid(child, 0)
            connection.send(str(os.waitstatus_to_exitcode(status)).encode())
            os._exit(0)
        message = connection.recv(16)
        if not message:  # the program was killed
            os.killpg(child, signal.SIGKILL)
            inputs.remove(connection)
        elif int(message) == signal.SIGTERM:
            os.kill(child, signal.SIGTERM)
        else:  # a terminal sends the others to all processes that the program has started
            os.killpg(child, int(message))


def _become(request: dict[str, Any], files: list[int], changes: dict[str, str]) -> None:
    """Make this process equal to the one that sent the request."""
    os.setpgid(0, 0)
    gc.freeze()  # a collection would copy the pages that processes share
    gc.enable()
    for target, file in enumerate(files):
        os.dup2(file, target)
        os.close(file)
    os.chdir(request["folder"])
    os.umask(request["umask"])
    for number, limits in request["limits"]:
        if resource.getrlimit(number) != tuple(limits):
            resource.setrlimit(number, tuple(limits))
    if os.getpriority(os.PRIO_PROCESS, 0) != request["priority"]:
        os.setpriority(os.PRIO_PROCESS, 0, request["priority"])
    if os.sched_getaffinity(0) != set(request["cores"]):
        os.sched_setaffinity(0, request["cores"])
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        if number in request["ignored"]:
            signal.signal(number, signal.SIG_IGN)
        elif signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    if signal.SIGINT not in request["ignored"]:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_SETMASK, request["blocked"])
    os.environ.clear()
    os.environ.update(request["variables"] | changes)
    time.tzset()
    for number, (name, options) in enumerate(request["streams"].items()):
        buffering = 0 if options["write_through"] else -1
        stream = open(number, "wb" if number else "rb", buffering, closefd=False)  # noqa: SIM115
        setattr(sys, name, io.TextIOWrapper(stream, **options))
        setattr(sys, f"__{name}__", getattr(sys, name))
    sys.argv, sys.orig_argv = request["arguments"], request["original_arguments"]
    sys.path[:] = request["path"]
    tempfile.tempdir = None
    if "numpy.random" in sys.modules:
        sys.modules["numpy.random"].seed()  # Python's own generators start anew after a fork


def _run(module: str) -> NoReturn:
    """Run a stage's module, or the script of `sys.argv`, as Python would, and end this process."""
    for name in list(sys.modules):
        if name.partition(".")[0] in FIRST_PARTY:
            del sys.modules[name]
    importlib.invalidate_caches()
    address = os.environ.pop(fork_client.ADDRESS)
    importlib.import_module("pipelines.startup")  # which would ask the server again
    os.environ[fork_client.ADDRESS] = address
    status, is_interrupted = 0, False
    try:
        if module:
            runpy.run_module(module, run_name="__main__", alter_sys=True)
        else:
            runpy.run_path(sys.argv[0], run_name="__main__")
    except SystemExit as end:
        if isinstance(end.code, int):
            status = end.code
        elif end.code is not None:
            sys.stderr.write(f"{end.code}\n")
            status = 1
    except BaseException as error:
        sys.excepthook(type(error), error, error.__traceback__)
        status, is_interrupted = 1, isinstance(error, KeyboardInterrupt)
    # Python's own end would also free all that the server has imported, which takes 0.4 s.
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    try:
        for stream in (sys.stdout, sys.stderr):
            if not stream.closed:
                stream.flush()
    except OSError:
        status = 120  # Python's own code for it
    if is_interrupted:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    os._exit(status & 0xFF)


if __name__ == "__main__":
    main(*sys.argv[1:])
