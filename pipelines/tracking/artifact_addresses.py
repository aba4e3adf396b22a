"""Addresses of artifacts in a project's own database, which follow the project when it is moved.

MLflow records absolute addresses. In a moved or copied project they would name the folder of the
first one: its artifacts would be missing, or be written into the original.
"""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path

FOLDER = "mlartifacts"
COLUMNS = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)
TIMEOUT = 120.0  # seconds to wait for another process that writes
# A local address below the folder: `file:///home/me/project/mlartifacts/0`, or such a path.
_ADDRESS = re.compile(rf"(?:file:)?/.*/{FOLDER}(?P<rest>/.*)?")


def update(file: Path, folder: Path) -> None:
    """Make all addresses in a database name the folder of artifacts beside it.

    Args:
        file: MLflow's SQLite file.
        folder: the folder of artifacts of its project.

    Raises:
        sqlite3.Error: the file is no database, or another process does not finish in time.
    """
    address = folder.as_uri()

    def updated(recorded: str | None) -> str | None:
        match = None if recorded is None else _ADDRESS.fullmatch(recorded)
        return recorded if match is None else f"{address}{match['rest'] or ''}"

    with closing(sqlite3.connect(file, timeout=TIMEOUT)) as database:
        database.create_function("updated", 1, updated, deterministic=True)
        tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master")}
        existing = [(table, column) for table, column in COLUMNS if table in tables]
        # Every database has an experiment, whose address changes with all others.
        if existing[:1] == [COLUMNS[0]] and _is_outdated(database, *COLUMNS[0]):
            with database:
                for table, column in existing:
                    database.execute(f"UPDATE {table} SET {column} = updated({column})")


def _is_outdated(database: sqlite3.Connection, table: str, column: str) -> bool:
    query = f"SELECT count(*) FROM {table} WHERE {column} IS NOT updated({column})"
    ((count,),) = database.execute(query)
    return bool(count)
