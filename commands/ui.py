"""`seqproof ui`: open MLflow on the runs of this project."""

from __future__ import annotations

import os
import socket
import sys

from pipelines import console, paths
from pipelines.config import params
from pipelines.errors import UserError
from pipelines.tracking import connection

HOST = "127.0.0.1"


def ui(port: int) -> None:
    """Replace this process by `mlflow ui`; of a remote server, print the address instead.

    Args:
        port: port on this machine.

    Raises:
        UserError: the current folder is no project, or the port is in use.
    """
    root = console.root()
    params.load(root / paths.PARAMS)  # refuse a folder that is no project
    address = connection.tracking_uri(root)
    if address.startswith(("http://", "https://")):
        console.echo(f"MLFLOW_TRACKING_URI names a server. Open {connection.redact(address)}")
        return
    _require_free(port)
    arguments = connection.ui_arguments(root, HOST, port)
    console.echo(
        f"MLflow starts in about ten seconds at http://{HOST}:{port}. Press Ctrl-C to stop it."
    )
    console.echo(
        "MLflow opens on its pages for traces. Choose 'Model training' above them; MLflow "
        "remembers the choice."
    )
    sys.stdout.flush()
    command = [sys.executable, "-m", "mlflow", *arguments]
    os.execve(sys.executable, command, {**connection.SERVER_ENV, **os.environ})


def _require_free(port: int) -> None:
    """Refuse a port in use: MLflow would report it only after a page of its own log."""
    with socket.socket() as probe:
        # Servers set this option, too: connections that linger after a stopped server do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise UserError(
                f"Port {port} is not available ({error.strerror}). Set another one with --port."
            ) from None
