"""Ctrl-C while a program is still importing its libraries; imported before all of them.

Then Ctrl-C ends the program without a traceback, until `console.run_app` handles it. Only programs
of this project do so: an import in a notebook or a test changes nothing.
"""

import signal
import sys
import threading

# The script `seqproof`, or stages/<name>.py, which `python -m` runs.
IS_PROGRAM = sys.argv[0].endswith("/seqproof") or "stages" in sys.argv[0].split("/")[-2:-1]


def quit_on_ctrl_c() -> None:
    """Let Ctrl-C end the program, unless it is ignored, as in background processes of a shell."""
    is_default = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if is_default and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_DFL)


def raise_on_ctrl_c() -> None:
    """Let Ctrl-C raise KeyboardInterrupt again."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
        signal.signal(signal.SIGINT, signal.default_int_handler)


if IS_PROGRAM:
    quit_on_ctrl_c()
