"""`seqproof ui`: MLflow on the runs of this project."""

from __future__ import annotations

import os
import sys

from pipelines import console, params
from pipelines.tracking import store


def ui(port: int) -> None:
    """Become `mlflow ui` on this machine's port `port`; a remote server has its own address."""
    root = console.root()
    params.load(root / "params.yaml")  # outside a project there is nothing to show
    address = store.address(root)
    if address.startswith(("http://", "https://")):
        console.note(f"MLFLOW_TRACKING_URI names a server, open it: {store.shown(address)}")
        return
    arguments = store.ui_arguments(root, port)
    console.note(f"MLflow answers in about ten seconds: http://127.0.0.1:{port} (Ctrl-C ends it)")
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", "mlflow", *arguments])
