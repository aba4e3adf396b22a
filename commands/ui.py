"""`seqproof ui`: MLflow on the runs of this project."""

from __future__ import annotations

import os
import socket
import sys

from pipelines import console
from pipelines.config import params
from pipelines.errors import UserError
from pipelines.tracking import store

HOST = "127.0.0.1"


def ui(port: int) -> None:
    """Become `mlflow ui` on this machine's port `port`; a remote server has its own address.

    Raises:
        Refusal: this is no project, or the port is in use.
    """
    root = console.root()
    params.load(root / "params.yaml")  # outside a project there is nothing to show
    address = store.tracking_uri(root)
    if address.startswith(("http://", "https://")):
        console.echo(f"MLFLOW_TRACKING_URI names a server, open it: {store.redact(address)}")
        return
    _require_free(port)
    arguments = store.ui_arguments(root, HOST, port)
    console.echo(f"MLflow answers in about ten seconds: http://{HOST}:{port} (Ctrl-C ends it)")
    console.echo(
        "It opens on its pages for traces of language models: choose 'Model training' above them, "
        "and it stays so."
    )
    sys.stdout.flush()
    words = [sys.executable, "-m", "mlflow", *arguments]
    os.execve(sys.executable, words, {**store.SERVER, **os.environ})


def _require_free(port: int) -> None:
    """Refuse a port that another server has: MLflow says so only after a page of its own log."""
    with socket.socket() as tried:
        # As servers do: what only lingers of one that has ended is no hindrance.
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind((HOST, port))
        except OSError as error:
            raise UserError(
                f"Port {port} cannot be had ({error.strerror}): name another one with --port."
            ) from None
