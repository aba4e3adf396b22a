"""Tasks by name."""

from __future__ import annotations

import importlib

from pipelines.config import task_schemas
from pipelines.tasks.base import Task


def get(name: str) -> Task:
    """Return the task of a name.

    Raises:
        UserError: there is no such task.
    """
    schema = task_schemas.get(name)
    task: Task = importlib.import_module(f"pipelines.tasks.{schema.name}").TASK
    return task
