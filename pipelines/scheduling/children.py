"""Child processes that end with this process, and whose groups can be stopped as a whole."""

from __future__ import annotations

import json
import os
import selectors
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

STOP = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
Send = Callable[[str], None]
Main = Callable[[Send], None]


class Child:
    """A forked process that runs a function, and the messages that it sends.

    It leads a group and a session of its own: Ctrl-C in the terminal reaches it through `stop`
    only. Its group is killed when the parent dies, whatever kills the parent: then the kernel
    closes the parent's end of `lifeline`.

    Args:
        main: the function; its argument sends a message to the parent.
        log: file for the output of the process and its children.
        variables: environment variables.
        lifeline: both ends of a pipe, of which no process but the parent writes.

    Attributes:
        messages: file descriptor to read messages from; its end is the end of the process.
    """

    def __init__(
        self, main: Main, log: Path, variables: Mapping[str, str], lifeline: tuple[int, int]
    ) -> None:
        log.parent.mkdir(parents=True, exist_ok=True)
        self.messages, writer = os.pipe()
        self._buffer = b""
        sys.stdout.flush()
        sys.stderr.flush()
        # A signal that arrives before the child has its own handlers waits for them.
        signal.pthread_sigmask(signal.SIG_BLOCK, STOP)
        try:
            self.pid = os.fork()
            if self.pid == 0:
                os.close(self.messages)
                _run_child(main, log, variables, lifeline, writer)
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP)
        os.close(writer)

    def read(self) -> list[str] | None:
        """Return the messages that have arrived; None if the process has ended."""
        data = os.read(self.messages, 65536)
        if not data:
            return None
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        return [json.loads(line) for line in lines]

    def send_signal(self, number: int) -> None:
        """Send a signal to the process and its children."""
        try:
            os.killpg(self.pid, number)
        except ProcessLookupError:  # it does not lead its group yet, or has ended
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def close(self) -> int:
        """Wait for the end of the process; return its exit code, negative for a signal."""
        os.close(self.messages)
        _, status = os.waitpid(self.pid, 0)
        code = os.waitstatus_to_exitcode(status)
        if code:  # it may have left children
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)
        return code


class Children:
    """All child processes by name; those that still run at the end of the context are killed.

    Args:
        logs: folder of their logs.
    """

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._children: dict[str, Child] = {}
        self._selector = selectors.DefaultSelector()
        self._lifeline = os.pipe()

    def log(self, name: str) -> Path:
        """Return the log of a child."""
        return self._logs / f"{name.replace('/', '_').replace(':', '_')}.log"

    def start(self, name: str, main: Main, variables: Mapping[str, str] | None = None) -> None:
        """Start a child."""
        child = Child(main, self.log(name), variables or {}, self._lifeline)
        self._children[name] = child
        self._selector.register(child.messages, selectors.EVENT_READ, name)

    def wait(self, seconds: float) -> Iterator[tuple[str, list[str], int | None]]:
        """Yield what has happened, waiting for it for some seconds at most.

        Yields:
            A child, the messages that it sent, and its exit code if it has ended.
        """
        for key, _ in self._selector.select(seconds):
            name = key.data
            child = self._children[name]
            messages = child.read()
            if messages is not None:
                yield name, messages, None
                continue
            self._selector.unregister(child.messages)
            del self._children[name]
            yield name, [], child.close()

    def send_signal(self, number: int, name: str | None = None) -> None:
        """Send a signal to a child and its children, or to all children."""
        for other, child in self._children.items():
            if name in (None, other):
                child.send_signal(number)

    def __enter__(self) -> Children:
        return self

    def __exit__(self, *error: object) -> None:
        """Kill what is still running, and wait for it."""
        self.send_signal(signal.SIGKILL)
        for child in self._children.values():
            child.close()
        self._children.clear()
        self._selector.close()
        for end in self._lifeline:
            os.close(end)


def _run_child(
    main: Main, log: Path, variables: Mapping[str, str], lifeline: tuple[int, int], writer: int
) -> None:
    """Run a function in a forked process and end the process."""
    code = 1
    try:
        os.setsid()
        reader, other_end = lifeline
        os.close(other_end)
        threading.Thread(target=_die_with_parent, args=(reader,), daemon=True).start()
        _redirect_output(log)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for number in STOP[1:]:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP)
        os.environ.update(variables)

        def send(message: str) -> None:
            data = json.dumps(message).encode() + b"\n"
            while data:
                data = data[os.write(writer, data) :]

        main(send)
        code = 0
    except KeyboardInterrupt:
        code = 130
    except BaseException:
        traceback.print_exc()
    finally:
        with suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _die_with_parent(reader: int) -> None:
    os.read(reader, 1)  # nobody writes: it returns when the parent's end is closed
    os.killpg(0, signal.SIGKILL)


def _redirect_output(log: Path) -> None:
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o666)
    source = os.open(os.devnull, os.O_RDONLY)
    os.dup2(source, 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(output)
    os.close(source)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(line_buffering=True)


class StopSignals:
    """Ctrl-C, SIGTERM and SIGHUP that have arrived; none of them raises."""

    def __init__(self) -> None:
        self.numbers: list[int] = []

    @contextmanager
    def recorded(self) -> Iterator[StopSignals]:
        """Record the signals while the context is open."""
        handlers = {
            number: signal.signal(number, lambda number, frame: self.numbers.append(number))
            for number in STOP
            if signal.getsignal(number) is not signal.SIG_IGN  # nohup, and jobs in the background
        }
        try:
            yield self
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
