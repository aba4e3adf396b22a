"""Client of the fork server: lets the server run this program, and ends as the program does.

Imported by `pipelines.startup` before anything heavy. Programs start as usual ("cold") if the
server is gone, or if their libraries would behave differently there.
"""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

ADDRESS = "SEQPROOF_FORK_SERVER"  # variable with the path of the server's socket
ACCEPTED = b"accepted"
# Variables that the interpreter and the libraries read when they start.
READ_AT_IMPORT = (
    *("ARROW_", "CUDA_", "DNNL_", "DO_NOT_TRACK", "GX_", "HOME", "KERAS_", "KMP_", "LANG", "LC_"),
    *("LD_", "MALLOC_", "MKL_", "MLFLOW_CONFIGURE_", "MLFLOW_DISABLE_", "MLFLOW_LOGGING_", "MPL"),
    *("NPY_", "NUMEXPR_", "OMP_", "ONEDNN_", "OPENBLAS_", "PYTHON", "TF_", "TQDM_", "XDG_", "XLA_"),
)
READ_LATER = "CUDA_VISIBLE_DEVICES"  # when TensorFlow runs its first operation
FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
KILLED = "The fork server ended while it ran this program. Run the command again."


def identity() -> list[Any]:
    """Return all that must be equal in the server and in a program: as read from JSON."""
    namespaces = sorted(str(file.readlink()) for file in Path("/proc/self/ns").iterdir())
    variables = {
        key: value
        for key, value in os.environ.items()
        if key.startswith(READ_AT_IMPORT) and key != READ_LATER
    }
    groups = Path("/proc/self/cgroup").read_text(encoding="utf-8")
    return [sys.executable, sys.version, namespaces, groups, variables]


def hand_over() -> None:
    """Let the server run this program and end with its exit code; return to start cold."""
    module = _module()
    if module is None:
        return
    try:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        connection.connect(os.environ[ADDRESS])
        with os.fdopen(os.memfd_create("request"), "w", encoding="ascii") as file:
            json.dump(_request(module), file)
            file.flush()
            socket.send_fds(connection, [b"run"], [file.fileno(), 0, 1, 2])
        if connection.recv(16) != ACCEPTED:
            connection.close()
            return
    except (OSError, AttributeError):  # no server, or a stream is closed
        return
    _wait(connection)


def _module() -> str | None:
    """Return the stage's module, an empty name for a script, or None for any other process.

    A process that multiprocessing starts has the arguments of its parent in `sys.argv`, but not
    those that it was started with.
    """
    first, second = [*sys.orig_argv[1:3], "", ""][:2]
    if first == "-m" and second.startswith("stages."):
        return second
    return "" if first == sys.argv[0] and Path(first).name == "seqproof" else None


def _request(module: str) -> dict[str, Any]:
    """Return this process, as the server needs it to make an equal one."""
    limits = [
        [number, resource.getrlimit(number)]
        for name, number in vars(resource).items()
        if name.startswith("RLIMIT_")
    ]
    options = ("encoding", "errors", "line_buffering", "write_through")
    streams = {
        name: {option: getattr(getattr(sys, name), option) for option in options}
        for name in ("stdin", "stdout", "stderr")
    }
    umask = os.umask(0o077)
    os.umask(umask)
    return {
        "identity": identity(),
        "module": module,
        "arguments": sys.argv,
        "original_arguments": sys.orig_argv,
        "path": sys.path,
        "folder": str(Path.cwd()),
        "variables": dict(os.environ),
        "umask": umask,
        "limits": limits,
        "priority": os.getpriority(os.PRIO_PROCESS, 0),
        "cores": sorted(os.sched_getaffinity(0)),
        "ignored": [
            number
            for number in signal.valid_signals()
            if signal.getsignal(number) is signal.SIG_IGN
        ],
        "blocked": sorted(signal.pthread_sigmask(signal.SIG_BLOCK, [])),
        "streams": streams,
    }


def _wait(connection: socket.socket) -> NoReturn:
    """Forward signals until the program ends, and end in the same way."""
    # A signal between two calls writes to this pipe, so that `select` does not miss it.
    signals, wakeup = os.pipe()
    for end in (signals, wakeup):
        os.set_blocking(end, False)
    signal.set_wakeup_fd(wakeup)
    for number in FORWARDED:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, lambda *_: None)
    while True:
        ready, _, _ = select.select([connection.fileno(), signals], [], [])
        if connection.fileno() in ready:
            break
        for received in os.read(signals, 16):
            with suppress(OSError):
                connection.send(str(received).encode())
    try:
        answer = connection.recv(16)
    except OSError:
        answer = b""
    if not answer:
        with suppress(OSError):
            os.write(2, f"seqproof: {KILLED}\n".encode())
        os._exit(1)
    code = int(answer)
    if code < 0:
        _, hard = resource.getrlimit(resource.RLIMIT_CORE)
        resource.setrlimit(resource.RLIMIT_CORE, (0, hard))  # the program has written its own
        with suppress(OSError):
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)
