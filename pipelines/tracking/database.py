"""Database servers as tracking stores: PostgreSQL, MySQL and SQL Server."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from pipelines.errors import UserError, redact

PORTS = {"postgresql": 5432, "mysql": 3306, "mssql": 1433}
TIMEOUT = 5.0  # seconds
# Of SQLAlchemy's messages: the class of the driver's error, and a link to a page about it.
NOISE = re.compile(r"^\(\w+\.[\w.]+\) |\(Background on this error at: \S+\)")
LOCK = 7_368_113  # of PostgreSQL, for those who create tables: the same on all machines


def is_database(uri: str) -> bool:
    """Return True for the address of a database server."""
    return _kind(uri) in PORTS


def ping(uri: str) -> None:
    """Open a connection, and create nothing.

    Args:
        uri: address of the database.

    Raises:
        Exception: of the system or the driver, if it cannot be opened.
    """
    parts = urlsplit(uri)
    address = (parts.hostname or "localhost", parts.port or PORTS[_kind(uri)])
    socket.create_connection(address, timeout=TIMEOUT).close()
    with _connection(uri):
        pass


def prepare(uri: str, artifacts: str | None) -> None:
    """Connect once, and create MLflow's tables in an empty database.

    MLflow alone would try to connect for two minutes, and the experiment that it creates with the
    tables would keep its artifacts in the current folder of this machine.

    Args:
        uri: address of the database.
        artifacts: where experiments keep their artifacts.

    Raises:
        Exception: of the driver or MLflow.
    """
    import sqlalchemy

    with _connection(uri) as opened:
        if opened.dialect.name == "postgresql":  # of two machines at once, one would fail
            opened.execute(sqlalchemy.text(f"SELECT pg_advisory_xact_lock({LOCK})"))
        if not sqlalchemy.inspect(opened).has_table("experiments"):
            from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

            SqlAlchemyStore(uri, artifacts).engine.dispose()


@contextmanager
def _connection(uri: str) -> Iterator[Any]:
    import sqlalchemy

    try:
        engine = sqlalchemy.create_engine(uri, poolclass=sqlalchemy.NullPool)
    except ImportError as error:
        raise UserError(
            f"The Python package '{error.name}', which connects to {redact(uri)}, is not "
            "installed. Install it in the environment of seqproof."
        ) from None
    with engine.connect() as opened:
        yield opened


def _kind(uri: str) -> str:
    return re.split(r"[+:]", uri)[0]
