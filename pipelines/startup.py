"""First steps of a program, before its other imports.

Ctrl-C ends a program that is still importing its libraries without a traceback, until
`console.run_app` handles it. Garbage is collected rarely. If there is a fork server, it runs the
program. All three concern programs of this project only: an import in a notebook or a test changes
nothing.
"""

import atexit
import gc
import os
import signal
import sys
import threading

# The script `seqproof`, or stages/<name>.py, which `python -m` runs.
IS_PROGRAM = sys.argv[0].endswith("/seqproof") or "stages" in sys.argv[0].split("/")[-2:-1]
# Read by the libraries at import, so set before any of them is imported.
QUIET = {
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "GX_ANALYTICS_ENABLED": "false",
    "TQDM_DISABLE": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "GIT_PYTHON_REFRESH": "quiet",
}


def quit_on_ctrl_c() -> None:
    """Let Ctrl-C end the program, unless it is ignored, as in background processes of a shell."""
    is_default = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if is_default and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_DFL)


def raise_on_ctrl_c() -> None:
    """Let Ctrl-C raise KeyboardInterrupt again."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
        signal.signal(signal.SIGINT, signal.default_int_handler)


for _key, _value in QUIET.items():
    os.environ.setdefault(_key, _value)
if IS_PROGRAM:
    quit_on_ctrl_c()
    # Nearly all objects last as long as the program. Looking for garbage among them takes a third
    # of a short program's time, half of it at the very end.
    gc.set_threshold(100_000, 10, 10)
    atexit.register(gc.freeze)
    if os.environ.get("SEQPROOF_FORK_SERVER"):
        from pipelines import fork_client

        fork_client.hand_over()
