"""`seqproof ui`: open MLflow on the runs of this project."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

from pipelines import console, paths
from pipelines.config import params
from pipelines.config.params import Params
from pipelines.errors import UserError, redact
from pipelines.tracking import connection

HOST = "127.0.0.1"


def ui(port: int) -> None:
    """Replace this process by `mlflow ui`; of a remote server, print the address instead.

    Both print a link to the runs of each corpus, whose table has the columns that matter.

    Args:
        port: port on this machine.

    Raises:
        UserError: the current folder is no project, the port is in use, or the store does not
            answer.
    """
    root = console.root()
    config = params.load(root / paths.PARAMS)
    address = connection.tracking_uri(root)
    if connection.is_server(address):
        address = redact(address)
        console.echo(f"MLFLOW_TRACKING_URI names a server. Open {address}")
        _print_links(config, root, address.rstrip("/"))
        return
    _require_free(port)
    connection.ping(root)  # MLflow alone would try for minutes, with its own log
    arguments = connection.ui_arguments(root, HOST, port)
    address = f"http://{HOST}:{port}"
    console.echo(f"MLflow starts in about ten seconds at {address}. Press Ctrl-C to stop it.")
    _print_links(config, root, address)
    sys.stdout.flush()
    command = [sys.executable, "-m", "mlflow", *arguments]
    os.execve(sys.executable, command, connection.ui_env(root))


def _print_links(config: Params, root: Path, address: str) -> None:
    """Print a link to the runs of each corpus, with its metrics as columns."""
    with console.quiet_imports():
        from pipelines.evaluation import metrics
        from pipelines.tracking import run_tables

    columns = {
        f"{config.tracking.experiment_prefix}{name}": [
            metric
            for metric in metrics.of_task(corpus.task, corpus.tokens)
            if metric.has_goals and not metric.optional
        ]
        for name, corpus in config.corpora.items()
    }
    try:
        links = run_tables.run_table_links(root, address, columns)
    except UserError as error:
        console.echo(str(error))
        return
    for experiment, link in links.items():
        console.echo(f"  {experiment}: {link}")


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
